import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { connect } from '../src/db/connect.ts'
import { AppError } from '../src/errors.ts'
import { filmQuestion, searchQuestion } from '../src/kinopoisk/endpoints.ts'
import { failureOf, UpstreamFailure } from '../src/kinopoisk/failures.ts'
import { cached, type KeptTimes, kept } from '../src/kinopoisk/layers/cache.ts'
import { createCircuits } from '../src/kinopoisk/layers/circuit-breakers.ts'
import { retried } from '../src/kinopoisk/layers/retry.ts'
import { leased } from '../src/kinopoisk/layers/shared-flight.ts'
import { joined } from '../src/kinopoisk/layers/single-flight.ts'
import { createMeter } from '../src/kinopoisk/metrics.ts'
import type { Answer, Ask, Call, Question } from '../src/kinopoisk/request.ts'
import { createLeaseRepository } from '../src/kinopoisk/store/leases.ts'
import { createAnswerRepository } from '../src/kinopoisk/store/responses.ts'
import { cloneDatabase } from './support/app.ts'
import { stoppedClock } from './support/movies.ts'

const asked = new Date('2026-06-01T12:00:00.500Z')
const question = filmQuestion(7)
const text = (year: number) => JSON.stringify({ kinopoiskId: 7, year })
const within = (ms: number, call: Partial<Call> = {}): Call => ({
  purpose: 'interactive',
  deadline: performance.now() + ms,
  ...call,
})

/** An upstream that answers every question about film 7, and counts. */
function upstream(work: () => Promise<unknown> = async () => {}) {
  const calls: Call[] = []
  const ask: Ask = async (question, call) => {
    calls.push(call)
    await work()
    const value: unknown = { kinopoiskId: 7, year: 2000 + calls.length }
    if (!question.accepts(value)) throw new Error('not the question of these tests')
    return { value, text: text(2000 + calls.length), fetchedAt: new Date(), via: 'miss' }
  }
  return { ask, calls }
}

let database: ReturnType<typeof connect>
let answers: ReturnType<typeof createAnswerRepository>
beforeAll(async () => {
  database = connect(await cloneDatabase())
  answers = createAnswerRepository(database.db)
})
afterEach(() => database.sql`truncate kinopoisk_answers, kinopoisk_leases`)
afterAll(() => database.close())

describe('the cache layer', () => {
  const { clock } = stoppedClock()
  const errors: unknown[] = []
  const background: Promise<void>[] = []
  const options = {
    clock,
    shelf: { find: (_path: string, read: () => Promise<KeptTimes | undefined>) => read() },
    meter: createMeter(),
    inBackground: (work: Promise<void>) => void background.push(work),
    unforeseen: (error: unknown) => void errors.push(error),
  }
  const answerOf = (seconds: number, year: number) => ({
    text: text(year),
    fetchedAt: new Date(asked.getTime() + seconds * 1000),
    expiresAt: new Date(asked.getTime() + (seconds + 60) * 1000),
  })

  test.each([
    ['first', [1, 2, 3]],
    ['last', [3, 2, 1]],
    ['in between', [2, 3, 1]],
  ])('of answers written by many replicas the newest stays, though it be written %s', async (_, order) => {
    for (const second of order) await answers.save(question.path, answerOf(second, 2000 + second))
    expect(await answers.find(question.path)).toEqual(answerOf(3, 2003))
  })

  test('answers written at once leave the newest', async () => {
    await Promise.all([4, 9, 1, 7, 5, 2].map((n) => answers.save(question.path, answerOf(n, 2000 + n))))
    expect(await answers.find(question.path)).toEqual(answerOf(9, 2009))
  })

  test('an answer becomes a 404 and back as upstream changes its mind', async () => {
    await answers.save(question.path, answerOf(1, 2001))
    await answers.save(question.path, { ...answerOf(2, 0), text: null })
    expect((await answers.find(question.path))?.text).toBeNull()
    const layer = cached(answers, { ...options, clock: { ...clock, now: () => asked } })
    expect(await layer(upstream().ask)(question, within(1000))).toMatchObject({ value: null, via: 'hit' })
  })

  test('a kept answer that this version cannot read is asked for again', async () => {
    await answers.save(question.path, { ...answerOf(0, 0), text: '{"kinopoiskId":"seven"}' })
    const { ask, calls } = upstream()
    const layer = cached(answers, { ...options, clock: { ...clock, now: () => asked } })
    expect(await layer(ask)(question, within(1000))).toMatchObject({ value: { kinopoiskId: 7 } })
    expect(calls).toHaveLength(1)
  })

  test('a bug in the background is told of, not hidden, and the old answer served', async () => {
    await answers.save(question.path, answerOf(-3600, 1999))
    const { ask } = upstream(async () => {
      throw new TypeError('a bug')
    })
    expect(await cached(answers, options)(ask)(question, within(1000))).toMatchObject({ via: 'stale' })
    await Promise.all(background)
    expect(errors).toEqual([new TypeError('a bug')])
  })

  test('many who ask for an expired answer are one renewal', async () => {
    await answers.save(question.path, answerOf(-3600, 1999))
    const told = Promise.withResolvers<void>()
    const { ask, calls } = upstream(() => told.promise)
    const meter = createMeter()
    const layer = cached(answers, { ...options, meter })(ask)
    await Promise.all(Array.from({ length: 100 }, () => layer(question, within(1000))))
    told.resolve()
    await Promise.all(background)
    expect(calls).toHaveLength(1)
    const { values } = await meter.refreshes.get()
    expect(values.filter(({ value }) => value > 0)).toMatchObject([{ labels: { outcome: 'ok' }, value: 1 }])
    await layer(question, within(1000))
    await Promise.all(background)
    expect(calls).toHaveLength(2)
  })

  test('why it could not be renewed is told with the old answer, until it is renewed', async () => {
    await answers.save(question.path, answerOf(-3600, 1999))
    let down = true
    const { ask } = upstream(async () => {
      if (down) throw new AppError('upstream_timeout')
    })
    const layer = cached(answers, options)(kept(answers, { ...clock, now: () => new Date() })(ask))
    const reason = async () => {
      const { reason, value } = await layer(question, within(1000))
      expect(value).toMatchObject({ year: 1999 })
      await Promise.all(background)
      return reason
    }
    expect([await reason(), await reason()]).toEqual(['refreshing', 'upstream_timeout'])
    down = false
    expect(await reason()).toBe('upstream_timeout')
    expect(await layer(question, within(1000))).toMatchObject({ value: { year: 2003 }, via: 'hit' })
  })

  test("an expired 404 gives way to upstream's word, and stays when there is none", async () => {
    const path = question.path
    await answers.save(path, { ...answerOf(-7200, 0), text: null })
    const broken = cached(
      answers,
      options,
    )(
      upstream(async () => {
        throw new TypeError('a bug')
      }).ask,
    )
    await expect(broken(question, within(1000))).rejects.toThrow('a bug')
    const down = cached(
      answers,
      options,
    )(
      upstream(async () => {
        throw new AppError('upstream_timeout')
      }).ask,
    )
    expect(await down(question, within(1000))).toMatchObject({ value: null, via: 'stale', reason: 'upstream_timeout' })
    const up = cached(answers, options)(upstream().ask)
    expect(await up(question, within(1000))).toMatchObject({ value: { year: 2001 } })
  })
})

describe('single flight in a process', () => {
  test('a thousand equal questions are one call, and all but one say so', async () => {
    const { ask, calls } = upstream(() => sleep(20))
    const layer = joined(createMeter())(ask)
    const all = await Promise.all(Array.from({ length: 1000 }, () => layer(question, within(1000))))
    expect(calls).toHaveLength(1)
    expect(all.filter(({ collapsed }) => collapsed)).toHaveLength(999)
    expect(new Set(all.map(({ text }) => text)).size).toBe(1)
    await layer(question, within(1000))
    expect(calls).toHaveLength(2)
  })

  test('a failure is shared by those who wait, and not kept', async () => {
    let fails = true
    const { ask, calls } = upstream(async () => {
      await sleep(20)
      if (fails) throw new UpstreamFailure('timeout', undefined)
    })
    const layer = joined(createMeter())(ask)
    const all = await Promise.allSettled(Array.from({ length: 100 }, () => layer(question, within(1000))))
    expect(all.every(({ status }) => status === 'rejected')).toBe(true)
    expect(calls).toHaveLength(1)
    fails = false
    expect(await layer(question, within(1000))).toMatchObject({ value: { kinopoiskId: 7 } })
  })

  test('other questions and other purposes are calls of their own', async () => {
    const seen: string[] = []
    const layer = joined(createMeter())(async (question, { purpose }) => {
      seen.push(`${purpose} ${question.path}`)
      await sleep(20)
      return { value: null, text: null, fetchedAt: asked, via: 'miss' }
    })
    await Promise.all([
      layer(question, within(1000)),
      layer(filmQuestion(8), within(1000)),
      layer(question, within(1000, { purpose: 'refresh' })),
    ])
    expect(new Set(seen).size).toBe(3)
  })
})

describe('single flight over replicas', () => {
  const { clock } = stoppedClock()

  /** A replica with its own connections, as far as leases go; what upstream tells is kept. */
  async function replica(ask: Ask, { leaseMs = 1000, listening = true } = {}) {
    const own = connect((await databaseUrl()) ?? '', { max: 4 })
    const leases = createLeaseRepository(own)
    if (listening) await leases.listen()
    const answers = createAnswerRepository(own.db)
    const layer = leased({ answers, leases, meter: createMeter(), leaseMs })
    const asking = layer(kept(answers, { ...clock, now: () => new Date() })(ask))
    closes.push(own.close)
    return { ask: asking, leases, database: own }
  }
  const closes: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closes.splice(0)) await close()
  })
  const databaseUrl = async () => {
    const { host, port, database: name, user } = database.sql.options
    return `postgres://${user}@localhost:${port}/${name}?host=${encodeURIComponent(String(host[0]))}`
  }

  test.each([true, false])('one call for all of them; notifications had: %s', async (listening) => {
    const { ask, calls } = upstream(() => sleep(100))
    const replicas = await Promise.all([1, 2, 3].map(() => replica(ask, { listening })))
    const all = await Promise.all(replicas.map((each) => each.ask(question, within(5000))))
    expect(calls).toHaveLength(1)
    expect(all.map(({ value }) => value)).toEqual(Array(3).fill({ kinopoiskId: 7, year: 2001 }))
    expect(all.filter(({ collapsed }) => collapsed)).toHaveLength(2)
    expect(await database.sql`select from kinopoisk_leases`).toHaveLength(0)
  })

  test('whoever has seen the expired answer waits for a newer one', async () => {
    const { ask, calls } = upstream(() => sleep(50))
    await answers.save(question.path, { text: text(1999), fetchedAt: asked, expiresAt: asked })
    const replicas = await Promise.all([replica(ask), replica(ask)])
    const all = await Promise.all(replicas.map((each) => each.ask(question, within(5000, { seen: asked }))))
    expect(all.map(({ value, via }) => [value, via])).toEqual(
      Array(2).fill([{ kinopoiskId: 7, year: 2001 }, 'expired']),
    )
    expect(calls).toHaveLength(1)
  })

  test("upstream's failure is shared once and then forgotten", async () => {
    let fails = true
    const { ask, calls } = upstream(async () => {
      await sleep(100)
      if (fails) throw failureOf(429, '7')
    })
    const replicas = await Promise.all([replica(ask), replica(ask), replica(ask)])
    const all = await Promise.allSettled(replicas.map((each) => each.ask(question, within(5000))))
    for (const each of all) {
      expect(each).toMatchObject({ reason: { code: 'upstream_rate_limited', headers: { 'retry-after': '7' } } })
    }
    expect(calls).toHaveLength(1)
    fails = false
    expect(await replicas[2]?.ask(question, within(5000))).toMatchObject({ value: { kinopoiskId: 7 } })
    expect(calls).toHaveLength(2)
  })

  test('a refusal of our own is nobody else: the next one asks', async () => {
    const refusing: Ask = async () => {
      await sleep(50)
      throw new AppError('upstream_quota_exhausted')
    }
    const { ask, calls } = upstream()
    const [first, second] = [await replica(refusing), await replica(ask)]
    const refused = first.ask(question, within(5000)).catch((error) => error)
    await vi.waitFor(async () => expect(await database.sql`select from kinopoisk_leases`).toHaveLength(1))
    const answered = second.ask(question, within(5000))
    expect(await refused).toMatchObject({ code: 'upstream_quota_exhausted' })
    expect(await answered).toMatchObject({ value: { kinopoiskId: 7 } })
    expect(calls).toHaveLength(1)
  })

  test('the leader dies: a follower takes over once the lease is over', async () => {
    const { ask, calls } = upstream()
    const { leases, ask: follow } = await replica(ask)
    // A leader that has taken the lease and will never be heard of again.
    expect(await leases.take(question.path, crypto.randomUUID(), 500)).toBe(true)
    expect(await follow(question, within(10_000))).toMatchObject({ value: { kinopoiskId: 7 } })
    expect(calls).toHaveLength(1)
  })

  test('a leader that lives keeps the lease however long upstream takes', async () => {
    const { ask, calls } = upstream(() => sleep(1500))
    const replicas = await Promise.all([replica(ask, { leaseMs: 300 }), replica(ask, { leaseMs: 300 })])
    await Promise.all(replicas.map((each) => each.ask(question, within(10_000))))
    expect(calls).toHaveLength(1)
  })

  test('a heartbeat that comes behind the end brings nothing back to life', async () => {
    const { leases } = await replica(upstream().ask)
    const holder = crypto.randomUUID()
    await leases.take('/late', holder, 1000)
    await leases.release('/late', holder, { outcome: 'timeout', retryAfter: null })
    await leases.extend('/late', holder, 60_000)
    expect(await leases.find('/late')).toMatchObject({ held: false, failure: 'timeout' })
    await leases.take('/late', holder, 1000)
    await leases.release('/late', holder)
    await leases.extend('/late', holder, 60_000)
    expect(await leases.find('/late')).toBeUndefined()
  })

  test('who waits too long is told so, and nothing is asked', async () => {
    const { ask, calls } = upstream()
    const { leases, ask: follow } = await replica(ask)
    await leases.take(question.path, crypto.randomUUID(), 60_000)
    await expect(follow(question, within(300))).rejects.toMatchObject({ code: 'upstream_timeout' })
    expect(calls).toHaveLength(0)
  })

  test('when our own database has taken all the time, that is said', async () => {
    const { ask, calls } = upstream()
    const { ask: late } = await replica(ask)
    await expect(late(question, within(0))).rejects.toMatchObject({ code: 'database_unavailable' })
    expect(calls).toHaveLength(0)
  })

  test('rows that have ended long ago are cleaned away, others stay', async () => {
    const { leases } = await replica(upstream().ask)
    await leases.take('/old', crypto.randomUUID(), -120_000)
    await leases.take('/new', crypto.randomUUID(), 1000)
    await leases.deleteExpired()
    expect(await database.sql`select path from kinopoisk_leases`).toMatchObject([{ path: '/new' }])
  })
})

describe('circuits', () => {
  afterEach(() => vi.useRealTimers())

  const failing: Ask = async () => {
    throw new UpstreamFailure('server_error', undefined)
  }
  const build = (ask: Ask) => {
    const circuits = createCircuits(createMeter())
    return { circuits, ask: circuits.guard(circuits.watch(ask)) }
  }
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'answered',
      (error: AppError) => error.cause,
    )

  test('after five failures in a row upstream is left alone, then one call tries', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    let calls = 0
    let down = true
    const { circuits, ask } = build(async (question, call) => {
      calls += 1
      return down ? failing(question, call) : upstream().ask(question, call)
    })
    for (let i = 0; i < 50; i++) await ask(question, within(1000)).catch(() => {})
    expect(calls).toBe(5)
    expect(circuits.states()).toMatchObject({ film: 'open', search: 'closed' })
    await expect(ask(question, within(1000))).rejects.toMatchObject({
      code: 'upstream_unavailable',
      headers: { 'retry-after': '2' },
    })
    vi.advanceTimersByTime(2001)
    for (let i = 0; i < 10; i++) await ask(question, within(1000)).catch(() => {})
    expect(calls).toBe(6)
    down = false
    vi.advanceTimersByTime(4001)
    await ask(question, within(1000))
    expect(circuits.states()).toMatchObject({ film: 'closed' })
  })

  test('its pauses grow, but never above 25 s', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { ask } = build(failing)
    const pauses: number[] = []
    for (let i = 0; i < 5; i++) await ask(question, within(1000)).catch(() => {})
    for (let round = 0; round < 7; round++) {
      const refused = await ask(question, within(1000)).catch((error: AppError) => error)
      pauses.push(Number((refused as AppError).headers['retry-after']))
      vi.advanceTimersByTime(25_001)
      await ask(question, within(1000)).catch(() => {})
    }
    expect(pauses).toEqual([2, 4, 8, 16, 25, 25, 25])
  })

  test('while one call tries, the others are refused and do not wait', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const gate = Promise.withResolvers<void>()
    let calls = 0
    const { ask } = build(async (question, call) => {
      calls += 1
      if (calls <= 5) return failing(question, call)
      await gate.promise
      return upstream().ask(question, call)
    })
    for (let i = 0; i < 5; i++) await ask(question, within(1000)).catch(() => {})
    vi.advanceTimersByTime(2001)
    // Both have passed the guard.
    const [trial, other] = [ask(question, within(1000)), ask(question, within(1000))]
    await expect(other).rejects.toMatchObject({ code: 'upstream_unavailable' })
    await expect(ask(question, within(1000))).rejects.toMatchObject({ code: 'upstream_unavailable' })
    gate.resolve()
    expect(await trial).toMatchObject({ value: { kinopoiskId: 7 } })
    expect(calls).toBe(6)
  })

  test.each(['quota', 'rejected_key', 'rate_limited'] as const)('%s is no failure of upstream', async (outcome) => {
    const { circuits, ask } = build(async () => {
      throw new UpstreamFailure(outcome, new Error(outcome))
    })
    for (let i = 0; i < 20; i++) expect(await codeOf(ask(question, within(1000)))).toEqual(new Error(outcome))
    expect(circuits.states()).toMatchObject({ film: 'closed' })
  })

  test('every endpoint has its own', async () => {
    const { ask } = build((question, call) =>
      question.endpoint === 'film' ? failing(question, call) : Promise.resolve(empty(question)),
    )
    for (let i = 0; i < 6; i++) await ask(question, within(1000)).catch(() => {})
    await expect(ask(question, within(1000))).rejects.toMatchObject({ code: 'upstream_unavailable' })
    expect(await ask(searchQuestion('x', 1), within(1000))).toMatchObject({ value: null })
  })
})

describe('one more try', () => {
  const meter = createMeter()
  const failThen = (first: Error, ...more: Error[]) => {
    const failures = [first, ...more]
    const { ask, calls } = upstream(async () => {
      const failure = failures.shift()
      if (failure) throw failure
    })
    return { ask: retried(meter, { random: () => 0 })(ask), calls }
  }

  test.each(['connection', 'rate_limited', 'server_error'] as const)('follows a %s', async (outcome) => {
    const { ask, calls } = failThen(new UpstreamFailure(outcome, undefined))
    expect(await ask(question, within(2000))).toMatchObject({ value: { year: 2002 } })
    expect(calls).toHaveLength(2)
  })

  test.each(['timeout', 'bad_response', 'quota', 'rejected_key'] as const)('does not follow a %s', async (outcome) => {
    const { ask, calls } = failThen(new UpstreamFailure(outcome, undefined))
    await expect(ask(question, within(2000))).rejects.toMatchObject({ outcome })
    expect(calls).toHaveLength(1)
  })

  test('is the last one', async () => {
    const { ask, calls } = failThen(failureOf(503, ''), failureOf(503, ''), failureOf(503, ''))
    await expect(ask(question, within(2000))).rejects.toMatchObject({ outcome: 'server_error' })
    expect(calls).toHaveLength(2)
  })

  test('comes when upstream says, if the caller waits so long', async () => {
    const patient = failThen(failureOf(429, '1'))
    const started = performance.now()
    await patient.ask(question, within(5000))
    expect(performance.now() - started).toBeGreaterThanOrEqual(990)
    const hasty = failThen(failureOf(429, '60'))
    await expect(hasty.ask(question, within(5000))).rejects.toMatchObject({ outcome: 'rate_limited' })
    expect(hasty.calls).toHaveLength(1)
  })

  test('is not made when hardly any time is left, nor after a refusal of our own', async () => {
    const late = failThen(new UpstreamFailure('server_error', undefined))
    await expect(late.ask(question, within(150))).rejects.toMatchObject({ outcome: 'server_error' })
    const refused = failThen(new AppError('upstream_rate_limited'))
    await expect(refused.ask(question, within(2000))).rejects.toMatchObject({ code: 'upstream_rate_limited' })
    expect([late.calls.length, refused.calls.length]).toEqual([1, 1])
  })
})

function empty<T>(_question: Question<T>): Answer<T> {
  return { value: null, text: null, fetchedAt: asked, via: 'miss' }
}
