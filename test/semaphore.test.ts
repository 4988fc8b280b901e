import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createGate } from '../src/semaphore.ts'

test('As many as may are inside at a time, the others in their order, and who is too many is refused', async () => {
  const { run, waiting } = createGate({ name: 'tests', max: 2, waiting: 3, waitMs: 10_000 })
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
  expect(waiting()).toBe(3)
  await expect(run(() => work(5))).rejects.toMatchObject({ code: 'overloaded' })
  expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4])
  expect(begun).toEqual([0, 1, 2, 3, 4])
  expect(most).toBe(2)
})

test('Who waits too long is refused, and its place in the queue is free', async () => {
  const gate = createGate({ name: 'tests', max: 1, waiting: 1, waitMs: 1 })
  const leave = await gate.enter()
  await expect(gate.enter()).rejects.toMatchObject({ code: 'overloaded' })
  expect(gate.waiting()).toBe(0)
  leave()
  leave()
  expect(await gate.run(async () => 'in')).toBe('in')
})

test('What fails leaves, at once or later', async () => {
  const { run } = createGate({ name: 'tests', max: 1 })
  const fail = (): never => {
    throw new Error('x')
  }
  await expect(run(async () => fail())).rejects.toThrow('x')
  await expect(run(fail)).rejects.toThrow('x')
  expect(await run(async () => 'in')).toBe('in')
})
