import type { LightMyRequestResponse } from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { as, endBlock, firstAdmin, type TestApp, type TestUser, testAdmin, testApp, testUser } from './support/app.ts'
import { addresses, client, films, makeKey } from './support/compatible.ts'
import { expectProblem } from './support/movies.ts'
import { documentOf, exampleRequest, operationsOf } from './support/operations.ts'
import { speak } from './support/raw.ts'

let service: TestApp
let user: TestUser
let key: string
let get: ReturnType<typeof client>

beforeAll(async () => {
  const env = { KINOPOISK_COMPATIBLE: 'true', CORS_ORIGINS: 'https://films.example' }
  service = await testApp(env, { firstAdmin }, { films })
  user = await testUser(service.app)
  key = await makeKey(service.app, user)
  get = client(service.app, key)
})
afterEach(() => service.sandbox.fail(null))
afterAll(() => service.close())

function expectMessage(response: LightMyRequestResponse, status: number, begins = /\S/) {
  expect(response.statusCode, response.body).toBe(status)
  expect(response.headers['content-type']).toMatch(/^application\/json/)
  expect(response.headers['access-control-allow-origin']).toBe('*')
  expect(Object.keys(response.json())).toEqual(['message'])
  expect(response.json().message).toMatch(begins)
}

describe('Who may ask', () => {
  test('without KINOPOISK_COMPATIBLE nobody: there is nothing at these addresses, nor in the document', {
    tags: 'slow',
  }, async () => {
    const off = await testApp()
    try {
      const own = await testUser(off.app)
      const theirs = await makeKey(off.app, own)
      for (const url of [...addresses, '//api/v1/staff?filmId=301', `/api/v1/api_keys/${theirs}`]) {
        expectProblem(await client(off.app, theirs)(url), 404, 'not_found')
      }
      expect(operationsOf(documentOf(off.app)).filter(({ path }) => path.startsWith('/api'))).toEqual([])
      expect(off.calls).toEqual([])
    } finally {
      await off.close()
    }
  })

  test('a key of the scope, as X-API-KEY or bearer; no other key, and no access token', async () => {
    const url = '/api/v2.2/films/301'
    const ask = (headers: Record<string, string>) => service.app.inject({ method: 'GET', url, headers })
    expect((await ask({ 'x-api-key': key })).statusCode).toBe(200)
    expect((await ask({ authorization: `Bearer ${key}` })).statusCode).toBe(200)
    const unknown = ['', 'x', '3f0c2a52-3d0b-4c5e-9a49-0c6f1f6a8a11']
    for (const each of unknown) expectMessage(await ask({ 'x-api-key': each }), 401, /^You don't have permissions/)
    expectMessage(await ask({}), 401)
    expectMessage(await ask(user.headers), 401)
    const reader = await makeKey(service.app, user, { scopes: ['read'] })
    expectMessage(await ask({ 'x-api-key': reader }), 403)
    for (const double of ['//api/v2.2/films/301', '/api//v2.2/films/301', '//api/v1/staff?filmId=301', '/api/x']) {
      expectMessage(await service.app.inject({ method: 'GET', url: double }), 401)
    }
  })

  test('at every address the same: a live key of the scope, and nothing else', { tags: 'slow' }, async () => {
    const admin = await testAdmin(service)
    const blocked = await testUser(service.app)
    const [dead, reader, writer, ofAdmin] = [
      await makeKey(service.app, blocked),
      await makeKey(service.app, user, { scopes: ['read'] }),
      await makeKey(service.app, user, { scopes: ['lists'] }),
      await makeKey(service.app, admin),
    ]
    await as(service.app, admin)({ method: 'PATCH', url: `/users/${blocked.id}`, payload: { blocked: true } })
    const callers: [string, Record<string, string>, RegExp][] = [
      ['nobody', {}, /^401$/],
      ['a token', user.headers, /^401$/],
      ["an administrator's token", admin.headers, /^401$/],
      ["a blocked user's key", { 'x-api-key': dead }, /^401$/],
      ['a key that reads', { 'x-api-key': reader }, /^403$/],
      ['a key that writes lists', { 'x-api-key': writer }, /^403$/],
      ['a key', { 'x-api-key': key }, /^(200|404)$/],
      ["an administrator's key", { 'x-api-key': ofAdmin }, /^(200|404)$/],
    ]
    const operations = operationsOf(documentOf(service.app)).filter(({ tags }) => tags.includes('compatible'))
    for (const operation of operations.filter(({ isPublic }) => !isPublic)) {
      for (const [name, headers, status] of callers) {
        for (const method of ['GET', 'HEAD'] as const) {
          const response = await service.app.inject({ ...exampleRequest(operation), method, headers })
          expect([operation.title, name, String(response.statusCode)]).toEqual([
            operation.title,
            name,
            expect.stringMatching(status),
          ])
        }
      }
    }
  })

  test('the account of a key is for who knows the key, and never asks upstream', async () => {
    const account = (text: string, base = '/api/v1') =>
      service.app.inject({ method: 'GET', url: `${base}/api_keys/${text}` })
    for (const base of ['/api/v1', '//api/v1', '/api/v1/']) {
      expect((await account(key, base)).json()).toMatchObject({ totalQuota: { value: -1 }, dailyQuota: {} })
    }
    expectMessage(await account('3f0c2a52-3d0b-4c5e-9a49-0c6f1f6a8a11'), 401)
    expectMessage(await account('x'), 401)
    expectMessage(await account(await makeKey(service.app, user, { scopes: ['read'] })), 403)
    expect(service.log()).not.toContain(key)
  })

  test('a page of any origin, on errors too, whatever CORS_ORIGINS has', async () => {
    for (const url of ['/api/v2.2/films/301', '//api/v1/staff', `/api/v1/api_keys/${key}`]) {
      const headers = {
        origin: 'https://anywhere.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'x-api-key, content-type, accept',
      }
      const preflight = await service.app.inject({ method: 'OPTIONS', url, headers })
      expect(preflight.statusCode).toBe(204)
      expect(preflight.headers['access-control-allow-origin']).toBe('*')
      const allowed = String(preflight.headers['access-control-allow-headers']).split(', ')
      expect(allowed).toEqual(expect.arrayContaining(['x-api-key', 'content-type', 'accept']))
    }
    const origin = 'https://anywhere.example'
    const answer = await client(service.app, key, { origin })('/api/v2.2/films/301')
    expect(answer.headers['access-control-allow-origin']).toBe('*')
    expectMessage(await client(service.app, key, { origin })('/api/v2.2/films/%zz'), 400)
    // Of all else CORS_ORIGINS decides.
    const own = await service.app.inject({ method: 'GET', url: '/livez', headers: { origin } })
    expect(own.headers['access-control-allow-origin']).toBeUndefined()
  })
})

describe('A parameter that comes twice', () => {
  test.each([
    ['/api/v2.1/films/search-by-keyword?keyword=x&page=1&page=1', '/api/v2.1/films/search-by-keyword?keyword=x&page=1'],
    ['/api/v1/staff?filmId=301&filmId=301', '/api/v1/staff?filmId=301'],
    ['/api/v2.2/films?genres=1&genres=2&genres=1&order=RATING', '/api/v2.2/films?genres=1,2&order=RATING'],
  ])('with one value is one: %s', async (twice, once) => {
    const before = service.calls.length
    const response = await get(twice)
    expect(response.statusCode).toBe(200)
    expect((await get(once)).body).toBe(response.body)
    expect(service.calls.slice(before).length).toBeLessThanOrEqual(1)
  })
})

describe('What cannot be asked', () => {
  test.each(['/api/v2.2/films/top?type=TOP_250_BEST_FILMS&page=1', '//api/v2.2/films/top/'])(
    'is not there, as at Kinopoisk, where it was taken away: %s',
    async (url) => {
      const before = service.calls.length
      expectMessage(await get(url), 404)
      expect(service.calls).toHaveLength(before)
    },
  )

  test.each([
    ['/api/v2.2/films/0', 'params.id must be a whole number from 1 to 999999999'],
    ['/api/v2.2/films/abc', 'params.id must be a whole number from 1 to 999999999'],
    ['/api/v1/staff', 'query.filmId is required'],
    ['/api/v1/staff?filmId=', 'query.filmId is required'],
    ['/api/v2.1/films/search-by-keyword?keyword=%20', 'query.keyword is required'],
    [`/api/v2.1/films/search-by-keyword?keyword=${'a'.repeat(201)}`, 'query.keyword must have at most 200 characters'],
    ['/api/v2.1/films/search-by-keyword?keyword=%CC%E0%F2', 'query.keyword must be percent-encoded UTF-8'],
    ['/api/v2.1/films/search-by-keyword?keyword=x&page=21', 'query.page must be a whole number from 1 to 20'],
    ['/api/v2.1/films/search-by-keyword?keyword=x&page=1&page=2', 'query.page must be a whole number from 1 to 20'],
    ['/api/v2.2/films?imdbId=133093', 'query.imdbId must be an IMDb id such as tt0133093'],
    ['/api/v2.2/films?order=NAME', 'query.order must be one of RATING, NUM_VOTE, YEAR'],
    ['/api/v2.2/films/premieres?year=2024&month=13', 'query.month must be one of JANUARY'],
    ['/api/v2.2/films/301/images?type=FOO', 'query.type must be one of STILL'],
  ])('%s is 400 and costs no call: %s', async (url, message) => {
    const before = service.calls.length
    const response = await get(url)
    expectMessage(response, 400)
    expect(response.json().message).toContain(message)
    expect(service.calls.length).toBe(before)
  })

  test('what is not there is 404: a film, an id that nobody has, an address', async () => {
    expectMessage(await get('/api/v2.2/films/9000001'), 404)
    const before = service.calls.length
    const gone = ['/api/v2.2/films/9000001', '/api/v2.2/films/900000001', '/api/v2.2/films/900000001/facts']
    for (const url of [...gone, '/api/v2.2/films/top', '/api/v3/films/301', '/api', '/api/', '//api/v1/staffs']) {
      const { statusCode, body } = await get(url)
      expect([url, statusCode < 500 && statusCode >= 400], body).toEqual([url, true])
    }
    expect(service.calls.length).toBe(before)
  })

  test('writing does not exist: 405, with or without a key', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      for (const url of ['/api/v2.2/films/301', '//api/v1/staff', `/api/v1/api_keys/${key}`]) {
        const response = await service.app.inject({ method, url, headers: { 'x-api-key': key } })
        expectMessage(response, 405)
        expect(response.headers.allow).toBe('GET, HEAD')
      }
    }
    const head = await service.app.inject({ method: 'HEAD', url: addresses[0] ?? '', headers: { 'x-api-key': key } })
    expect([head.statusCode, head.body]).toEqual([200, ''])
  })

  test.each([
    ['a 5xx', 500, 302],
    ['no JSON', 'bad_json', 303],
    ['a rate that is exceeded', 429, 310],
    ['a rejected key', 401, 311],
  ] as const)('what could not be asked because of %s is 503, never 429', { tags: 'slow' }, async (_, fault, id) => {
    service.sandbox.fail(fault)
    const response = await get(`/api/v2.2/films/${id}/similars`)
    expectMessage(response, 503)
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0)
    expect(response.body).not.toMatch(/html|test-key/)
    service.sandbox.fail(null)
    await endBlock(service)
  })
})

describe('A budget', () => {
  test('of 20 calls is 20 calls, of 200 requests at once over two replicas', { tags: 'slow' }, async () => {
    // However busy the machine is: no call is refused because its turn comes late.
    const env = { KINOPOISK_TIMEOUT: '2m', KINOPOISK_PATIENCE: '2m' }
    const own = await testApp({ KINOPOISK_COMPATIBLE: 'true', KINOPOISK_DAILY_QUOTA: '-1', ...env })
    try {
      const limited = await makeKey(own.app, await testUser(own.app), { daily_limit: 20 })
      const [first, second] = [client(own.app, limited), client(await own.replica(), limited)]
      const ids = Array.from({ length: 200 }, (_, i) => 8_000_000 + i)
      const asked = ids.map((id, i) => (i % 2 ? first : second)(`/api/v2.2/films/${id}`))
      const statuses = (await Promise.all(asked)).map(({ statusCode }) => statusCode)
      const counts = [...Map.groupBy(statuses, String)].map(([status, all]) => [status, all.length])
      expect(counts.toSorted()).toEqual([
        ['402', 180],
        ['404', 20],
      ])
      expect(own.calls).toHaveLength(20)
      const refused = await first('/api/v2.2/films/8000999')
      expect(refused.headers.ratelimit).toMatch(/r=0\b/)
      expect(refused.headers['ratelimit-policy']).toMatch(/q=20\b/)
    } finally {
      await own.close()
    }
  })

  test('that is spent leaves what is kept, and says what is left', async () => {
    const limited = await makeKey(service.app, user, { daily_limit: 1 })
    const ask = client(service.app, limited)
    const first = await ask('/api/v2.2/films/311/videos')
    expect(first.headers['ratelimit-policy']).toMatch(/q=1\b/)
    expectMessage(await ask('/api/v2.2/films/303/facts'), 402, /^You exceeded the quota/)
    expect((await ask('/api/v2.2/films/311/videos')).statusCode).toBe(200)
    const usage = await as(service.app, user)({ method: 'GET', url: '/user/usage' })
    expect(usage.statusCode).toBe(200)
  })
})

describe('The document', () => {
  test('has the addresses under a tag of their own, each with its parameters and errors', () => {
    const document = documentOf(service.app)
    expect(document.tags.map(({ name }) => name)).toContain('compatible')
    const operations = operationsOf(document).filter(({ tags }) => tags.includes('compatible'))
    const paths = addresses.map((url) => url.replace(/\?.*/, '').replace(/\/\d+/, '/{id}'))
    expect(operations.map(({ path }) => path).toSorted()).toEqual(
      [
        ...new Set([...paths, '/api/v1/api_keys/{key}']),
        ...['/images/posters/kp/{id}.jpg', '/images/posters/kp_small/{id}.jpg'],
      ].toSorted(),
    )
    for (const { title, responses, operationId } of operations) {
      expect(operationId, title).toMatch(/^kinopoisk[A-Z]/)
      expect(Object.keys(responses), title).toEqual(['200', '400', '401', '402', '403', '404', '500', '503'])
    }
  })
})

describe('An address that is not encoded', () => {
  test('gets a message in upstream’s form, readable for pages of any origin', async () => {
    const address = await service.app.listen({ host: '127.0.0.1', port: 0 })
    const lines = [
      'GET //api/v2.1/films/search-by-keyword?keyword=матрица HTTP/1.1',
      'host: x',
      'connection: close',
      '',
      '',
    ]
    const { status, headers, body } = await speak(address, lines.join('\r\n'))
    expect(status).toBe(400)
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'access-control-allow-origin': '*' })
    const { message, ...rest } = JSON.parse(body)
    expect(message).toContain('keyword=%D0%BC%D0%B0')
    expect(rest).toEqual({})
  })
})
