import type { IncomingMessage } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Fault } from '../src/embedded/sandbox/server.ts'
import type { ErrorCode } from '../src/errors.ts'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { expectProblem, inDatabase, serve, stoppedClock } from './support/movies.ts'
import { patient } from './support/patience.ts'

type App = TestApp['app']

const minutes = 600
const day = 24 * 3600

/** GET as a new user. */
async function reader(app: App) {
  const request = as(app, await testUser(app))
  return (url: string) => request({ method: 'GET', url })
}

/** Every way of upstream to give no response, with what a client gets. */
const failures: [Fault, number, ErrorCode][] = [
  [400, 502, 'upstream_bad_response'],
  [401, 502, 'upstream_rejected_key'],
  [402, 503, 'upstream_quota_exhausted'],
  [403, 502, 'upstream_bad_response'],
  [429, 503, 'upstream_rate_limited'],
  [500, 503, 'upstream_unavailable'],
  [502, 503, 'upstream_unavailable'],
  [503, 503, 'upstream_unavailable'],
  ['reset', 503, 'upstream_unavailable'],
  ['truncated', 503, 'upstream_unavailable'],
  ['hang', 504, 'upstream_timeout'],
  ['drip', 504, 'upstream_timeout'],
  ['html', 502, 'upstream_bad_response'],
  ['bad_json', 502, 'upstream_bad_response'],
  ['wrong_shape', 502, 'upstream_bad_response'],
  ['huge', 502, 'upstream_bad_response'],
  ['redirect', 502, 'upstream_bad_response'],
]

/** Of these a call is tried once more. */
const passing: Fault[] = [429, 500, 502, 503, 'reset', 'truncated']

describe('calling upstream', () => {
  const key = 'a-key-that-nobody-may-see'

  test.each(failures)(
    '%s: an unknown film is %i %s, and nothing is kept',
    { tags: 'slow' },
    async (fault, status, code) => {
      // Too short for a second try after a 429's pause of a second.
      const KINOPOISK_TIMEOUT = status === 504 || fault === 429 ? '1s' : '15s'
      const service = await testApp({ KINOPOISK_TIMEOUT }, { clock: stoppedClock(0).clock })
      const get = await reader(service.app)
      service.sandbox.fail(fault)
      const response = await get('/movies/326')
      expectProblem(response, status, code)
      if (status >= 503) expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/)
      // After a 429 nothing is asked for a second, and so long nobody waits here.
      expect(service.calls).toHaveLength(passing.includes(fault) && fault !== 429 ? 2 : 1)
      const kept = await inDatabase(service.databaseUrl, (sql) => sql`select path from kinopoisk_answers`)
      expect(kept).toHaveLength(0)
      await service.close()
    },
  )

  test('as soon as upstream is well again, the film comes', { tags: 'slow' }, async () => {
    const service = await testApp({ KINOPOISK_TIMEOUT: '2s', KINOPOISK_PATIENCE: '2s' })
    const get = await reader(service.app)
    service.sandbox.fail('hang', { times: 1 })
    expect((await get('/movies/327')).statusCode).toBe(504)
    // A request before the end of the call would join it.
    await service.app.kinopoisk.idle()
    expect((await get('/movies/327')).json()).toMatchObject({ kinopoisk_id: 327 })
    await service.close()
  })

  test.each(passing)('a %s that passes is not even noticed', { tags: 'slow' }, async (fault) => {
    const service = await testApp()
    const get = await reader(service.app)
    service.sandbox.fail(fault, { times: 1 })
    expect((await get('/movies/327')).json()).toMatchObject({ kinopoisk_id: 327 })
    expect(service.calls).toHaveLength(2)
    await service.close()
  })

  test('a wrong film under the right address is refused', async () => {
    const { get, close } = await over((_, response) => response.end('{"kinopoiskId":301}'))
    expectProblem(await get('/movies/302'), 502, 'upstream_bad_response')
    expect((await get('/movies/301')).statusCode).toBe(200)
    await close()
  })

  test.each([
    ['17', '17'],
    [undefined, '1'],
    ['-1', '1'],
    ['soon', '1'],
    ['0', '1'],
    // No longer than calls are paused.
    ['3600', '60'],
    ['999999999999999999999', '60'],
    ['Wed, 21 Oct 2026 07:28:00 GMT', '1'],
    ['Tue, 02 Jun 2099 12:00:00 GMT', '60'],
    ['Tuesday, 02-Jun-48 12:00:00 GMT', '60'],
    ['Tue Jun  2 12:00:00 2099', '60'],
    [['30', '40'], '30'],
    ['30, 40', '30'],
    ['30.5', '31'],
    ['30 or so', '1'],
    ['Tue, 02 Jun 2099 12:00:00 GMT, Tue, 02 Jun 2099 12:00:00 GMT', '60'],
  ])('a 429 with Retry-After %j tells the client to wait for %s s', { tags: 'slow' }, async (sent, told) => {
    const { get, close } = await over((_, response) => {
      response
        .writeHead(429, sent === undefined ? [] : [sent].flat().flatMap((value) => ['retry-after', value]))
        .end('{"message":"Rate limit exceeded"}')
    }, '2s')
    const response = await get('/movies/301')
    expectProblem(response, 503, 'upstream_rate_limited')
    expect(response.headers['retry-after']).toBe(told)
    await close()
  })

  test('after a 429 films are asked for again when the client was told, and not before', async () => {
    let calls = 0
    const { databaseUrl, get, close } = await over((request, response) => {
      const isFilm = request.url?.includes('/films/')
      if (isFilm) calls += 1
      response.writeHead(isFilm ? 429 : 500, { 'retry-after': '3600' }).end()
    }, '2s')
    const told = [await get('/movies/301'), await get('/movies/302')].map(({ headers }) =>
      Number(headers['retry-after']),
    )
    const [row] = await inDatabase(
      databaseUrl,
      (sql) => sql`select extract(epoch from max(paused_until) - now())::float8 as seconds from kinopoisk_rates`,
    )
    expect(told[0]).toBe(60)
    // Of the same pause, so that both end together.
    expect(told[1]).toBeLessThanOrEqual(60)
    expect(told[1]).toBeGreaterThanOrEqual(Math.floor(row?.seconds))
    expect(calls).toBe(1)
    await close()
  })

  test.each([200, 301, 400, 401, 402, 403, 418, 429, 500, 503])(
    "nothing of upstream's text nor the key gets into the answer of a %i or into the log",
    { tags: 'slow' },
    async (status) => {
      const { get, log, close } = await over((_, response) => {
        response.writeHead(status, { 'x-secret': 'UPSTREAM-WORDS', location: 'http://UPSTREAM-WORDS.example/' })
        response.end('{"message":"UPSTREAM-WORDS"}')
      })
      const response = await get('/movies/301')
      expect(response.statusCode).toBeGreaterThanOrEqual(502)
      expect(log()).toContain('request refused')
      for (const text of [response.body, JSON.stringify(response.headers), log()]) {
        expect(text).not.toContain('UPSTREAM-WORDS')
        expect(text).not.toContain(key)
      }
      await close()
    },
  )

  test('a redirect is not followed', async () => {
    let followed = 0
    const target = await serve((_, response) => {
      followed += 1
      response.end('{"kinopoiskId":301}')
    })
    const { get, close } = await over((_, response) => response.writeHead(302, { location: target.url }).end())
    expectProblem(await get('/movies/301'), 502, 'upstream_bad_response')
    expect(followed).toBe(0)
    await close()
    await target.close()
  })

  test('an endless answer is cut soon after 1 MiB, not read to its end', async () => {
    let sent = 0
    const cut = Promise.withResolvers<void>()
    const { get, close } = await over((_, response) => {
      const chunk = Buffer.alloc(64 * 1024, ' ')
      const flow = () => {
        while (!response.closed && response.write(chunk)) sent += chunk.length
      }
      response.on('drain', flow).on('close', cut.resolve)
      flow()
    })
    expectProblem(await get('/movies/301'), 502, 'upstream_bad_response')
    await cut.promise
    // What the sockets' buffers of the system hold comes on top.
    expect(sent).toBeLessThan(16 * 1024 * 1024)
    await close()
  })

  test('a status is heeded though its body never ends', async () => {
    const { get, close } = await over((_, response) => {
      response.writeHead(402, { 'content-type': 'application/json' }).write('{')
    }, '2s')
    expectProblem(await get('/movies/301'), 503, 'upstream_quota_exhausted')
    await close()
  })

  test('calls whose turn it is do not wait for those that are under way', { tags: 'slow' }, async () => {
    const all = Promise.withResolvers<void>()
    let films = 0
    const { get, close } = await over(async (request, response) => {
      const id = /films\/(\d+)$/.exec(request.url ?? '')?.[1]
      if (id && ++films === 25) all.resolve()
      await all.promise
      response.end(`{"kinopoiskId":${id}}`)
    }, '20s')
    const answers = await Promise.all(Array.from({ length: 25 }, (_, i) => get(`/movies/${301 + i}`)))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(answers.map(() => 200))
    await close()
  })

  test('the key, the path below that of the base URL, and nothing of the user are sent', async () => {
    const requests: IncomingMessage[] = []
    const upstream = await serve((request, response) => {
      if (!request.url?.includes('api_keys')) requests.push(request)
      response.end(request.url?.includes('search') ? '{"searchFilmsCountResult":0,"films":[]}' : '{"kinopoiskId":301}')
    })
    const { get, close } = await gateway(`${upstream.url}/proxy/v1/`)
    expect((await get('/movies/301')).statusCode).toBe(200)
    expect((await get('/movies/search?query=a%26page%3D9 b&page=2')).statusCode).toBe(200)
    expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /proxy/v1/api/v2.2/films/301',
      'GET /proxy/v1/api/v2.1/films/search-by-keyword?keyword=a%26page%3D9+b&page=2',
    ])
    for (const { headers } of requests) {
      expect(headers).toMatchObject({ 'x-api-key': key, accept: 'application/json' })
      expect(headers['accept-encoding']).toBe('gzip, deflate, br')
      expect(headers.authorization).toBeUndefined()
    }
    await close()
    await upstream.close()
  })

  test('an upstream that nobody listens at is unavailable, not a film that does not exist', {
    tags: 'slow',
  }, async () => {
    const upstream = await serve(() => {})
    await upstream.close()
    const { get, close } = await gateway(upstream.url)
    expectProblem(await get('/movies/301'), 503, 'upstream_unavailable')
    const search = await get('/movies/search?query=матрица')
    expect(search.json()).toMatchObject({ source: 'local', complete: false })
    await close()
  })

  test('a circuit is closed by an answer of upstream, not by a refusal of our own', { tags: 'slow' }, async () => {
    const { app, databaseUrl, get, close } = await over((_, response) => response.writeHead(500).end())
    for (let id = 301; id < 306; id++) expectProblem(await get(`/movies/${id}`), 503, 'upstream_unavailable')
    const block = `update kinopoisk_accounts set blocked = 'quota', blocked_at = now(), blocked_until = 'infinity'`
    await inDatabase(databaseUrl, (sql) => sql.unsafe(block))
    // The circuit's pause is over: this one may try.
    await vi.waitFor(async () => expectProblem(await get('/movies/307'), 503, 'upstream_quota_exhausted'), {
      timeout: 45_000,
      interval: 200,
    })
    const { body } = await app.inject({ method: 'GET', url: '/metrics' })
    expect(body).toContain('kinopoisk_breaker_open{breaker="film"} 1')
    await close()
  })

  async function gateway(url: string, timeout = '15s') {
    const service = await testApp({ KINOPOISK_TIMEOUT: timeout }, { kinopoisk: { url, apiKey: key, sandbox: false } })
    return { ...service, get: await reader(service.app) }
  }

  /** The service over an upstream of the test's own. */
  async function over(listener: Parameters<typeof serve>[0], timeout?: string) {
    const upstream = await serve(listener)
    const service = await gateway(upstream.url, timeout)
    const close = async () => {
      await service.close()
      await upstream.close()
    }
    return { ...service, close }
  }
})

describe('stored responses', () => {
  const time = stoppedClock()
  let service: TestApp
  let get: Awaited<ReturnType<typeof reader>>
  beforeAll(async () => {
    service = await testApp({}, { clock: time.clock })
    get = await reader(service.app)
  })
  afterEach(() => service.sandbox.fail(null))
  afterAll(() => service.close())

  /** How many calls of upstream some work costs. */
  async function cost(work: () => Promise<unknown>): Promise<number> {
    const before = service.calls.length
    await work()
    return service.calls.length - before
  }

  function body(service: TestApp, path: string) {
    return inDatabase(service.databaseUrl, async (sql) => {
      const [row] = await sql`select body, fetched_at, expires_at from kinopoisk_answers where path = ${path}`
      return row
    })
  }

  test('the first request is a miss, the second a hit with its age', async () => {
    const first = await get('/movies/301')
    expect(first.headers).toMatchObject({ age: '0', 'cache-status': 'kinoteka; fwd=miss; stored; detail="sandbox"' })
    time.pass(90)
    const second = await get('/movies/301')
    expect(second.headers).toMatchObject({
      age: '90',
      'cache-status': `kinoteka; hit; ttl=${30 * day - 90}; detail="sandbox"`,
    })
    expect(second.json()).toEqual(first.json())
  })

  test('they outlive a restart', { tags: 'slow' }, async () => {
    const urls = ['/movies/328', '/movies/search?query=властелин', '/movies/9999999', '/movies/search?query=щщщ']
    const all = (get: (url: string) => Promise<{ body: string }>) => Promise.all(urls.map(async (url) => get(url)))
    const before = await testApp()
    const first = await all(await reader(before.app))
    await before.app.close()
    const asked = before.calls.length
    const second = await all(await reader(await before.replica()))
    expect(asked).toBe(urls.length)
    expect(before.calls).toHaveLength(asked)
    expect(second.map(({ body }) => withoutRequestId(body))).toEqual(first.map(({ body }) => withoutRequestId(body)))
    await before.close()
  })

  test.each([
    ['/movies/search?query=крёстный', ['cache', 'kinopoisk']],
    ['/movies/325', [undefined, undefined]],
  ])('%s is served at once when it has expired, while it is renewed', { tags: 'slow' }, async (url, [old, renewed]) => {
    await get(url)
    time.pass(31 * day)
    service.sandbox.fail('reset', { times: 1 })
    const first = await get(url)
    expect(first.headers).toMatchObject({
      age: String(31 * day),
      'cache-status': expect.stringMatching(/^kinoteka; hit; ttl=-\d+; detail="sandbox refreshing"$/),
    })
    expect(first.json().source).toBe(old)
    await vi.waitFor(async () => expect((await get(url)).headers.age).toBe('0'), { timeout: 45_000 })
    const second = await get(url)
    expect(second.headers['cache-status']).toMatch(/^kinoteka; hit; ttl=[1-9]/)
    expect(second.json().source).toBe(renewed)
    expect(await cost(() => get(url))).toBe(0)
  })

  test.each(['/movies/9999996', '/movies/search?query=ъыъ'])(
    'that there is no %s is asked again when it has expired, and waited for',
    async (url) => {
      const first = await get(url)
      time.pass(31 * day)
      expect(await cost(() => get(url))).toBe(1)
      expect(await cost(() => get(url))).toBe(0)
      time.pass(31 * day)
      service.sandbox.fail('bad_json')
      expect(withoutRequestId((await get(url)).body)).toEqual({
        ...(withoutRequestId(first.body) as object),
        ...(first.statusCode === 200 && { source: 'cache' }),
      })
    },
  )

  test.each(failures)(
    '%s: an expired answer is served and stays as it is',
    { tags: 'slow' },
    async (fault, status, code) => {
      const time = stoppedClock()
      const service = await testApp({ KINOPOISK_TIMEOUT: status === 504 ? '1s' : '15s' }, { clock: time.clock })
      const get = await reader(service.app)
      const path = '/api/v2.1/films/search-by-keyword?keyword=%D0%BC%D0%B0%D1%82%D1%80%D0%B8%D1%86%D0%B0&page=1'
      const fresh = await get('/movies/search?query=матрица')
      const kept = await body(service, path)
      time.pass(2 * day)
      service.sandbox.fail(fault)
      await vi.waitFor(async () => {
        const old = await get('/movies/search?query=матрица')
        expect(old.statusCode).toBe(200)
        expect(old.json()).toEqual({ ...fresh.json(), source: 'cache' })
        expect(old.json().items.length).toBeGreaterThan(0)
        expect(Number(old.headers.age)).toBeGreaterThanOrEqual(2 * day)
        expect(old.headers['cache-status']).toMatch(new RegExp(`^kinoteka; hit; ttl=-\\d+; detail="sandbox ${code}"$`))
      }, patient)
      expect(await body(service, path)).toEqual(kept)
      await service.close()
    },
  )

  test('an expired film is served from its stored response too', async () => {
    const fresh = await get('/movies/329')
    time.pass(40 * day)
    service.sandbox.fail(503)
    const old = await get('/movies/329')
    expect(old.json()).toEqual(fresh.json())
    expect(old.headers).toMatchObject({
      age: String(40 * day),
      'cache-status': expect.stringMatching(`^kinoteka; hit; ttl=-${10 * day}; detail="sandbox [a-z_]+"$`),
    })
  })

  test("an expired 'no such film' stays one while upstream can't be asked", { tags: 'slow' }, async () => {
    expectProblem(await get('/movies/9999998'), 404, 'movie_not_found')
    time.pass(2 * day)
    service.sandbox.fail(500)
    expectProblem(await get('/movies/9999998'), 404, 'movie_not_found')
  })

  test.each([
    ['a released and rated film', '/movies/312', 30 * day],
    ['a film without a rating', '/movies/1115471', day],
    ['a film that does not exist', '/movies/9999997', minutes],
    ['a search', '/movies/search?query=две крепости', day],
    ['a search that finds nothing', '/movies/search?query=ъъъ', minutes],
  ])('%s is true for its time, a tenth more or less', { tags: 'slow' }, async (_, url, seconds) => {
    for (const random of [0, 0.999_999]) {
      const lasts = seconds * (0.9 + 0.2 * random)
      const time = stoppedClock(random)
      const service = await testApp({}, { clock: time.clock })
      const get = await reader(service.app)
      await get(url)
      time.pass(lasts - 1)
      await get(url)
      expect(service.calls).toHaveLength(1)
      time.pass(2)
      await get(url)
      await vi.waitFor(() => expect(service.calls).toHaveLength(2), patient)
      await service.close()
    }
  })

  test('a search that upstream answers with 404 is an empty one', async () => {
    service.sandbox.fail(404)
    const response = await get('/movies/search?query=чего нет')
    expect(response.json()).toMatchObject({ total: 0, pages: 0, items: [], source: 'kinopoisk', complete: true })
  })

  test.each(['/movies/9999995', '/movies/search?query=ыыы'])(
    'that there is no %s is kept for ten minutes, and for a day when it has come twice',
    async (url) => {
      await get(url)
      expect(await cost(() => get(url))).toBe(0)
      time.pass(minutes + 1)
      expect(await cost(() => get(url))).toBe(1)
      time.pass(day - 60)
      expect(await cost(() => get(url))).toBe(0)
      time.pass(120)
      expect(await cost(() => get(url))).toBe(1)
    },
  )
})

/** A problem names its request; the rest of two responses to one request is the same. */
function withoutRequestId(body: string): unknown {
  const { request_id: _, ...rest } = JSON.parse(body)
  return rest
}
