import { afterEach, describe, expect, test, vi } from 'vitest'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './support/app.ts'
import { metricsOf } from './support/metrics.ts'
import { expectProblem, inDatabase, stoppedClock } from './support/movies.ts'
import { everywhere, html404, type OddReply, type OddUpstream, oddUpstream, under } from './support/odd-upstream.ts'
import { patient } from './support/patience.ts'

const apiKey = 'a-key-that-nobody-may-see'
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A service that knows the film 301, where probes count for `probeEveryMs`. */
async function start({ probeEveryMs = 60_000, known = true, env = {} as Record<string, string> } = {}) {
  const upstream = await oddUpstream()
  const time = stoppedClock()
  const kinopoisk = { url: upstream.url, apiKey, sandbox: false, probeEveryMs, accountEveryMs: 300 }
  const service = await testApp({ KINOPOISK_TIMEOUT: '5s', ...env }, { firstAdmin, clock: time.clock, kinopoisk })
  closers.push(upstream.close, service.close)
  const request = as(service.app, await testUser(service.app))
  const get = (url: string) => request({ method: 'GET', url })
  if (known) expect((await get('/movies/301')).statusCode).toBe(200)
  upstream.calls.splice(0)
  return { upstream, service, time, get, post: (url: string) => request({ method: 'POST', url }) }
}

async function statusOf(service: TestApp) {
  const admin = as(service.app, await testAdmin(service))
  return (await admin({ method: 'GET', url: '/admin/kinopoisk' })).json()
}

const stored = ({ databaseUrl }: TestApp) =>
  inDatabase(databaseUrl, (sql) => sql`select path, status from kinopoisk_answers order by path`)
const probes = ({ calls }: OddUpstream) => calls.filter((path) => path.endsWith('/301')).length
const search = (query: string) => `/movies/search?query=${encodeURIComponent(query)}`

const unexplained: [string, OddReply][] = [
  ['a page of HTML', html404],
  ['no body', { status: 404 }],
  ["Spring's", { status: 404, body: '{"timestamp":1,"status":404,"error":"Not Found","path":"/api/v2.2/films/7"}' }],
  ["Spring's, with a message", { status: 404, body: '{"status":404,"message":"No message available","path":"/x"}' }],
  ['other JSON', { status: 404, body: '{"error":"not found"}' }],
  [
    "Fastify's",
    { status: 404, body: '{"statusCode":404,"error":"Not Found","message":"Route GET:/api/v2.2/films/7 not found"}' },
  ],
  ["Nest's", { status: 404, body: '{"statusCode":404,"message":"Cannot GET /api/v2.2/films/7","error":"Not Found"}' }],
  ["Kong's", { status: 404, body: '{"message":"no Route matched with those values"}' }],
  ['a problem', { status: 404, body: '{"type":"about:blank","status":404,"code":"not_found","message":"Not found"}' }],
  ['of our own compatible addresses', { status: 404, body: '{"message":"Kinopoisk has nothing at this address"}' }],
  ['a list', { status: 404, body: '[{"message":"no"}]' }],
  ['a message that is none', { status: 404, body: '{"message":null}' }],
  ['a text', { status: 404, body: '"message"' }],
  ['more than is read', { status: 404, body: `{"message":"no","more":"${'x'.repeat(20_000)}"}` }],
]

describe('A 404 under every address', () => {
  test.each(unexplained)('that is %s is a failure, and nothing is stored', { tags: 'slow' }, async (_, reply) => {
    const { upstream, service, get, post } = await start()
    const before = await stored(service)
    upstream.be(everywhere(reply))
    for (const response of [await get('/movies/9000666'), await post('/favorites/movies/9000667')]) {
      expectProblem(response, 502, 'upstream_bad_response')
      expect(Number(response.headers['retry-after'])).toBeGreaterThan(0)
    }
    const found = (await get(search('фильм 301'))).json()
    expect(found).toMatchObject({ source: 'local', complete: false, items: [{ id: 301 }] })
    expect(await stored(service)).toEqual(before)
    expect(probes(upstream)).toBe(1)
  })

  test('costs a probe a minute, and hardly more: films are not asked for until the next one', {
    tags: 'slow',
  }, async () => {
    const { upstream, get } = await start()
    upstream.be(everywhere(html404))
    for (let id = 500; id < 520; id += 1) expectProblem(await get(`/movies/${id}`), 502, 'upstream_bad_response')
    for (let n = 0; n < 20; n += 1) expect((await get(search(`слово ${n}`))).json().source).toBe('local')
    expect(probes(upstream)).toBe(1)
    // One film, one search and the probe.
    expect(upstream.calls).toHaveLength(3)
    // What is known is served.
    expect((await get('/movies/301')).statusCode).toBe(200)
  })

  test('is over within a minute of its return, without anybody', { tags: 'slow' }, async () => {
    const { upstream, service, get } = await start({ probeEveryMs: 700 })
    upstream.be(everywhere(html404))
    expectProblem(await get('/movies/500'), 502, 'upstream_bad_response')
    expect((await get(search('слово'))).json().source).toBe('local')
    upstream.be()
    await vi.waitFor(async () => expect((await get('/movies/500')).statusCode).toBe(200), patient)
    await vi.waitFor(async () => expect((await get(search('слово'))).json().source).toBe('kinopoisk'), patient)
    expect((await statusOf(service)).distrusted).toBeNull()
  })

  test('is told to operators: in the status, in a metric, and once in the log', { tags: 'slow' }, async () => {
    const { upstream, service, get } = await start({ probeEveryMs: 500 })
    expect((await statusOf(service)).distrusted).toBeNull()
    expect((await metricsOf(service.app)).get('kinopoisk_distrusted')).toBe(0)
    upstream.be(everywhere(html404))
    await vi.waitFor(async () => {
      expectProblem(await get('/movies/500'), 502, 'upstream_bad_response')
      expect((await metricsOf(service.app)).get('kinopoisk_distrusted')).toBe(1)
    }, patient)
    await vi.waitFor(async () => {
      expectProblem(await get('/movies/500'), 502, 'upstream_bad_response')
      const { distrusted } = await statusOf(service)
      expect(distrusted).toEqual({ reason: 'not_found', since: expect.any(String), checked_at: expect.any(String) })
      expect(Date.parse(distrusted.since)).toBeLessThan(Date.parse(distrusted.checked_at))
    }, patient)
    expect(service.log().split('Kinopoisk is not believed')).toHaveLength(2)
  })

  test('is one probe of all replicas, and all decide by it', { tags: 'slow' }, async () => {
    const { upstream, service, get } = await start()
    const replica = await service.replica()
    const there = as(replica, await testUser(service.app))
    upstream.be(everywhere(html404))
    const responses = await Promise.all([
      ...[510, 511].map((id) => get(`/movies/${id}`)),
      ...[512, 513].map((id) => there({ method: 'GET', url: `/movies/${id}` })),
    ])
    for (const response of responses) expectProblem(response, 502, 'upstream_bad_response')
    expect(probes(upstream)).toBe(1)
  })

  test('does not end an import, or a listing, of what is known', async () => {
    const { upstream, get } = await start()
    upstream.be(everywhere(html404))
    await get('/movies/500')
    expect((await get('/films')).statusCode).toBe(200)
  })
})

describe('A 404 under one address', () => {
  test("is believed for minutes where the probe is well; the probe is the refresh share's", async () => {
    const { upstream, service, time, get } = await start()
    upstream.be(under(/\/(500|501)$/, html404))
    expectProblem(await get('/movies/500'), 404, 'movie_not_found')
    expectProblem(await get('/movies/501'), 404, 'movie_not_found')
    expect((await get('/movies/502')).statusCode).toBe(200)
    expect(probes(upstream)).toBe(1)
    const { quota, distrusted } = await statusOf(service)
    expect(quota.spent.refresh).toBe(1)
    expect(distrusted).toBeNull()
    // However often it comes.
    for (const calls of [1, 2, 3]) {
      expectProblem(await get('/movies/500'), 404, 'movie_not_found')
      expect(upstream.callsOf('/500')).toBe(calls)
      time.pass(661)
    }
  })

  test('does not take away what is stored', async () => {
    const { upstream, time, get } = await start()
    const first = await get('/movies/310')
    upstream.be(under(/\/310$/, html404))
    time.pass(40 * 86_400)
    expect((await get('/movies/310')).statusCode).toBe(200)
    await vi.waitFor(() => expect(upstream.callsOf('/310')).toBe(2), patient)
    const response = await get('/movies/310')
    expect(response.json()).toEqual(first.json())
  })

  test('of Kinopoisk itself is believed without a probe', async () => {
    const { upstream, get } = await start()
    upstream.be(everywhere({ status: 404, body: '{"message":"Фильм не найден"}' }))
    expectProblem(await get('/movies/500'), 404, 'movie_not_found')
    expect((await get(search('слово'))).json()).toMatchObject({ source: 'kinopoisk', total: 0, complete: true })
    expect(probes(upstream)).toBe(0)
  })
})

describe('A probe', () => {
  test('with a film that has become odd does not decide for good', { tags: 'slow' }, async () => {
    const { upstream, get } = await start({ probeEveryMs: 500 })
    upstream.be(under(/\/(301|500)$/, html404))
    expectProblem(await get('/movies/500'), 502, 'upstream_bad_response')
    await vi.waitFor(async () => expect((await get('/movies/600')).statusCode).toBe(200), patient)
    expect(probes(upstream)).toBe(1)
  })

  test('that cannot be made for want of a film leaves the 404 a failure', async () => {
    const { upstream, service, get } = await start({ known: false })
    upstream.be(everywhere(html404))
    expectProblem(await get('/movies/500'), 502, 'upstream_bad_response')
    expect((await get(search('слово'))).json().source).toBe('local')
    expect((await statusOf(service)).distrusted).toMatchObject({ reason: 'unasked' })
    // Others are asked for all the same, and a film that comes ends it.
    upstream.be(under(/\/500$/, html404))
    expect((await get('/movies/501')).statusCode).toBe(200)
    expect((await statusOf(service)).distrusted).toBeNull()
  })

  test('that cannot be made for want of quota does, too, and the same request waits', async () => {
    const { upstream, service, get } = await start({ env: { KINOPOISK_DAILY_QUOTA: '1000' } })
    await inDatabase(service.databaseUrl, (sql) => sql`update kinopoisk_usage set refresh = 600`)
    upstream.be(under(/\/500$/, html404))
    for (let time = 0; time < 3; time += 1) {
      const response = await get('/movies/500')
      expectProblem(response, 502, 'upstream_bad_response')
      expect(Number(response.headers['retry-after'])).toBeLessThanOrEqual(60)
    }
    expect(upstream.callsOf('/500')).toBe(1)
    expect(probes(upstream)).toBe(0)
    expect((await get('/movies/501')).statusCode).toBe(200)
  })

  test('that cannot be paid any more leaves one request a minute in its place', { tags: 'slow' }, async () => {
    const { upstream, service, get } = await start({ probeEveryMs: 1_500, env: { KINOPOISK_DAILY_QUOTA: '1000' } })
    upstream.be(everywhere(html404))
    expectProblem(await get('/movies/500'), 502, 'upstream_bad_response')
    await inDatabase(service.databaseUrl, (sql) => sql`update kinopoisk_usage set refresh = 600`)
    await vi.waitFor(async () => {
      expectProblem(await get(`/movies/${500 + upstream.calls.length}`), 502, 'upstream_bad_response')
      expect(upstream.calls.length).toBeGreaterThan(3)
    }, patient)
    expect(probes(upstream)).toBe(1)
    upstream.be()
    await vi.waitFor(async () => expect((await get('/movies/600')).statusCode).toBe(200), patient)
  })
})

const quotaText = 'You exceeded the quota. You have sent 503 request, but available 500 per day'
const keyText = "You don't have permissions. See https://kinopoiskapiunofficial.tech"

describe('An error text', () => {
  test.each([
    [200, quotaText, 503, 'upstream_quota_exhausted'],
    [404, quotaText, 503, 'upstream_quota_exhausted'],
    [200, keyText, 502, 'upstream_rejected_key'],
    [200, 'User is inactive or deleted.', 502, 'upstream_rejected_key'],
    [200, 'Rate limit exceeded', 503, 'upstream_rate_limited'],
    [200, 'Too many requests', 503, 'upstream_rate_limited'],
    [200, 'Превышен лимит запросов(или дневной, или общий)', 503, 'upstream_quota_exhausted'],
    [200, 'Пустой или неправильный токен', 502, 'upstream_rejected_key'],
    [200, 'Слишком много запросов. Лимит 5 запросов в секунду', 503, 'upstream_rate_limited'],
    [200, 'Something went wrong', 502, 'upstream_bad_response'],
  ] as const)('under %i, "%s", is what it says', { tags: 'slow' }, async (status, message, expected, code) => {
    const { upstream, get } = await start({ env: { KINOPOISK_TIMEOUT: '2s' } })
    upstream.be((path) => ({ status: path.includes('api_keys') ? 500 : status, body: JSON.stringify({ message }) }))
    expectProblem(await get('/movies/500'), expected, code)
    const asked = upstream.calls.length
    expect((await get(search('слово'))).json().source).toBe('local')
    // The key concerns every request.
    if (code === 'upstream_quota_exhausted' || code === 'upstream_rejected_key') {
      expectProblem(await get('/movies/501'), expected, code)
      expect(upstream.calls).toHaveLength(asked)
    }
  })

  test.each(['/movies/search?query=x', '/movies/500'])('is one for %s', async (url) => {
    const { upstream, service, get } = await start()
    upstream.be((path) =>
      path.includes('api_keys') ? { status: 500 } : { body: JSON.stringify({ message: quotaText, status: 402 }) },
    )
    await get(url)
    expect((await statusOf(service)).blocked).toMatchObject({ reason: 'quota' })
  })

  test('about the account is what it says, too', { tags: 'slow' }, async () => {
    const { upstream, service, get } = await start({ known: false })
    upstream.be(everywhere({ body: JSON.stringify({ message: quotaText }) }))
    expectProblem(await get('/movies/500'), 503, 'upstream_quota_exhausted')
    await inDatabase(
      service.databaseUrl,
      (sql) => sql`update kinopoisk_accounts set blocked_at = blocked_at - interval '1 minute',
        checked_at = checked_at - interval '1 hour'`,
    )
    upstream.be(() => ({ body: JSON.stringify({ message: keyText }) }))
    await vi.waitFor(async () => expect((await statusOf(service)).blocked).toMatchObject({ reason: 'key' }), patient)
  })

  test.each([
    [search('квота'), 'По запросу «квота» фильмы не найдены'],
    [search('token'), 'Films by keyword token not found'],
    ['/movies/500', 'User 77 is inactive or deleted'],
  ])('of a 404 about one question, %s, concerns that one alone', async (url, message) => {
    const { upstream, service, get } = await start()
    upstream.be(everywhere({ status: 404, body: JSON.stringify({ message }) }))
    const response = await get(url)
    if (response.statusCode === 200) expect(response.json()).toMatchObject({ total: 0, complete: true })
    else expectProblem(response, 404, 'movie_not_found')
    expect((await statusOf(service)).blocked).toBeNull()
    upstream.be()
    expect((await get('/movies/501')).statusCode).toBe(200)
  })

  test('beside an empty list is what it says', async () => {
    const { upstream, service, get } = await start()
    upstream.be((path) =>
      path.includes('api_keys')
        ? { status: 500 }
        : { body: JSON.stringify({ items: [], total: 0, message: quotaText }) },
    )
    expect((await get(search('слово'))).json()).toMatchObject({ source: 'local', complete: false })
    expect((await statusOf(service)).blocked).toMatchObject({ reason: 'quota' })
  })

  test('is none where a response has a message of its own', async () => {
    const { upstream, get } = await start()
    upstream.be(under(/\/500$/, { body: '{"kinopoiskId":500,"nameRu":"Токен","message":"quota"}' }))
    expect((await get('/movies/500')).statusCode).toBe(200)
  })
})
