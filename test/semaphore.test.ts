import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createSemaphore, type QueueKey } from '../src/semaphore.ts'

/** A semaphore with one slot that is held, and what has been served since, by name. */
async function held({ maxQueue }: { maxQueue: number }) {
  const semaphore = createSemaphore({ name: 'tests', max: 1, maxQueue, now: () => 0 })
  const served: string[] = []
  const refused: string[] = []
  const waiting: Promise<unknown>[] = []
  const wait = (caller: QueueKey, name: string, given: { last?: boolean; signal?: AbortSignal } = {}) =>
    waiting.push(
      semaphore
        .run(caller, async () => void served.push(name), given)
        .catch((error) => {
          refused.push(`${name}: ${error.message}`)
        }),
    )
  const release = await semaphore.acquire('holder')
  return {
    ...semaphore,
    served,
    refused,
    wait,
    /** The holder is done, so all others are served. */
    async done() {
      release()
      await Promise.all(waiting)
    },
  }
}

test('As many as may run at a time, the others in their order, and one too many is refused', async () => {
  const { run, queueLength } = createSemaphore({ name: 'tests', max: 2, maxQueue: 12 })
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
  const all = [0, 1, 2, 3, 4].map((i) => run(1, () => work(i)))
  expect(queueLength()).toBe(3)
  await expect(run(1, () => work(5))).rejects.toMatchObject({ code: 'overloaded' })
  expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4])
  expect(begun).toEqual([0, 1, 2, 3, 4])
  expect(most).toBe(2)
})

test('What waits too long is refused, and its place in the queue is free', async () => {
  const semaphore = createSemaphore({ name: 'tests', max: 1, maxQueue: 1, maxWaitMs: 1 })
  const release = await semaphore.acquire(1)
  await expect(semaphore.acquire(2)).rejects.toMatchObject({ code: 'overloaded' })
  expect(semaphore.queueLength()).toBe(0)
  release()
  release()
  expect(await semaphore.run(2, async () => 'in')).toBe('in')
})

test('What fails gives its place back, at once or later', async () => {
  const { run } = createSemaphore({ name: 'tests', max: 1 })
  const fail = (): never => {
    throw new Error('x')
  }
  await expect(run(1, async () => fail())).rejects.toThrow('x')
  await expect(run(1, fail)).rejects.toThrow('x')
  expect(await run(1, async () => 'in')).toBe('in')
})

test('Callers are served in turn, each in its own order, whoever came first', async () => {
  const { wait, served, done } = await held({ maxQueue: 40 })
  for (const i of [1, 2, 3, 4]) wait('loud', `loud ${i}`)
  wait(7, 'ann 1')
  wait('203.0.113.7', 'bob 1')
  wait(7, 'ann 2')
  await done()
  expect(served).toEqual(['loud 1', 'ann 1', 'bob 1', 'loud 2', 'ann 2', 'loud 3', 'loud 4'])
})

test('The networks of one site share its turns', async () => {
  const { wait, served, done } = await held({ maxQueue: 40 })
  const site = '2001:db8:1::/48'
  for (const i of [1, 2, 3]) wait([site, `2001:db8:1:${i}::/64`], `site ${i}`)
  wait([site, '2001:db8:1:1::/64'], 'site 1 again')
  wait('203.0.113.7', 'ann 1')
  wait('203.0.113.7', 'ann 2')
  await done()
  expect(served).toEqual(['site 1', 'ann 1', 'site 2', 'ann 2', 'site 3', 'site 1 again'])
})

test('No caller fills the queue: it has a quarter, a site half', async () => {
  const { wait, served, refused, queueLength, done } = await held({ maxQueue: 8 })
  for (const i of [1, 2, 3]) wait('loud', `loud ${i}`)
  const site = '2001:db8:1::/48'
  for (const i of [1, 2, 3, 4, 5]) wait([site, `2001:db8:1:${i}::/64`], `site ${i}`)
  wait('ann', 'ann')
  wait('bob', 'bob')
  wait('cid', 'cid')
  expect(queueLength()).toBe(8)
  await done()
  expect(served).toEqual(['loud 1', 'site 1', 'ann', 'bob', 'loud 2', 'site 2', 'site 3', 'site 4'])
  expect(refused).toEqual([
    expect.stringMatching(/^loud 3: Other tests of yours are under way: try again in \d+ s$/),
    expect.stringMatching(/^site 5: Other tests of yours/),
    expect.stringMatching(/^cid: Too many tests are under way/),
  ])
})

test('A slot that would come later than in 5 s at the measured pace is refused at once, with when to come again', async () => {
  let time = 0
  const semaphore = createSemaphore({ name: 'tests', max: 2, maxQueue: 100, now: () => time })
  const slow = await semaphore.acquire(1)
  time += 4_000
  slow()
  const slots = await Promise.all([semaphore.acquire(1), semaphore.acquire(2)])
  const [third, fourth] = [semaphore.acquire(3), semaphore.acquire(4)]
  const { code, headers } = await semaphore.acquire(3).catch((error) => error)
  expect([code, headers['retry-after']]).toEqual(['overloaded', '6'])
  for (const slot of slots) slot()
  for (const slot of await Promise.all([third, fourth])) slot()
  for (let i = 0; i < 20; i++) (await semaphore.acquire(1))()
  const again = await Promise.all([semaphore.acquire(1), semaphore.acquire(2)])
  const many = Array.from({ length: 25 }, () => semaphore.run(3, async () => 'in'))
  for (const slot of again) slot()
  expect(new Set(await Promise.all(many))).toEqual(new Set(['in']))
})

test('One of a caller at a time: its second waits, others go on, and a site has four', async () => {
  const semaphore = createSemaphore({ name: 'tests', max: 10, maxPerCaller: 1, maxQueue: 40 })
  const first = await semaphore.acquire(1)
  let isServed = false
  const second = semaphore.run(1, async () => {
    isServed = true
  })
  ;(await semaphore.acquire(2))()
  expect(isServed).toBe(false)
  first()
  await second
  const at = (i: number) => semaphore.acquire(['2001:db8:1::/48', `2001:db8:1:${i}::/64`])
  const four = await Promise.all([1, 2, 3, 4].map(at))
  const fifth = at(5)
  expect(semaphore.queueLength()).toBe(1)
  four[0]?.()
  ;(await fifth)()
  const without = createSemaphore({ name: 'tests', max: 10, maxPerCaller: 1 })
  await without.acquire(1)
  await expect(without.acquire(1)).rejects.toThrow('Other tests of yours are under way: try again in 1 s')
})

test('What comes last is served when nobody else waits', async () => {
  const { wait, served, done } = await held({ maxQueue: 40 })
  wait('loud', 'last', { last: true })
  wait('ann', 'ann')
  wait('bob', 'bob')
  await done()
  expect(served).toEqual(['ann', 'bob', 'last'])
})

test('A client that has gone leaves the queue', async () => {
  const { wait, served, refused, queueLength, done } = await held({ maxQueue: 40 })
  const client = new AbortController()
  wait('gone', 'gone', { signal: client.signal })
  wait('ann', 'ann')
  client.abort(new Error('it went'))
  expect(queueLength()).toBe(1)
  await done()
  wait('gone', 'gone before', { signal: client.signal })
  await done()
  expect([served, refused]).toEqual([['ann'], ['gone: it went', 'gone before: it went']])
})
