import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { connect } from '../src/db/connect.ts'
import { AppError } from '../src/errors.ts'
import { filmRequest, searchRequest, votesRequest } from '../src/kinopoisk/endpoints.ts'
import { failureOf } from '../src/kinopoisk/failures.ts'
import { createMetrics } from '../src/kinopoisk/metrics.ts'
import { createRateLimiter } from '../src/kinopoisk/quota/rate-limiter.ts'
import { createRateRepository, type Rate, windowMs } from '../src/kinopoisk/quota/rate-windows.ts'
import type { CallContext, Purpose, UpstreamFetch } from '../src/kinopoisk/request.ts'
import { as, testApp, testUser } from './support/app.ts'
import { type ClockedDatabase, clockedDatabase } from './support/clock.ts'
import { cloneDatabase } from './support/databases.ts'
import { inDatabase } from './support/movies.ts'

const noon = '2026-06-01T12:00:00Z'

let clocked: ClockedDatabase
let replicas: ReturnType<typeof connect>[]
beforeAll(async () => {
  clocked = await clockedDatabase()
  replicas = [connect(clocked.url), connect(clocked.url)]
})
beforeEach(() => clocked.stopAt(noon))
afterEach(() => first().sql`truncate kinopoisk_rates`)
afterAll(() => Promise.all(replicas.map(({ close }) => close())))

const first = () => replicas[0] as ReturnType<typeof connect>
const rates = (keyHash = 'key') => createRateRepository(first().db, keyHash)

/** How many of so many who try at once, over two replicas, are let through. */
async function granted(rate: Rate, tries: number): Promise<number> {
  const repositories = replicas.map(({ db }) => createRateRepository(db, 'key'))
  const waits = await Promise.all(Array.from({ length: tries }, async (_, i) => repositories[i % 2]?.take(rate)))
  for (const wait of waits) expect(wait).toBeLessThanOrEqual(windowMs)
  return waits.filter((wait) => wait === 0).length
}

describe('the rates over all replicas', () => {
  test.each([
    ['overall', 20],
    ['search', 5],
    ['votes', 2],
    ['account', 2],
  ] as const)(
    'of 60 that try at once under %s %i are let through, and as many again a window later',
    { tags: 'slow' },
    async (rate, n) => {
      expect(await granted(rate, 60)).toBe(n)
      await clocked.pass(`${windowMs - 1} ms`)
      expect(await granted(rate, 10)).toBe(0)
      await clocked.pass('1 ms')
      expect(await granted(rate, 60)).toBe(n)
    },
  )

  test('calls of every kind count in the rate of all together', async () => {
    expect(await granted('search', 10)).toBe(5)
    expect(await granted('account', 10)).toBe(2)
    expect(await granted('votes', 10)).toBe(2)
    expect(await granted('overall', 40)).toBe(11)
    await clocked.pass('2 s')
    expect(await granted('overall', 40)).toBe(20)
    expect(await granted('search', 5)).toBe(0)
  })

  test('in any window of time, not only in those that begin with a call', async () => {
    expect(await granted('search', 3)).toBe(3)
    await clocked.pass('700 ms')
    expect(await granted('search', 10)).toBe(2)
    await clocked.pass('500 ms')
    expect(await granted('search', 10)).toBe(3)
    expect(await rates().take('search')).toBe(700)
  })

  test('each key has its own', async () => {
    expect(await granted('votes', 10)).toBe(2)
    expect(await rates('another').take('votes')).toBe(0)
  })

  test('a pause holds all, the longest counts, and none is longer than a minute', async () => {
    await rates().pause(10)
    await rates().pause(1)
    expect(await rates().take('overall')).toBe(10_000)
    expect(await rates('another').take('overall')).toBe(0)
    await clocked.pass('10 s')
    expect(await rates().take('search')).toBe(0)
    await rates().pause(86_400)
    expect(await rates().take('overall')).toBe(60_000)
  })

  test('a clock that is put back stops nobody', async () => {
    expect(await granted('votes', 10)).toBe(2)
    await rates().pause(60)
    await clocked.pass('-1 day')
    expect(await granted('votes', 10)).toBe(2)
  })

  test('a transaction that is killed takes no turn away, and whoever waited for it goes on', async () => {
    const doomed = connect(clocked.url, { max: 1 })
    await rates().take('search')
    const holds = Promise.withResolvers<void>()
    const killed = doomed.db.transaction(async (tx) => {
      expect(await createRateRepository(tx, 'key').take('search')).toBe(0)
      holds.resolve()
      await sleep(60_000)
    })
    killed.catch(() => {})
    await holds.promise
    const others = granted('search', 20)
    await inDatabase(clocked.url, async (sql) => {
      const isHeld = sql`state = 'idle in transaction' and datname = current_database()`
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where ${isHeld}`
    })
    expect(await others).toBe(4)
    await doomed.close()
  })
})

describe('the layer alone', () => {
  const call = (ms: number, purpose: Purpose = 'interactive'): CallContext => ({
    purpose,
    deadline: performance.now() + ms,
  })
  const search = (n: number) => searchRequest(String(n), 1)

  function build(take: (rate: Rate) => Promise<number>) {
    const asked: string[] = []
    const paused: number[] = []
    const fetch: UpstreamFetch = async (request) => {
      asked.push(request.path)
      return { value: null, text: null, fetchedAt: new Date(), via: 'miss' }
    }
    const pause = async (seconds: number) => void paused.push(seconds)
    const metrics = createMetrics()
    const { failFast, limited } = createRateLimiter({ take, pause, setSent: async () => true }, metrics)
    const refused = async () => {
      const { values } = await metrics.queueRefused.get()
      return values.find(({ labels }) => labels.endpoint === 'search')?.value
    }
    return { asked, paused, guarded: failFast(fetch), limited: limited(fetch), over: limited, refused }
  }

  async function codeOf(work: Promise<unknown>): Promise<string> {
    return work.then(
      () => 'answered',
      (error) => {
        if (!(error instanceof AppError)) throw error
        expect(error.headers['retry-after']).toMatch(/^[1-9]\d*$/)
        return error.code
      },
    )
  }

  test('calls are made in the order they came in, and only the first of a rate tries', async () => {
    let trying = 0
    const { limited, asked } = build(async () => {
      expect(++trying).toBe(1)
      await sleep(1)
      trying -= 1
      return Math.random() < 0.5 ? 3 : 0
    })
    await Promise.all(Array.from({ length: 12 }, (_, n) => limited(search(n), call(20_000))))
    expect(asked).toEqual(Array.from({ length: 12 }, (_, n) => search(n).path))
  })

  test('a full line refuses at once, before and behind the lease; another rate goes on', { tags: 'slow' }, async () => {
    const { limited, guarded, asked, refused } = build(async (rate) => (rate === 'search' ? 200 : 0))
    const waiting = Array.from({ length: 15 }, (_, n) => codeOf(limited(search(n), call(5_000))))
    const sixteenth = await Promise.race([codeOf(limited(search(16), call(5_000))), sleep(1_000, 'waits')])
    expect(sixteenth).toBe('upstream_rate_limited')
    expect(await codeOf(guarded(search(17), call(5_000)))).toBe('upstream_rate_limited')
    expect(await codeOf(guarded(search(18), call(60_000)))).toBe('answered')
    expect(await codeOf(limited(filmRequest(7), call(1_000)))).toBe('answered')
    expect(await refused()).toBe(2)
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['upstream_rate_limited']))
    expect(asked).toHaveLength(2)
    expect(await refused()).toBe(17)
  })

  test('background refreshes leave room for users', { tags: 'slow' }, async () => {
    const { limited, guarded } = build(async () => 200)
    const waiting = Array.from({ length: 10 }, (_, n) => codeOf(limited(search(n), call(6_000, 'refresh'))))
    expect(await codeOf(guarded(search(11), call(6_000, 'refresh')))).toBe('upstream_rate_limited')
    expect(await codeOf(guarded(search(11), call(6_000)))).toBe('answered')
    await Promise.all(waiting)
  })

  test('a turn that comes too late is refused as soon as that is known', async () => {
    const { limited, guarded, asked } = build(async () => 60_000)
    expect(await codeOf(limited(search(1), call(10_000)))).toBe('upstream_rate_limited')
    expect(await codeOf(guarded(search(2), call(10_000)))).toBe('upstream_rate_limited')
    expect(asked).toEqual([])
  })

  test('a database that does not respond is the reason that is given', async () => {
    const { limited, refused } = build(() => new Promise(() => {}))
    vi.useFakeTimers()
    try {
      const code = codeOf(limited(search(1), call(400)))
      await vi.advanceTimersByTimeAsync(200)
      expect(await code).toBe('database_unavailable')
    } finally {
      vi.useRealTimers()
    }
    expect(await refused()).toBe(0)
  })

  test('a stall of our own event loop is not taken for a slow database', { tags: 'slow' }, async () => {
    const { limited } = build(() => new Promise(() => {}))
    const code = codeOf(limited(search(1), call(2_000)))
    const end = performance.now() + 1_500
    while (performance.now() < end);
    expect(await code).toBe('upstream_rate_limited')
  })

  test('a database that fails fails one call after another, and is tried again by the next', async () => {
    let down = true
    const { limited } = build(async () => {
      if (down) throw new Error('the database is down')
      return 0
    })
    const all = await Promise.allSettled([1, 2, 3].map((n) => limited(search(n), call(5_000))))
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    down = false
    expect(await codeOf(limited(search(4), call(5_000)))).toBe('answered')
  })

  test.each([
    ['7', 7],
    ['3600', 60],
    [undefined, 1],
  ])("upstream's 429 with Retry-After %j pauses all for %i s", async (retryAfter, seconds) => {
    const { over, paused } = build(async () => 0)
    const failing = over(async () => {
      throw failureOf(429, retryAfter)
    })
    await expect(failing(votesRequest(1, 1), call(1_000))).rejects.toThrow()
    expect(paused).toEqual([seconds])
  })
})

describe('over HTTP', () => {
  test('two replicas keep to 5 searches and 20 calls in any second, each call in a slot of its own', {
    tags: 'slow',
  }, async () => {
    const databaseUrl = await cloneDatabase()
    await inDatabase(databaseUrl, keepSlots)
    const service = await testApp({ KINOPOISK_TIMEOUT: '2m' }, { databaseUrl }, { rateLimits: true })
    const apps = [service.app, await service.replica()]
    const user = await testUser(service.app)
    const get = (url: string, i: number) => as(apps[i % 2] ?? service.app, user)({ method: 'GET', url })
    const searches = Array.from({ length: 60 }, (_, i) => get(`/movies/search?query=запрос ${i}`, i))
    const films = Array.from({ length: 60 }, (_, i) => get(`/movies/${9_000_000 + i}`, i))
    for (const found of await Promise.all(searches)) expect(found.json()).toMatchObject({ source: 'kinopoisk' })
    for (const film of await Promise.all(films)) expect(film.statusCode).toBe(404)
    const searchesSeen = service.calls.filter(({ endpoint }) => endpoint === 'search').length
    const allSeen = service.calls.length + service.accountCalls.length
    const slots = await inDatabase(
      databaseUrl,
      (sql) => sql<Slot[]>`select kind, extract(epoch from at)::float * 1000 as at from slots`,
    )
    const of = (kind: Slot['kind']) => slots.filter((slot) => slot.kind === kind).map(({ at }) => at)
    expect(searchesSeen).toBeGreaterThanOrEqual(60)
    expect(of('search').length).toBeGreaterThanOrEqual(searchesSeen)
    expect(of('overall').length).toBeGreaterThanOrEqual(allSeen)
    expect(mostInAWindow(of('search'))).toBeLessThanOrEqual(5)
    expect(mostInAWindow(of('overall'))).toBeLessThanOrEqual(20)
    await service.close()
  })
})

interface Slot {
  kind: 'search' | 'overall'
  /** In ms. */
  at: number
}

/**
 * Keeps every slot that is granted, by the database's clock. When a call reaches upstream says less: on a busy machine two
 * arrive closer together than they were let through.
 */
async function keepSlots(sql: ReturnType<typeof connect>['sql']): Promise<void> {
  await sql.unsafe(`
    create table slots (kind text not null, at timestamptz not null);
    create function keep_slot() returns trigger language plpgsql as $$ begin
      if new.overall is distinct from old.overall then insert into slots values ('overall', new.overall[cardinality(new.overall)]); end if;
      if new.search is distinct from old.search then insert into slots values ('search', new.search[cardinality(new.search)]); end if;
      return null; end $$;
    create trigger keep_slot after update on kinopoisk_rates for each row execute function keep_slot()`)
}

function mostInAWindow(moments: number[]): number {
  const counts = moments.map((at) => moments.filter((other) => other >= at && other < at + windowMs).length)
  return Math.max(...counts)
}
