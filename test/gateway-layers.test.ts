import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { connect } from '../src/db/connect.ts'
import { AppError } from '../src/errors.ts'
import { filmRequest, searchRequest } from '../src/kinopoisk/endpoints.ts'
import { failureOf, UpstreamFailure } from '../src/kinopoisk/failures.ts'
import { cached, type EntryFreshness, stored } from '../src/kinopoisk/layers/cache.ts'
import { createCircuitBreakers } from '../src/kinopoisk/layers/circuit-breakers.ts'
import { createPatience } from '../src/kinopoisk/layers/patience.ts'
import { retried } from '../src/kinopoisk/layers/retry.ts'
import { sharedFlight } from '../src/kinopoisk/layers/shared-flight.ts'
import { coalesced } from '../src/kinopoisk/layers/single-flight.ts'
import { createMetrics } from '../src/kinopoisk/metrics.ts'
import {
  type CallContext,
  compose,
  timeLeft,
  type UpstreamFetch,
  type UpstreamRequest,
  type UpstreamResponse,
} from '../src/kinopoisk/request.ts'
import { createLeaseRepository } from '../src/kinopoisk/store/leases.ts'
import { createResponseRepository } from '../src/kinopoisk/store/responses.ts'
import { cloneDatabase } from './support/databases.ts'
import { stoppedClock } from './support/movies.ts'
import { patient } from './support/patience.ts'

const asked = new Date('2026-06-01T12:00:00.500Z')
const request = filmRequest(7)
const text = (year: number) => JSON.stringify({ kinopoiskId: 7, year })
const within = (ms: number, context: Partial<CallContext> = {}): CallContext => ({
  purpose: 'interactive',
  deadline: performance.now() + ms,
  ...context,
})

/** An upstream that answers every request for film 7, and counts. */
function upstream(work: () => Promise<unknown> = async () => {}) {
  const calls: CallContext[] = []
  const fetch: UpstreamFetch = async (request, context) => {
    calls.push(context)
    await work()
    const value = request.read({ kinopoiskId: 7, year: 2000 + calls.length })
    if (!value) throw new Error('not the request of these tests')
    return { value, text: text(2000 + calls.length), fetchedAt: new Date(), via: 'miss' }
  }
  return { fetch, calls }
}

let database: ReturnType<typeof connect>
let responses: ReturnType<typeof createResponseRepository>
beforeAll(async () => {
  database = connect(await cloneDatabase())
  responses = createResponseRepository(database.db)
})
afterEach(() => database.sql`truncate kinopoisk_answers, kinopoisk_leases`)
afterAll(() => database.close())

describe('the cache layer', () => {
  const { clock } = stoppedClock()
  const errors: unknown[] = []
  const background: Promise<void>[] = []
  const options = {
    clock,
    freshness: { find: (_path: string, read: () => Promise<EntryFreshness | undefined>) => read() },
    metrics: createMetrics(),
    runInBackground: (work: Promise<void>) => void background.push(work),
    onUnexpected: (error: unknown) => void errors.push(error),
    isPageWaiting: () => false,
  }
  const responseOf = (seconds: number, year: number) => ({
    text: text(year),
    fetchedAt: new Date(asked.getTime() + seconds * 1000),
    expiresAt: new Date(asked.getTime() + (seconds + 60) * 1000),
  })

  test.each([
    ['first', [1, 2, 3]],
    ['last', [3, 2, 1]],
    ['in between', [2, 3, 1]],
  ])('of responses written by many replicas the newest stays, even if written %s', async (_, order) => {
    for (const second of order) await responses.save(request.path, responseOf(second, 2000 + second))
    expect(await responses.find(request.path)).toEqual(responseOf(3, 2003))
  })

  test('responses written at once leave the newest', async () => {
    await Promise.all([4, 9, 1, 7, 5, 2].map((n) => responses.save(request.path, responseOf(n, 2000 + n))))
    expect(await responses.find(request.path)).toEqual(responseOf(9, 2009))
  })

  test('a response becomes a 404 and back as upstream changes its mind', async () => {
    await responses.save(request.path, responseOf(1, 2001))
    await responses.save(request.path, { ...responseOf(2, 0), text: null })
    expect((await responses.find(request.path))?.text).toBeNull()
    const layer = cached(responses, { ...options, clock: { ...clock, now: () => asked } })
    expect(await layer(upstream().fetch)(request, within(1000))).toMatchObject({ value: null, via: 'hit' })
  })

  test('a stored response that this version cannot read is fetched again', async () => {
    await responses.save(request.path, { ...responseOf(0, 0), text: '{"kinopoiskId":"seven"}' })
    const { fetch, calls } = upstream()
    const layer = cached(responses, { ...options, clock: { ...clock, now: () => asked } })
    expect(await layer(fetch)(request, within(1000))).toMatchObject({ value: { kinopoiskId: 7 } })
    expect(calls).toHaveLength(1)
  })

  test('while a page of popular films waits for the quota, one expired response in an hour is fetched again', async () => {
    const requests = [1, 2, 3].map((n) => ({ ...request, path: `${request.path}?n=${n}` }))
    for (const { path } of requests) await responses.save(path, responseOf(-3600, 1999))
    const { clock: time, pass } = stoppedClock()
    const { fetch, calls } = upstream()
    let isPageWaiting = true
    const layer = cached(responses, { ...options, clock: time, isPageWaiting: () => isPageWaiting })(fetch)
    const ask = async (n: 1 | 2 | 3) => {
      const { via, reason } = await layer(requests[n - 1] ?? request, within(1000))
      await Promise.all(background.splice(0))
      return [via, reason, calls.length]
    }
    expect(await ask(1)).toEqual(['stale', 'refreshing', 1])
    expect(await ask(2)).toEqual(['stale', 'upstream_quota_exhausted', 1])
    pass(3599)
    expect(await ask(2)).toEqual(['stale', 'upstream_quota_exhausted', 1])
    pass(1)
    expect(await ask(2)).toEqual(['stale', 'refreshing', 2])
    isPageWaiting = false
    expect(await ask(3)).toEqual(['stale', 'refreshing', 3])
  })

  test('a bug in the background is reported, and the old response served', async () => {
    await responses.save(request.path, responseOf(-3600, 1999))
    const { fetch } = upstream(async () => {
      throw new TypeError('a bug')
    })
    expect(await cached(responses, options)(fetch)(request, within(1000))).toMatchObject({ via: 'stale' })
    await Promise.all(background)
    expect(errors).toEqual([new TypeError('a bug')])
  })

  test('many requests for an expired response are one revalidation', async () => {
    await responses.save(request.path, responseOf(-3600, 1999))
    const released = Promise.withResolvers<void>()
    const { fetch, calls } = upstream(() => released.promise)
    const metrics = createMetrics()
    const layer = cached(responses, { ...options, metrics })(fetch)
    await Promise.all(Array.from({ length: 100 }, () => layer(request, within(1000))))
    released.resolve()
    await Promise.all(background)
    expect(calls).toHaveLength(1)
    const { values } = await metrics.refreshes.get()
    expect(values.filter(({ value }) => value > 0)).toMatchObject([{ labels: { outcome: 'ok' }, value: 1 }])
    await layer(request, within(1000))
    await Promise.all(background)
    expect(calls).toHaveLength(2)
  })

  test('the reason of a failed revalidation comes with the old response, until one succeeds', async () => {
    await responses.save(request.path, responseOf(-3600, 1999))
    let down = true
    const { fetch } = upstream(async () => {
      if (down) throw new AppError('upstream_timeout')
    })
    const layer = cached(responses, options)(stored(responses, { ...clock, now: () => new Date() })(fetch))
    const reason = async () => {
      const { reason, value } = await layer(request, within(1000))
      expect(value).toMatchObject({ year: 1999 })
      await Promise.all(background)
      return reason
    }
    expect([await reason(), await reason()]).toEqual(['refreshing', 'upstream_timeout'])
    down = false
    expect(await reason()).toBe('upstream_timeout')
    expect(await layer(request, within(1000))).toMatchObject({ value: { year: 2003 }, via: 'hit' })
  })

  test("an expired 404 gives way to upstream's word, and stays when there is none", async () => {
    const path = request.path
    await responses.save(path, { ...responseOf(-7200, 0), text: null })
    const broken = cached(
      responses,
      options,
    )(
      upstream(async () => {
        throw new TypeError('a bug')
      }).fetch,
    )
    await expect(broken(request, within(1000))).rejects.toThrow('a bug')
    const down = cached(
      responses,
      options,
    )(
      upstream(async () => {
        throw new AppError('upstream_timeout')
      }).fetch,
    )
    expect(await down(request, within(1000))).toMatchObject({ value: null, via: 'stale', reason: 'upstream_timeout' })
    const up = cached(responses, options)(upstream().fetch)
    expect(await up(request, within(1000))).toMatchObject({ value: { year: 2001 } })
  })
})

describe('single flight in a process', () => {
  const single = { metrics: createMetrics(), runInBackground: () => {} }

  test('a thousand equal requests are one call, and all but one say so', async () => {
    const { fetch, calls } = upstream(() => sleep(20))
    const layer = coalesced(single)(fetch)
    const all = await Promise.all(Array.from({ length: 1000 }, () => layer(request, within(1000))))
    expect(calls).toHaveLength(1)
    expect(all.filter(({ collapsed }) => collapsed)).toHaveLength(999)
    expect(new Set(all.map(({ text }) => text)).size).toBe(1)
    await layer(request, within(1000))
    expect(calls).toHaveLength(2)
  })

  test('a failure is shared by waiting callers, and not stored', async () => {
    let fails = true
    const { fetch, calls } = upstream(async () => {
      await sleep(20)
      if (fails) throw new UpstreamFailure('timeout', undefined)
    })
    const layer = coalesced(single)(fetch)
    const all = await Promise.allSettled(Array.from({ length: 100 }, () => layer(request, within(1000))))
    expect(all.every(({ status }) => status === 'rejected')).toBe(true)
    expect(calls).toHaveLength(1)
    fails = false
    expect(await layer(request, within(1000))).toMatchObject({ value: { kinopoiskId: 7 } })
  })

  test('each caller waits until its own deadline, and the flight goes on', async () => {
    const released = Promise.withResolvers<void>()
    const { fetch, calls } = upstream(() => released.promise)
    const works: Promise<void>[] = []
    const layer = coalesced({ ...single, runInBackground: (work) => works.push(work) })((request, context) => {
      context.called = true
      return fetch(request, context)
    })
    const patientOne = layer(request, within(60_000))
    await expect(layer(request, within(10))).rejects.toMatchObject({ outcome: 'timeout', code: 'upstream_timeout' })
    released.resolve()
    expect(await layer(request, within(60_000))).toMatchObject({ value: { year: 2001 }, collapsed: true })
    expect(await patientOne).toMatchObject({ value: { year: 2001 } })
    await Promise.all(works)
    expect([calls.length, works.length]).toEqual([1, 1])
    // The last of its callers decides how long the flight may wait.
    expect(calls[0]?.deadline).toBeGreaterThan(performance.now() + 10_000)
  })

  test('at the deadline our own database is waited for, and upstream is not', { tags: 'slow' }, async () => {
    const called = Promise.withResolvers<void>()
    const layer = coalesced(single)(async (_, context) => {
      await called.promise
      context.called = true
      return new Promise(() => {})
    })
    const call = layer(request, within(0)).catch((error) => error)
    expect(await Promise.race([call, sleep(300, 'waits')])).toBe('waits')
    called.resolve()
    expect(await call).toMatchObject({ code: 'upstream_timeout' })
    const slow = coalesced(single)(upstream(() => sleep(300)).fetch)
    expect(await slow(request, within(0))).toMatchObject({ value: { year: 2001 } })
  })

  test('a failure that no caller waits for is no unhandled one', async () => {
    const released = Promise.withResolvers<void>()
    const { fetch } = upstream(() => released.promise)
    const works: Promise<void>[] = []
    const layer = coalesced({ ...single, runInBackground: (work) => works.push(work) })((request, context) => {
      context.called = true
      return fetch(request, context)
    })
    await expect(layer(request, within(0))).rejects.toMatchObject({ code: 'upstream_timeout' })
    released.reject(new UpstreamFailure('timeout', undefined))
    await Promise.all(works)
  })

  test('other requests and other purposes are calls of their own', async () => {
    const seen: string[] = []
    const layer = coalesced(single)(async (request, { purpose }) => {
      seen.push(`${purpose} ${request.path}`)
      await sleep(20)
      return { value: null, text: null, fetchedAt: asked, via: 'miss' }
    })
    await Promise.all([
      layer(request, within(1000)),
      layer(filmRequest(8), within(1000)),
      layer(request, within(1000, { purpose: 'refresh' })),
    ])
    expect(new Set(seen).size).toBe(3)
  })
})

describe('single flight over replicas', () => {
  const { clock } = stoppedClock()

  /** A replica with its own connections, for leases; responses are stored. */
  async function replica(fetch: UpstreamFetch, { leaseMs = 1000, listening = true } = {}) {
    const own = connect((await databaseUrl()) ?? '', { max: 4 })
    const leases = createLeaseRepository(own)
    if (listening) await leases.listen()
    const responses = createResponseRepository(own.db)
    const layer = sharedFlight({ responses, leases, metrics: createMetrics(), leaseMs })
    const composed = layer(stored(responses, { ...clock, now: () => new Date() })(fetch))
    closes.push(own.close)
    return { fetch: composed, leases, database: own }
  }
  const closes: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closes.splice(0)) await close()
  })
  const databaseUrl = async () => {
    const { host, port, database: name, user } = database.sql.options
    return `postgres://${user}@localhost:${port}/${name}?host=${encodeURIComponent(String(host[0]))}`
  }

  test.each([true, false])('one call for all of them; notifications had: %s', { tags: 'slow' }, async (listening) => {
    const { fetch, calls } = upstream(() => sleep(100))
    const replicas = await Promise.all([1, 2, 3].map(() => replica(fetch, { listening })))
    const all = await Promise.all(replicas.map((each) => each.fetch(request, within(5000))))
    expect(calls).toHaveLength(1)
    expect(all.map(({ value }) => value)).toEqual(Array(3).fill({ kinopoiskId: 7, year: 2001 }))
    expect(all.filter(({ collapsed }) => collapsed)).toHaveLength(2)
    expect(await database.sql`select from kinopoisk_leases`).toHaveLength(0)
  })

  test('a caller with the expired response waits for a newer one', async () => {
    const { fetch, calls } = upstream(() => sleep(50))
    await responses.save(request.path, { text: text(1999), fetchedAt: asked, expiresAt: asked })
    const replicas = await Promise.all([replica(fetch), replica(fetch)])
    const all = await Promise.all(replicas.map((each) => each.fetch(request, within(5000, { newerThan: asked }))))
    expect(all.map(({ value, via }) => [value, via])).toEqual(
      Array(2).fill([{ kinopoiskId: 7, year: 2001 }, 'revalidated']),
    )
    expect(calls).toHaveLength(1)
  })

  test("upstream's failure is shared once and then dropped", { tags: 'slow' }, async () => {
    let fails = true
    const { fetch, calls } = upstream(async () => {
      await sleep(100)
      if (fails) throw failureOf(429, '7')
    })
    const replicas = await Promise.all([replica(fetch), replica(fetch), replica(fetch)])
    const all = await Promise.allSettled(replicas.map((each) => each.fetch(request, within(5000))))
    for (const each of all) {
      expect(each).toMatchObject({ reason: { code: 'upstream_rate_limited', headers: { 'retry-after': '7' } } })
    }
    expect(calls).toHaveLength(1)
    fails = false
    expect(await replicas[2]?.fetch(request, within(5000))).toMatchObject({ value: { kinopoiskId: 7 } })
    expect(calls).toHaveLength(2)
  })

  test('a call that ends with its replica is made again by the next one', async () => {
    const destroyed = Object.assign(new Error('destroyed'), { code: 'UND_ERR_DESTROYED' })
    const { fetch, calls } = upstream()
    const ending = Promise.withResolvers<void>()
    const first = await replica(async () => {
      await ending.promise
      throw new UpstreamFailure('connection', destroyed)
    })
    const lost = first.fetch(request, within(5000)).catch((error) => error)
    await vi.waitFor(async () => expect(await database.sql`select from kinopoisk_leases`).toHaveLength(1), patient)
    const answered = (await replica(fetch)).fetch(request, within(20_000))
    ending.resolve()
    expect(await lost).toMatchObject({ abandoned: true })
    expect(await answered).toMatchObject({ value: { kinopoiskId: 7 } })
    expect(calls).toHaveLength(1)
  })

  test('a refusal of our own is nobody else: the next one asks', async () => {
    const refusing: UpstreamFetch = async () => {
      await sleep(50)
      throw new AppError('upstream_quota_exhausted')
    }
    const { fetch, calls } = upstream()
    const [first, second] = [await replica(refusing), await replica(fetch)]
    const refused = first.fetch(request, within(5000)).catch((error) => error)
    await vi.waitFor(async () => expect(await database.sql`select from kinopoisk_leases`).toHaveLength(1), patient)
    const answered = second.fetch(request, within(5000))
    expect(await refused).toMatchObject({ code: 'upstream_quota_exhausted' })
    expect(await answered).toMatchObject({ value: { kinopoiskId: 7 } })
    expect(calls).toHaveLength(1)
  })

  test('the leader dies: a follower takes over once the lease is over', { tags: 'slow' }, async () => {
    const { fetch, calls } = upstream()
    const { leases, fetch: follow } = await replica(fetch)
    // A leader that has taken the lease and never comes back.
    expect(await leases.take(request.path, crypto.randomUUID(), 500)).toBe(true)
    expect(await follow(request, within(10_000))).toMatchObject({ value: { kinopoiskId: 7 } })
    expect(calls).toHaveLength(1)
  })

  test('a leader that lives keeps the lease however long upstream takes', { tags: 'slow' }, async () => {
    const { fetch, calls } = upstream(() => sleep(1500))
    const replicas = await Promise.all([replica(fetch, { leaseMs: 300 }), replica(fetch, { leaseMs: 300 })])
    await Promise.all(replicas.map((each) => each.fetch(request, within(10_000))))
    expect(calls).toHaveLength(1)
  })

  test('the heartbeat of many leaders is one statement, and the next one waits for it', { tags: 'slow' }, async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
    const { fetch, database: own } = await replica(upstream(() => answered).fetch, { leaseMs: 300 })
    const unanswered = () => own.stats().active + own.stats().waiting
    const paths = Array.from({ length: 20 }, (_, i) => `/films/${i}`)
    const asked = paths.map((path) => fetch({ ...request, path }, within(30_000)))
    await vi.waitFor(async () => expect(await database.sql`select from kinopoisk_leases`).toHaveLength(20), patient)
    await database.sql.begin(async (tx) => {
      await tx`lock table kinopoisk_leases in exclusive mode`
      await vi.waitFor(() => expect(unanswered()).toBe(1), patient)
      await sleep(500) // of five more
      expect(unanswered()).toBe(1)
    })
    answer()
    await Promise.all(asked)
  })

  test('a heartbeat that comes behind the end brings nothing back to life', async () => {
    const { leases } = await replica(upstream().fetch)
    const holder = crypto.randomUUID()
    await leases.take('/late', holder, 1000)
    await leases.release('/late', holder, { outcome: 'timeout', retryAfter: null })
    await leases.extend(new Map([[holder, '/late']]), 60_000)
    expect(await leases.find('/late')).toMatchObject({ isHeld: false, failure: 'timeout' })
    await leases.take('/late', holder, 1000)
    await leases.release('/late', holder)
    await leases.extend(new Map([[holder, '/late']]), 60_000)
    expect(await leases.find('/late')).toBeUndefined()
  })

  test('a caller that waits too long gets a timeout, and no call is sent', { tags: 'slow' }, async () => {
    const { fetch, calls } = upstream()
    const { leases, fetch: follow } = await replica(fetch)
    await leases.take(request.path, crypto.randomUUID(), 60_000)
    await expect(follow(request, within(300))).rejects.toMatchObject({ code: 'upstream_timeout' })
    expect(calls).toHaveLength(0)
  })

  test('when our own database has taken all the time, that is said', async () => {
    const { fetch, calls } = upstream()
    const { fetch: late } = await replica(fetch)
    await expect(late(request, within(0))).rejects.toMatchObject({ code: 'database_unavailable' })
    expect(calls).toHaveLength(0)
  })

  test('rows that have ended long ago are cleaned away, others stay', async () => {
    const { leases } = await replica(upstream().fetch)
    await leases.take('/old', crypto.randomUUID(), -120_000)
    await leases.take('/new', crypto.randomUUID(), 1000)
    await leases.deleteExpired()
    expect(await database.sql`select path from kinopoisk_leases`).toMatchObject([{ path: '/new' }])
  })
})

describe('circuit breakers', () => {
  afterEach(() => vi.useRealTimers())

  const failing: UpstreamFetch = async () => {
    throw new UpstreamFailure('server_error', undefined)
  }
  const build = (fetch: UpstreamFetch) => {
    const breakers = createCircuitBreakers(createMetrics())
    return { breakers, fetch: breakers.failFast(breakers.execute(fetch)) }
  }
  let id = 0
  const another = () => filmRequest(++id)
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'answered',
      (error: AppError) => error.cause,
    )

  test('after five different failures in a row upstream is left alone, then one call tries', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    let calls = 0
    let down = true
    const { breakers, fetch } = build(async (request, context) => {
      calls += 1
      return down ? failing(request, context) : upstream().fetch(request, context)
    })
    for (let i = 0; i < 50; i++) await fetch(another(), within(1000)).catch(() => {})
    expect(calls).toBe(5)
    expect(breakers.states()).toMatchObject({ film: 'open', search: 'closed' })
    await expect(fetch(request, within(1000))).rejects.toMatchObject({
      code: 'upstream_unavailable',
      headers: { 'retry-after': '2' },
    })
    vi.advanceTimersByTime(2001)
    for (let i = 0; i < 10; i++) await fetch(request, within(1000)).catch(() => {})
    expect(calls).toBe(6)
    down = false
    vi.advanceTimersByTime(4001)
    await fetch(request, within(1000))
    expect(breakers.states()).toMatchObject({ film: 'closed' })
  })

  test('its pauses grow, but never above 25 s', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { fetch } = build(failing)
    const pauses: number[] = []
    for (let i = 0; i < 5; i++) await fetch(another(), within(1000)).catch(() => {})
    for (let round = 0; round < 7; round++) {
      const refused = await fetch(request, within(1000)).catch((error: AppError) => error)
      pauses.push(Number((refused as AppError).headers['retry-after']))
      vi.advanceTimersByTime(25_001)
      await fetch(request, within(1000)).catch(() => {})
    }
    expect(pauses).toEqual([2, 4, 8, 16, 25, 25, 25])
  })

  test('while one call tries, the others are refused and do not wait', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const probing = Promise.withResolvers<void>()
    let calls = 0
    const { fetch } = build(async (request, context) => {
      calls += 1
      if (calls <= 5) return failing(request, context)
      await probing.promise
      return upstream().fetch(request, context)
    })
    for (let i = 0; i < 5; i++) await fetch(another(), within(1000)).catch(() => {})
    vi.advanceTimersByTime(2001)
    // Both have passed failFast.
    const [trial, other] = [fetch(request, within(1000)), fetch(request, within(1000))]
    await expect(other).rejects.toMatchObject({ code: 'upstream_unavailable' })
    await expect(fetch(request, within(1000))).rejects.toMatchObject({ code: 'upstream_unavailable' })
    probing.resolve()
    expect(await trial).toMatchObject({ value: { kinopoiskId: 7 } })
    expect(calls).toBe(6)
  })

  test.each(['quota', 'rejected_key', 'rate_limited', 'bad_response'] as const)('%s opens none', async (outcome) => {
    const { breakers, fetch } = build(async () => {
      throw new UpstreamFailure(outcome, new Error(outcome))
    })
    for (let i = 0; i < 20; i++) expect(await codeOf(fetch(another(), within(1000)))).toEqual(new Error(outcome))
    expect(breakers.states()).toMatchObject({ film: 'closed' })
  })

  test('a request that fails again and again counts once, and a response between others ends their row', async () => {
    let failingIds = new Set([1, 2, 3, 4])
    const { breakers, fetch } = build((request, context) =>
      failingIds.has(Number(request.path.split('/').pop()))
        ? failing(request, context)
        : upstream().fetch(request, context),
    )
    const fail = (ids: number[]) => Promise.allSettled(ids.map((each) => fetch(filmRequest(each), within(1000))))
    for (let i = 0; i < 10; i++) await fail([1, 2, 3, 4])
    expect(breakers.states()).toMatchObject({ film: 'closed' })
    await fetch(request, within(1000))
    failingIds = new Set([1, 2, 3, 4, 5])
    await fail([5])
    expect(breakers.states()).toMatchObject({ film: 'closed' })
    await fail([1, 2, 3, 4])
    expect(breakers.states()).toMatchObject({ film: 'open' })
  })

  test('every endpoint has its own', async () => {
    const { fetch } = build((request, context) =>
      request.endpoint === 'film' ? failing(request, context) : Promise.resolve(empty(request)),
    )
    for (let i = 0; i < 6; i++) await fetch(another(), within(1000)).catch(() => {})
    await expect(fetch(request, within(1000))).rejects.toMatchObject({ code: 'upstream_unavailable' })
    expect(await fetch(searchRequest('x', 1), within(1000))).toMatchObject({ value: null })
  })
})

describe('patience with overdue calls', () => {
  afterEach(() => vi.useRealTimers())

  /** Calls that last until they are released, below circuit breakers that see them time out at once. */
  function build(options: { patienceMs?: number; timeoutMs?: number } = {}) {
    const metrics = createMetrics()
    const breakers = createCircuitBreakers(metrics)
    const times = { timeoutMs: 20, patienceMs: 60_000, ...options }
    const { timed, patient } = createPatience({ ...times, metrics, onResponse: breakers.succeed })
    const pending: { context: CallContext; end: PromiseWithResolvers<void> }[] = []
    const fetch = compose(
      async (request, context) => {
        const end = Promise.withResolvers<void>()
        context.signal?.addEventListener('abort', () => end.reject(new UpstreamFailure('timeout', undefined)))
        pending.push({ context, end })
        await end.promise
        return empty(request)
      },
      [patient, breakers.execute, timed],
    )
    const counts = async () => {
      const { values } = await metrics.overdue.get()
      const of = (outcome: string) =>
        values.find(({ labels }) => labels.endpoint === 'film' && labels.outcome === outcome)
      return [of('response')?.value, of('failed')?.value, of('aborted')?.value]
    }
    return { fetch, pending, breakers, counts }
  }
  const isFailure = (error: unknown) => error instanceof UpstreamFailure
  const soon = () => within(20)

  test('twenty go on, the others are ended', async () => {
    // Half of them of the service itself: it is no user, and has no share.
    const { fetch, pending, counts } = build()
    const userOf = (i: number) => (i < 10 ? undefined : i)
    const all = Array.from({ length: 22 }, (_, i) => fetch(request, within(20, { userId: userOf(i) })).catch(isFailure))
    await vi.waitFor(() => expect(pending.filter(({ context }) => context.signal?.aborted)).toHaveLength(2), patient)
    expect(await counts()).toEqual([0, 0, 2])
    for (const { end } of pending) end.resolve()
    expect((await Promise.all(all)).filter((each) => each === true)).toHaveLength(2)
    expect(await counts()).toEqual([20, 0, 2])
  })

  test('of one user four go on; a place that is free again is taken by the next', async () => {
    const { fetch, pending, counts } = build()
    const ask = () => Array.from({ length: 5 }, () => fetch(request, within(20, { userId: 1 })).catch(isFailure))
    const first = ask()
    await vi.waitFor(async () => expect(await counts()).toEqual([0, 0, 1]), patient)
    pending[0]?.end.reject(new UpstreamFailure('server_error', undefined))
    for (const { end } of pending) end.resolve()
    expect((await Promise.all(first)).filter((each) => each === true)).toHaveLength(2)
    expect(await counts()).toEqual([3, 1, 1])
    const second = ask()
    await vi.waitFor(async () => expect(await counts()).toEqual([3, 1, 2]), patient)
    for (const { end } of pending) end.resolve()
    await Promise.all(second)
    expect(await counts()).toEqual([7, 1, 2])
  })

  test('without patience a call ends with its caller', async () => {
    const { fetch, counts } = build({ patienceMs: 20 })
    await expect(fetch(request, soon())).rejects.toMatchObject({ outcome: 'timeout' })
    expect(await counts()).toEqual([0, 0, 1])
  })

  test('a call has all of the patience, however little of the time of its caller is left', async () => {
    const { fetch, pending } = build()
    const call = fetch(request, within(0))
    await vi.waitFor(() => expect(pending).toHaveLength(1), patient)
    expect(timeLeft(pending[0]?.context ?? soon())).toBeGreaterThan(30_000)
    pending[0]?.end.resolve()
    expect(await call).toMatchObject({ via: 'miss' })
  })

  test('a circuit counts it as a timeout at once, and its response as a success', async () => {
    const { fetch, pending, breakers } = build()
    const calls = Array.from({ length: 5 }, (_, userId) => fetch(filmRequest(100 + userId), within(20, { userId })))
    await vi.waitFor(() => expect(breakers.states()).toMatchObject({ film: 'open' }), patient)
    await expect(fetch(request, soon())).rejects.toMatchObject({ code: 'upstream_unavailable' })
    pending[0]?.end.resolve()
    await calls[0]
    expect(breakers.states()).toMatchObject({ film: 'closed' })
    for (const { end } of pending) end.resolve()
    await Promise.all(calls)
  })

  test('a response in time is none of its business', async () => {
    const { fetch, pending, counts } = build({ timeoutMs: 60_000 })
    const call = fetch(request, within(60_000))
    await vi.waitFor(() => expect(pending).toHaveLength(1), patient)
    pending[0]?.end.resolve()
    await call
    expect(await counts()).toEqual([0, 0, 0])
  })
})

describe('the retry', () => {
  const metrics = createMetrics()
  const failThen = (first: Error, ...more: Error[]) => {
    const failures = [first, ...more]
    const { fetch, calls } = upstream(async () => {
      const failure = failures.shift()
      if (failure) throw failure
    })
    return { fetch: retried(metrics, { random: () => 0 })(fetch), calls }
  }

  test.each(['connection', 'rate_limited', 'server_error'] as const)('follows a %s', async (outcome) => {
    const { fetch, calls } = failThen(new UpstreamFailure(outcome, undefined))
    expect(await fetch(request, within(2000))).toMatchObject({ value: { year: 2002 } })
    expect(calls).toHaveLength(2)
  })

  test.each(['timeout', 'bad_response', 'quota', 'rejected_key'] as const)('does not follow a %s', async (outcome) => {
    const { fetch, calls } = failThen(new UpstreamFailure(outcome, undefined))
    await expect(fetch(request, within(2000))).rejects.toMatchObject({ outcome })
    expect(calls).toHaveLength(1)
  })

  test('is the last one', async () => {
    const { fetch, calls } = failThen(failureOf(503, ''), failureOf(503, ''), failureOf(503, ''))
    await expect(fetch(request, within(2000))).rejects.toMatchObject({ outcome: 'server_error' })
    expect(calls).toHaveLength(2)
  })

  test('comes when upstream says, if the caller waits so long', { tags: 'slow' }, async () => {
    const patient = failThen(failureOf(429, '1'))
    const started = performance.now()
    await patient.fetch(request, within(5000))
    expect(performance.now() - started).toBeGreaterThanOrEqual(990)
    const hasty = failThen(failureOf(429, '60'))
    await expect(hasty.fetch(request, within(5000))).rejects.toMatchObject({ outcome: 'rate_limited' })
    expect(hasty.calls).toHaveLength(1)
  })

  test('is not made after a 429 that leaves no time for it: the client is told how long calls are paused', async () => {
    const { fetch, calls } = failThen(failureOf(429, undefined))
    await expect(fetch(request, within(150))).rejects.toMatchObject({ headers: { 'retry-after': '1' } })
    expect(calls).toHaveLength(1)
  })

  test('is not made when hardly any time is left, nor after a refusal of our own', async () => {
    const late = failThen(new UpstreamFailure('server_error', undefined))
    await expect(late.fetch(request, within(150))).rejects.toMatchObject({ outcome: 'server_error' })
    const refused = failThen(new AppError('upstream_rate_limited'))
    await expect(refused.fetch(request, within(2000))).rejects.toMatchObject({ code: 'upstream_rate_limited' })
    expect([late.calls.length, refused.calls.length]).toEqual([1, 1])
  })
})

function empty<T>(_question: UpstreamRequest<T>): UpstreamResponse<T> {
  return { value: null, text: null, fetchedAt: asked, via: 'miss' }
}
