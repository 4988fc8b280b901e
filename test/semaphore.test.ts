import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createSemaphore } from '../src/semaphore.ts'

test('As many as may run at a time, the others in their order, and one too many is refused', async () => {
  const { run, queueLength } = createSemaphore({ name: 'tests', max: 2, maxQueue: 3, maxWaitMs: 10_000 })
  const begun: number[] = []
  let inside = 0
  let most = 0
  const work = async (i: number) => {
    begun.push(i)
    most = Math.max(most, ++inside)
    await sleep(1)
    inside--
    return i
  }
  const all = [0, 1, 2, 3, 4].map((i) => run(() => work(i)))
  expect(queueLength()).toBe(3)
  await expect(run(() => work(5))).rejects.toMatchObject({ code: 'overloaded' })
  expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4])
  expect(begun).toEqual([0, 1, 2, 3, 4])
  expect(most).toBe(2)
})

test('What waits too long is refused, and its place in the queue is free', async () => {
  const semaphore = createSemaphore({ name: 'tests', max: 1, maxQueue: 1, maxWaitMs: 1 })
  const release = await semaphore.acquire()
  await expect(semaphore.acquire()).rejects.toMatchObject({ code: 'overloaded' })
  expect(semaphore.queueLength()).toBe(0)
  release()
  release()
  expect(await semaphore.run(async () => 'in')).toBe('in')
})

test('What fails gives its place back, at once or later', async () => {
  const { run } = createSemaphore({ name: 'tests', max: 1 })
  const fail = (): never => {
    throw new Error('x')
  }
  await expect(run(async () => fail())).rejects.toThrow('x')
  await expect(run(fail)).rejects.toThrow('x')
  expect(await run(async () => 'in')).toBe('in')
})
