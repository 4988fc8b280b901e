import { afterEach, describe, expect, test, vi } from 'vitest'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './support/app.ts'
import { risesDuring } from './support/metrics.ts'
import { expectProblem, inDatabase, stoppedClock } from './support/movies.ts'
import { everywhere, html404, type OddReply, oddUpstream, under } from './support/odd-upstream.ts'
import { patient } from './support/patience.ts'

const apiKey = 'a-key-that-nobody-may-see'
const day = 24 * 3600
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(kinopoisk: object = {}) {
  const upstream = await oddUpstream()
  const time = stoppedClock()
  const service = await testApp(
    { KINOPOISK_DAILY_QUOTA: '-1' },
    { firstAdmin, clock: time.clock, kinopoisk: { url: upstream.url, apiKey, sandbox: false, ...kinopoisk } },
  )
  closers.push(upstream.close, service.close)
  const reader = async (app = service.app) => {
    const request = as(app, await testUser(service.app))
    return (url: string) => request({ method: 'GET', url })
  }
  return { upstream, service, time, reader, get: await reader() }
}

async function administrator(service: TestApp) {
  const request = as(service.app, await testAdmin(service))
  return {
    refresh: (id: number) => request({ method: 'POST', url: `/admin/kinopoisk/films/${id}/refresh` }),
    circuits: async () => (await request({ method: 'GET', url: '/admin/kinopoisk' })).json().circuits,
  }
}

const search = (query: string) => `/movies/search?query=${encodeURIComponent(query)}`
/** Details under another film's address. */
const merged: OddReply = { body: '{"kinopoiskId":301,"nameRu":"Матрица"}' }
const pauseOf = ({ databaseUrl }: TestApp, path: string) =>
  inDatabase(databaseUrl, async (sql) => {
    const [row] = await sql`select extract(epoch from retry_at - failed_at)::float8 as seconds from kinopoisk_failures
      where path like ${`%${path}`}`
    return row && Math.round(row.seconds)
  })

describe('A film that always fails', () => {
  test('in a loop of one user costs two calls at most, and the films of another user all come', {
    tags: 'slow',
  }, async () => {
    const { upstream, get, reader } = await start()
    const other = await reader()
    upstream.be(under(/\/5400002$/, merged))
    for (let id = 1001; id <= 1040; id += 1) {
      const [odd, film] = await Promise.all([get('/movies/5400002'), other(`/movies/${id}`), get('/movies/5400002')])
      expectProblem(odd, 502, 'upstream_bad_response')
      expect(film.statusCode).toBe(200)
    }
    expect(upstream.callsOf('/5400002')).toBeLessThanOrEqual(2)
  })

  test.each<[string, OddReply]>([
    ['another film', merged],
    ['no JSON', { body: '<html>' }],
    ['nothing at all', { status: 204 }],
    ['400', { status: 400, body: '{"message":"no"}' }],
    ['403', { status: 403, body: '<html>DDoS-Guard</html>' }],
    ['410', { status: 410 }],
    ['451', { status: 451 }],
  ])('by %s is not asked for again soon, with Retry-After; others are', async (_, reply) => {
    const { upstream, service, get } = await start()
    upstream.be(under(/\/500$/, reply))
    const rises = await risesDuring(service.app, /^kinopoisk_failures_repeated_total/, async () => {
      for (let time = 0; time < 6; time += 1) {
        const response = await get('/movies/500')
        expectProblem(response, 502, 'upstream_bad_response')
        expect(Number(response.headers['retry-after'])).toBeGreaterThan(0)
        expect(Number(response.headers['retry-after'])).toBeLessThanOrEqual(60)
      }
    })
    expect(upstream.callsOf('/500')).toBe(1)
    expect(rises).toEqual({ 'kinopoisk_failures_repeated_total{endpoint="film"}': 5 })
    expect((await get('/movies/501')).statusCode).toBe(200)
    expect((await (await administrator(service)).circuits()).film).toBe('closed')
  })

  test('waits twice as long each time, an hour at most, until it comes; an administrator asks regardless', {
    tags: 'slow',
  }, async () => {
    const { upstream, service, get } = await start()
    const { refresh } = await administrator(service)
    upstream.be(under(/\/500$/, merged))
    const pauses: unknown[] = []
    for (let time = 0; time < 8; time += 1) {
      expectProblem(await refresh(500), 502, 'upstream_bad_response')
      pauses.push(await pauseOf(service, '/500'))
    }
    expect(pauses).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600])
    expect(upstream.callsOf('/500')).toBe(8)
    expectProblem(await get('/movies/500'), 502, 'upstream_bad_response')
    upstream.be()
    expectProblem(await get('/movies/500'), 502, 'upstream_bad_response')
    expect((await refresh(500)).statusCode).toBe(200)
    expect(await pauseOf(service, '/500')).toBeUndefined()
    expect((await get('/movies/500')).statusCode).toBe(200)
  })

  test('is asked for again when its time is over', { tags: 'slow' }, async () => {
    const { upstream, get } = await start({ failurePauses: { firstMs: 300, maxMs: 600 } })
    upstream.be(under(/\/500$/, merged))
    expectProblem(await get('/movies/500'), 502, 'upstream_bad_response')
    upstream.be()
    await vi.waitFor(async () => expect((await get('/movies/500')).statusCode).toBe(200), patient)
    expect(upstream.callsOf('/500')).toBe(2)
  })

  test('is not asked for by another replica either, nor after a restart', async () => {
    const { upstream, service, get, reader } = await start()
    upstream.be(under(/\/500$/, merged))
    await get('/movies/500')
    const there = await reader(await service.replica())
    for (let time = 0; time < 3; time += 1) expectProblem(await there('/movies/500'), 502, 'upstream_bad_response')
    expect(upstream.callsOf('/500')).toBe(1)
  })

  test('is served as long as something of it is stored, for one call', async () => {
    const { upstream, time, get } = await start()
    const first = (await get('/movies/500')).json()
    upstream.be(under(/\/500$/, merged))
    time.pass(40 * day)
    for (let n = 0; n < 10; n += 1) {
      const response = await get('/movies/500')
      expect(response.statusCode).toBe(200)
      expect(response.json()).toEqual(first)
    }
    await vi.waitFor(
      async () => expect((await get('/movies/500')).headers['cache-status']).toContain('upstream_bad_response'),
      patient,
    )
    expect(upstream.callsOf('/500')).toBe(2)
  })

  test('by a 5xx costs few calls, and other searches are asked for', { tags: 'slow' }, async () => {
    const { upstream, get } = await start()
    upstream.be(under('keyword=odd', { status: 500, body: '{"status":500}' }))
    for (let time = 0; time < 10; time += 1) expect((await get(search('odd'))).json().source).toBe('local')
    // Each of two with its retry.
    expect(upstream.callsOf('keyword=odd')).toBeLessThanOrEqual(4)
    expect((await get(search('other'))).json()).toMatchObject({ source: 'kinopoisk', total: 1 })
  })
})

describe('Many that fail', () => {
  test.each<[string, OddReply, number, string]>([
    ['are other films', merged, 502, 'upstream_bad_response'],
    ['are a 500 each', { status: 500 }, 503, 'upstream_unavailable'],
  ])("for one user, as they %s, are nobody else's trouble", { tags: 'slow' }, async (_, reply, status, code) => {
    const { upstream, service, get, reader } = await start()
    const other = await reader()
    expect((await other('/movies/301')).statusCode).toBe(200)
    upstream.be(under(/\/5\d\d\d$/, reply))
    for (let id = 5001; id <= 5016; id += 1) {
      expectProblem(await get(`/movies/${id}`), status, code)
      if (id % 8 === 0) expect((await other(`/movies/${id + 1000}`)).statusCode).toBe(200)
    }
    expect((await (await administrator(service)).circuits()).film).toBe('closed')
    // The probe that finds out.
    expect(upstream.callsOf('/301')).toBe(2)
  })

  test('because Kinopoisk refuses every address cost few calls', { tags: 'slow' }, async () => {
    const { upstream, service, get } = await start()
    expect((await get('/movies/301')).statusCode).toBe(200)
    upstream.calls.splice(0)
    upstream.be(everywhere({ status: 403, body: '<html>DDoS-Guard</html>' }))
    for (let id = 501; id <= 530; id += 1) expectProblem(await get(`/movies/${id}`), 502, 'upstream_bad_response')
    expect(upstream.calls).toHaveLength(6)
    const admin = as(service.app, await testAdmin(service))
    const { distrusted } = (await admin({ method: 'GET', url: '/admin/kinopoisk' })).json()
    expect(distrusted).toMatchObject({ reason: 'bad_response' })
  })

  test('with 5xx open the circuit, but only by different requests', { tags: 'slow' }, async () => {
    const { upstream, service, get } = await start({ circuitPauses: { firstMs: 60_000, maxMs: 60_000 } })
    const { refresh, circuits } = await administrator(service)
    upstream.be(under('/films/', { status: 500 }))
    for (let time = 0; time < 8; time += 1) await refresh(500)
    expect((await circuits()).film).toBe('closed')
    for (let id = 501; id < 505; id += 1) expectProblem(await get(`/movies/${id}`), 503, 'upstream_unavailable')
    expect((await circuits()).film).toBe('open')
    const asked = upstream.calls.length
    expectProblem(await get('/movies/510'), 503, 'upstream_unavailable')
    expect(upstream.calls).toHaveLength(asked)
  })
})

describe('The prefetch', () => {
  async function favourite(service: TestApp, id: number) {
    const request = as(service.app, await testUser(service.app))
    expect((await request({ method: 'POST', url: `/favorites/movies/${id}` })).statusCode).toBe(201)
  }

  /** As long as it takes a replica that prefetches all the time to do so many steps. */
  async function prefetching(service: TestApp, url: string, work: () => Promise<void>) {
    const other = await service.replica({ kinopoisk: { url, apiKey, sandbox: false, prefetchMs: 20 } })
    await work()
    await other.close()
  }
  const lists = (calls: string[]) => calls.filter((path) => path.includes('/films?'))

  test('fetches a favourite that always fails once a day, also after a restart', { tags: 'slow' }, async () => {
    const { upstream, service, time } = await start()
    await favourite(service, 500)
    time.pass(40 * day)
    upstream.calls.splice(0)
    upstream.be(under(/\/500$/, merged))
    for (const times of [1, 0]) {
      upstream.calls.splice(0)
      await prefetching(service, upstream.url, () =>
        vi.waitFor(() => expect(lists(upstream.calls).length).toBeGreaterThan(2), patient),
      )
      expect(upstream.callsOf('/500')).toBe(times)
    }
    const age = (interval: string) =>
      inDatabase(
        service.databaseUrl,
        (sql) => sql`update kinopoisk_failures set failed_at = failed_at - ${interval}::interval,
          retry_at = retry_at - ${interval}::interval`,
      )
    upstream.calls.splice(0)
    await age('23 hours')
    await prefetching(service, upstream.url, () =>
      vi.waitFor(() => expect(lists(upstream.calls).length).toBeGreaterThan(2), patient),
    )
    expect(upstream.callsOf('/500')).toBe(0)
    await age('2 hours')
    await prefetching(service, upstream.url, () => vi.waitFor(() => expect(upstream.callsOf('/500')).toBe(1), patient))
  })

  test('leaves an expired "no such film" to a reader', { tags: 'slow' }, async () => {
    const { upstream, service, time, get } = await start()
    await favourite(service, 500)
    time.pass(40 * day)
    upstream.be(under(/\/500$/, { status: 404, body: '{"message":"Фильм не найден"}' }))
    await (await administrator(service)).refresh(500)
    time.pass(2 * day)
    upstream.calls.splice(0)
    await prefetching(service, upstream.url, () =>
      vi.waitFor(() => expect(lists(upstream.calls).length).toBeGreaterThan(2), patient),
    )
    expect(upstream.callsOf('/500')).toBe(0)
    await get('/movies/500')
    expect(upstream.callsOf('/500')).toBe(1)
  })

  test('keeps a page that is not there for an hour, and looks for it once a day', { tags: 'slow' }, async () => {
    const { upstream, service, time } = await start()
    upstream.be(under('/films?', { status: 404, body: '{"message":"Фильмы не найдены"}' }))
    const steps = (count: number) =>
      prefetching(service, upstream.url, () =>
        vi.waitFor(() => expect(lists(upstream.calls).length).toBeGreaterThan(count), patient),
      )
    await steps(2)
    const [first] = lists(upstream.calls)
    const hours = await inDatabase(
      service.databaseUrl,
      (sql) => sql`select extract(epoch from expires_at - fetched_at)::int as seconds from kinopoisk_answers
        where path like '/api/v2.2/films?%'`,
    )
    for (const { seconds } of hours) expect(seconds).toBeLessThanOrEqual(3600)
    upstream.calls.splice(0)
    time.pass(7200)
    await steps(2)
    expect(lists(upstream.calls)).not.toContain(first)
  })

  test('stands still while Kinopoisk is not believed', { tags: 'slow' }, async () => {
    const { upstream, service, get } = await start()
    await get('/movies/301')
    upstream.calls.splice(0)
    upstream.be(everywhere(html404))
    const other = await service.replica({
      kinopoisk: { url: upstream.url, apiKey, sandbox: false, prefetchMs: 20 },
    })
    await vi.waitFor(() => expect(upstream.callsOf('/301')).toBe(1), patient)
    const asked = upstream.calls.length
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(upstream.calls.length - asked).toBeLessThanOrEqual(1)
    await other.close()
  })
})

test('Failures older than a day, and all but the newest 10,000, are removed by the hourly cleanup', async () => {
  const { service } = await start()
  await inDatabase(service.databaseUrl, async (sql) => {
    await sql`insert into kinopoisk_failures
      select '/old/' || n, 'bad_response', 1, now() - interval '25 hours', now() from generate_series(1, 10) n`
    await sql`insert into kinopoisk_failures
      select '/new/' || n, 'bad_response', 1, now() - n * interval '1 second', now() from generate_series(1, 10050) n`
  })
  await service.app.kinopoisk.cleanup()
  const [row] = await service.app.database
    .sql`select count(*)::int, count(*) filter (where path like '/old/%')::int as old,
    count(*) filter (where path = '/new/1')::int as newest from kinopoisk_failures`
  expect(row).toEqual({ count: 10_000, old: 0, newest: 1 })
})
