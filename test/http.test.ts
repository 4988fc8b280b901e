import type { InjectOptions } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { cloneDatabase } from './support/databases.ts'
import { adminUser, documentOf, examplePath, exampleRequest, operationsOf, parametersIn } from './support/operations.ts'
import { outageOf } from './support/outage.ts'
import { expectProblem, expectProblemBody } from './support/problems.ts'
import { speak } from './support/raw.ts'

let service: TestApp
let address: string
let asAnn: ReturnType<typeof as>
let asAdmin: ReturnType<typeof as>

beforeAll(async () => {
  service = await testApp()
  address = await service.app.listen({ host: '127.0.0.1', port: 0 })
  asAnn = as(service.app, await testUser(service.app, 'ann'))
  asAdmin = as(service.app, await adminUser(service.app))
})
afterAll(() => service.close())

const asNobody = (options: InjectOptions) => service.app.inject(options)
const logIn = (contentType: string, payload: string) =>
  asNobody({ method: 'POST', url: '/login', headers: { 'content-type': contentType }, payload })

describe('Errors are problems', () => {
  test.each([
    ['cut off', '{"login": "ann"'],
    ['not JSON', 'login=ann'],
    ['with a member __proto__', '{"login":"ann","password":"secret","__proto__":{"role":"admin"}}'],
    ['with constructor.prototype', '{"login":"ann","password":"secret","constructor":{"prototype":{"role":"admin"}}}'],
  ])('a body that is %s is 400', async (_, body) => {
    expectProblem(await logIn('application/json', body), 400, 'malformed_json')
  })

  test('input that does not fit the schema is 400 and every fault is named', async () => {
    const response = await asNobody({ method: 'POST', url: '/register', payload: { login: 7, age: 'old' } })
    const { errors, detail, instance } = expectProblem(response, 400, 'invalid_input')
    expect(errors?.map((error) => error.path).toSorted()).toEqual(['body.age', 'body.login', 'body.password'])
    for (const { path, message } of errors ?? []) expect(detail).toContain(`${path} ${message}`)
    expect(instance).toBe('/register')
  })

  test('a JSON body that is not UTF-8 is 400, and no U+FFFD is stored', async () => {
    const latin1 = Buffer.from('{"name":"Zo\xeb"}', 'latin1')
    const payload = { method: 'PATCH', url: '/user', headers: { 'content-type': 'application/json' } } as const
    expect(expectProblem(await asAnn({ ...payload, payload: latin1 }), 400, 'malformed_json').detail).toContain('UTF-8')
    expect((await asAnn({ ...payload, payload: Buffer.from('{"name":"Zoë"}') })).json().name).toBe('Zoë')
  })

  test.each(['name=%CC%E0', 'name=\xcc\xe0', '%ff=1'])('a form %s is not UTF-8: 400', async (text) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await asAnn({ method: 'PATCH', url: '/user', headers, payload: Buffer.from(text, 'latin1') })
    expect(expectProblem(answer, 400, 'bad_request').detail).toContain('UTF-8')
  })

  test('a form is read as browsers write it', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const send = (payload: string) => asAnn({ method: 'PATCH', url: '/user', headers, payload })
    expect((await send('name=%D0%AF+100%25&surname=a%20b&age=')).json()).toMatchObject({
      name: 'Я 100%',
      surname: 'a b',
    })
    expect((await send('name=100%')).json().name).toBe('100%')
    expectProblem(await send('name=a&name=b'), 400, 'invalid_input')
  })

  test.each(['/films?q=%CC%E0%F2', '/movies/search?query=%d0', '/genres?page=%FF'])(
    '%s is not UTF-8: 400',
    async (url) => {
      expect(expectProblem(await asAnn({ url }), 400, 'bad_request').detail).toContain('UTF-8')
    },
  )

  test.each(['/films?q=100%', '/films?q=%zz', '/films?q=%25CC', '/films?q=5%20%'])('%s is text', async (url) => {
    expect((await asAnn({ url })).statusCode).toBe(200)
  })

  test('a bare sign of percent leaves the rest of a value decoded', async () => {
    const before = service.calls.length
    const response = await asAnn({ url: `/movies/search?query=${encodeURIComponent('с вами')}+%zz%20100%&page=1` })
    expect(response.json()).toMatchObject({ query: 'с вами %zz 100%', page: 1 })
    const [call] = service.calls.slice(before)
    expect(new URLSearchParams(call?.path.split('?')[1]).get('keyword')).toBe('с вами %zz 100%')
  })

  test.each(['null', '[]', '"text"', '7', 'true'])('a body %s is no object: 400', async (body) => {
    expectProblem(await logIn('application/json', body), 400, 'invalid_input')
  })

  test('unknown members of a body are ignored, whatever they are named', async () => {
    const payload = { name: 'Ann', role: 'admin', toString: 1, 'a.b': { c: [] } }
    const response = await asAnn({ method: 'PATCH', url: '/user', payload })
    expect(response.statusCode).toBe(200)
    expect(response.json()).toMatchObject({ name: 'Ann', role: 'user' })
  })

  test('no token is 401 and names the scheme', async () => {
    const response = await asNobody({ method: 'GET', url: '/user' })
    expectProblem(response, 401, 'missing_token')
    expect(response.headers['www-authenticate']).toBe('Bearer')
  })

  test('the query of the request is not repeated in the problem', async () => {
    const response = await asNobody({ method: 'GET', url: '/nothing?token=secret' })
    expect(expectProblem(response, 404, 'not_found').instance).toBe('/nothing')
    expect(response.body).not.toContain('secret')
  })

  test.each([
    ['text/plain', 'login'],
    ['application/xml', '<login/>'],
    ['multipart/form-data; boundary=x', '--x--'],
    ['not a content type', 'login'],
  ])('a body of %s is 415', async (contentType, body) => {
    expectProblem(await logIn(contentType, body), 415, 'unsupported_media_type')
  })

  test('a form is for accounts only', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const response = await asAdmin({ method: 'POST', url: '/genres', headers, payload: 'name=Ann' })
    expectProblem(response, 415, 'unsupported_media_type')
    expectProblem(await logIn('application/x-www-form-urlencoded', 'login=x'), 400, 'invalid_input')
  })

  test.each([
    ['POST', '/genres', ['application/json']],
    ['PATCH', '/films/1', ['application/json']],
    ['PATCH', '/user', ['application/json', 'application/x-www-form-urlencoded']],
    ['PUT', '/user/password', ['application/json', 'application/x-www-form-urlencoded']],
    ['POST', '/user/lists/import', ['application/json', 'multipart/form-data']],
    ['POST', '/films/import', ['multipart/form-data']],
    ['PUT', '/directors/1/photo', ['multipart/form-data']],
  ] as const)('415 of %s %s names what it takes: %s', async (method, url, types) => {
    const headers = { 'content-type': 'text/yaml' }
    const answer = await asAdmin({ method, url, headers, payload: 'a: 1' })
    const { detail } = expectProblem(answer, 415, 'unsupported_media_type')
    expect(detail).toBe(`This address takes ${types.join(' or ')}, not the content type of this body`)
    expect(answer.headers.accept).toBe(types.join(', '))
    const own = answer.headers[`accept-${method.toLowerCase()}`]
    expect(own).toBe(method === 'PUT' ? undefined : types.join(', '))
  })

  test('a body without a content type is 415 and says so', async () => {
    const body = '{"name":"x"}'
    const head = `PATCH /user HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n`
    const { authorization } = (await testUser(service.app)).headers
    const answer = await speak(address, `${head}authorization: ${authorization}\r\n\r\n${body}`)
    expect(expectProblemBody(answer, 415, 'unsupported_media_type').detail).toContain('the body has no Content-Type')
  })

  test('a body of over a mebibyte is 413, announced or not', async () => {
    const body = `{"login":"${'a'.repeat(1024 * 1024)}"}`
    expectProblem(await logIn('application/json', body), 413, 'payload_too_large')
    const head = 'POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n'
    const announced = await speak(address, `${head}content-length: ${body.length}\r\n\r\n`)
    expectProblemBody(announced, 413, 'payload_too_large')
    const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
    const unannounced = await speak(address, `${head}transfer-encoding: chunked\r\n\r\n${chunk}`)
    expectProblemBody(unannounced, 413, 'payload_too_large')
  })

  test('a body of a little less is read', async () => {
    const body = `{"login":"ann","extra":"${'a'.repeat(1024 * 1024 - 100)}"}`
    expectProblem(await logIn('application/json', body), 400, 'invalid_input')
  })
})

describe('Addresses', () => {
  test.each(['/%ff', '/movies/%', '/movies/%zz'])('a broken encoding is 400: %s', async (url) => {
    expectProblem(await asAnn({ method: 'GET', url }), 400, 'bad_request')
  })

  test('an endless part of a path is 400', async () => {
    expectProblem(await asAnn({ method: 'GET', url: `/movies/${'1'.repeat(1000)}` }), 400, 'bad_request')
  })

  test.each([
    ['PUT', '/movies/301', 'GET, HEAD'],
    ['PUT', '/movies/301/', 'GET, HEAD'],
    ['DELETE', '/movies/no-number?x=1', 'GET, HEAD'],
    ['GET', '/auth/login', 'POST, PUT'],
    ['HEAD', '/auth/login/', 'POST, PUT'],
    ['PUT', '/favorites/movies/301', 'GET, HEAD, POST, DELETE'],
    ['POST', '/livez', 'GET, HEAD'],
    ['TRACE', '/livez', 'GET, HEAD'],
    ['OPTIONS', '/movies/301', 'GET, HEAD'],
    ['DELETE', '/docs', 'GET, HEAD'],
  ] as const)('%s %s is 405 and names %s', async (method, url, allow) => {
    const response = await asNobody({ method: method as 'GET', url })
    expect([response.statusCode, response.headers.allow]).toEqual([405, allow])
    if (method !== 'HEAD') expectProblem(response, 405, 'method_not_allowed')
  })

  test.each(['GET', 'POST', 'OPTIONS'] as const)('%s of an unknown address is 404 without a list', async (method) => {
    const response = await asNobody({ method, url: '/no/such/thing' })
    expectProblem(response, 404, 'not_found')
    expect(response.headers.allow).toBeUndefined()
  })

  test('a 405 names every documented method of its address', async () => {
    for (const operation of operationsOf(documentOf(service.app))) {
      const response = await asNobody({ method: 'TRACE' as 'GET', url: examplePath(operation) })
      expect(response.headers.allow?.split(', '), operation.title).toContain(operation.method)
    }
  })

  test('a trailing slash changes nothing, and nothing is redirected', async () => {
    for (const { method, ...operation } of operationsOf(documentOf(service.app))) {
      const url = examplePath({ method, ...operation })
      // A query that no route takes: every route answers 400 or 401 by itself, and does nothing.
      const [plain, slashed] = await Promise.all(
        [url, `${url}/`].map((path) => asNobody({ method, url: `${path}?no_such_parameter=1` })),
      )
      expect([400, 401], operation.title).toContain(plain?.statusCode)
      expect(slashed?.statusCode, operation.title).toBe(plain?.statusCode)
    }
    expect((await asAnn({ method: 'GET', url: '/user/' })).json()).toMatchObject({ login: 'ann' })
  })

  test('HEAD is GET without the body', { tags: 'slow' }, async () => {
    for (const operation of operationsOf(documentOf(service.app)).filter((each) => each.method === 'GET')) {
      const get = await asAdmin(exampleRequest(operation))
      const head = await asAdmin({ ...exampleRequest(operation), method: 'HEAD' })
      expect(head.statusCode, operation.title).toBe(get.statusCode)
      expect(head.headers['content-type'], operation.title).toBe(get.headers['content-type'])
      expect(head.body, operation.title).toBe('')
    }
  })

  test('an unknown query parameter is 400 and the known ones are named, on every route', async () => {
    for (const operation of operationsOf(documentOf(service.app))) {
      const request = exampleRequest(operation)
      if (operation.requestBody && !request.payload) continue
      const query = { no_such_parameter: '1' }
      const { detail } = expectProblem(await asAdmin({ ...request, query }), 400, 'invalid_input')
      const known = parametersIn(operation, 'query').map((parameter) => parameter.name)
      const named = known.length > 0 ? `known are ${known.join(', ')}` : 'nothing is'
      expect(detail, operation.title).toContain(`query.no_such_parameter is not known here; ${named}`)
    }
  })

  test.each(['__proto__', 'constructor', 'toString', 'page[]', 'PAGE'])(
    'the parameter %s is as unknown',
    async (name) => {
      const response = await asAnn({ method: 'GET', url: `/favorites/movies?${encodeURIComponent(name)}=1` })
      expect(expectProblem(response, 400, 'invalid_input').detail).toContain('known are page')
    },
  )

  test('a parameter that comes twice is 400', async () => {
    const response = await asAnn({ method: 'GET', url: '/favorites/movies?page=1&page=2' })
    expectProblem(response, 400, 'invalid_input')
  })

  test.each(['1e3', '0x1F', '%201', '1.0', '+1', '', '9007199254740993'])('page=%s is no page: 400', async (page) => {
    expectProblem(await asAnn({ method: 'GET', url: `/favorites/movies?page=${page}` }), 400, 'invalid_input')
  })
})

describe('Requests without a body', () => {
  test.each([
    ['no content type', {}],
    ['a content type, though there is nothing', { 'content-type': 'application/json' }],
    ['a content type that nothing takes', { 'content-type': 'text/plain' }],
    ['a length of 0', { 'content-type': 'application/json', 'content-length': '0' }],
  ])('are fine where none is needed, with %s', async (_, headers) => {
    const url = '/wishlist/movies/301'
    expect((await asAnn({ method: 'POST', url, headers })).statusCode).toBeLessThan(202)
    expect((await asAnn({ method: 'DELETE', url, headers })).statusCode).toBe(204)
  })

  test('are 400 where one is needed', async () => {
    expectProblem(await asNobody({ method: 'POST', url: '/login' }), 400, 'invalid_input')
  })

  test('a body where none is needed is still read: broken JSON is 400, text 415', async () => {
    const send = (contentType: string) =>
      asAnn({ method: 'POST', url: '/wishlist/movies/301', headers: { 'content-type': contentType }, payload: '{' })
    expectProblem(await send('application/json'), 400, 'malformed_json')
    expectProblem(await send('text/plain'), 415, 'unsupported_media_type')
  })
})

describe('X-Request-Id', () => {
  test.each(['a', '7f3c-22.x_Y:1', 'x'.repeat(128)])('a sane one is echoed: %s', async (id) => {
    const response = await asNobody({ method: 'GET', url: '/nothing', headers: { 'x-request-id': id } })
    expect(expectProblem(response, 404, 'not_found').request_id).toBe(id)
  })

  test.each(['', 'x'.repeat(129), 'two words', 'tab\there', 'line\u2028', '<script>', 'a,b', '"q"'])(
    'any other is replaced: %j',
    async (id) => {
      const response = await asNobody({ method: 'GET', url: '/livez', headers: { 'x-request-id': id } })
      expect(response.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    },
  )

  test('two requests never share a generated one', async () => {
    const ids = await Promise.all([1, 2, 3].map(() => asNobody({ method: 'GET', url: '/livez' })))
    expect(new Set(ids.map((response) => response.headers['x-request-id'])).size).toBe(3)
  })
})

describe('Bytes that are no request', () => {
  const livez = 'GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n'

  test.each([
    ['garbage', 'garbage\r\n\r\n'],
    ['an unknown method', 'FETCH /livez HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['a header without a colon', `${livez}nonsense\r\n\r\n`],
    ['both a length and chunks', `${livez}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
  ])('%s is 400', async (_, bytes) => {
    const answer = await speak(address, bytes)
    expect(expectProblemBody(answer, 400, 'bad_request').instance).toBe(`urn:uuid:${answer.headers['x-request-id']}`)
  })

  test('a URL that is not percent-encoded is 400 and says so', async () => {
    const answer = await speak(address, livez.replace('/livez', '/movies/search?query=матрица'))
    expect(expectProblemBody(answer, 400, 'bad_request').detail).toContain('percent-encoded')
  })

  describe('The 400 of an address that is not encoded tells the one that works', () => {
    const told = async (line: string | Buffer) => {
      const rest = Buffer.from('\r\nhost: x\r\nconnection: close\r\n\r\n')
      const answer = await speak(address, Buffer.concat([Buffer.from(line), rest]))
      return expectProblemBody(answer, 400, 'bad_request').detail
    }

    test.each([
      ['GET', '/movies/search?query=матрица&page=1'],
      ['GET', '/movies/search?query=the matrix 1999'],
      ['GET', '/films?genre=драма&q=%D1%8F я&min_rate=7'],
      ['DELETE', '/movies/кино'],
    ])('%s %s', async (method, url) => {
      const encoded = url.replace(/[^\x21-\x7e]+/g, encodeURIComponent)
      expect(encoded).toMatch(/^[\x21-\x7e]+$/)
      const detail = await told(`${method} ${url} HTTP/1.1`)
      expect(detail).toBe(`The URL has characters that must be percent-encoded (UTF-8). This address works: ${encoded}`)
      const served = await service.app.inject({ method: method as 'GET', url: encoded })
      expect(served.statusCode).not.toBe(400)
    })

    test.each([
      ['bytes that are not UTF-8', Buffer.from('GET /films?q=\xec\xe0\xf2 HTTP/1.1', 'latin1')],
      ['more than 2000 bytes', Buffer.from(`GET /films?q=${'я'.repeat(1500)} HTTP/1.1`)],
      ['the address of another host', Buffer.from('GET http://evil.example/я HTTP/1.1')],
      ['a line that is none', Buffer.from('GET /films?q=я')],
    ])('but not of %s', async (_, line) => {
      const detail = await told(line)
      expect(detail).not.toContain('This address works')
    })

    test('and nothing of it is served, nor logged', async () => {
      const before = service.log().length
      const secret = 'a-secret-of-the-query'
      const request = `GET /user?q=я&token=${secret} HTTP/1.1\r\nhost: x\r\n\r\n`
      const answer = await speak(address, `${request}GET /livez HTTP/1.1\r\nhost: x\r\n\r\n`)
      expect(answer.status).toBe(400)
      expect(answer.headers).toMatchObject({ connection: 'close', 'x-content-type-options': 'nosniff' })
      expect(answer.body.match(/HTTP\/1/g)).toBeNull()
      expect(service.log().slice(before)).not.toContain(secret)
    })
  })

  test('headers of over 16 KiB are 431', async () => {
    const answer = await speak(address, `${livez}x-large: ${'a'.repeat(16_384)}\r\n\r\n`)
    expectProblemBody(answer, 431, 'headers_too_large')
    expect((await speak(address, `${livez}x-large: ${'a'.repeat(15_000)}\r\n\r\n`)).status).toBe(200)
  })

  test('a request without Host is a problem, and an unknown expectation is passed over', async () => {
    const hostless = await speak(address, 'GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n')
    expect(hostless.status).toBe(400)
    expect(JSON.parse(hostless.body)).toMatchObject({
      code: 'bad_request',
      request_id: hostless.headers['x-request-id'],
    })
    expect((await speak(address, `${livez}expect: miracles\r\n\r\n`)).status).toBe(200)
  })

  test.each([
    ['two headers Host', 'GET /livez HTTP/1.1\r\nhost: a\r\nHOST: b\r\n\r\n'],
    ['the same Host twice', 'GET /livez HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n'],
    ['HTTP/0.9', 'GET /livez\r\n\r\n'],
  ])('%s: 400, and the connection is closed', async (_, request) => {
    const answer = await speak(address, request)
    expectProblemBody(answer, 400, 'bad_request')
    expect(answer.headers.connection).toBe('close')
  })

  test('of many faults only the first are told', async () => {
    const query = Array.from({ length: 500 }, (_, i) => `q${i}`).join('&')
    const answer = await service.app.inject({ url: `/livez?${query}` })
    expect(answer.statusCode).toBe(400)
    expect(answer.json().errors).toHaveLength(20)
  })

  test('the log tells of them by the id that the answer names', { tags: 'slow' }, async () => {
    // Of many a second only one has a line.
    const isLogged = async () => {
      const answer = await speak(address, 'garbage\r\n\r\n')
      return service.log().includes(answer.headers['x-request-id'] ?? 'no id')
    }
    await expect.poll(isLogged).toBe(true)
  })
})

describe('Faults within', () => {
  test('a bug is 500: the client learns nothing, the log its cause without values, the report comes once', async () => {
    const reports: unknown[] = []
    const { app, log, close } = await testApp({}, { report: (error) => reports.push(error) })
    const asBob = as(app, await testUser(app, 'bob'))
    await app.database.sql`alter table users drop column surname`
    const payload = { name: 'a-secret-name' }
    const response = await asBob({ method: 'PATCH', url: '/user', payload, headers: { 'x-request-id': 'the-bug' } })
    const problem = expectProblem(response, 500, 'internal_error')
    expect(problem.detail).toBe('Internal error')
    expect(response.body).not.toMatch(/surname|column|update|sql|postgres|drizzle|\.ts|node_modules|a-secret-name/i)
    expect(reports).toHaveLength(1)

    const lines = () => logLines(log()).filter((line) => line.request_id === 'the-bug')
    await expect.poll(() => lines().length).toBe(2)
    const [failure, access] = lines()
    expect(failure).toMatchObject({ level: 50, err: { code: '42703', message: 'column "surname" does not exist' } })
    expect(access).toMatchObject({ msg: 'request', status: 500, route: '/user' })
    expect(log()).not.toMatch(/a-secret-name|correct horse/)
    await close()
  })

  test('a fault of the client is neither reported nor logged as an error', async () => {
    const reports: unknown[] = []
    const { app, log, close } = await testApp({}, { report: (error) => reports.push(error) })
    for (const url of ['/%ff', '/livez?x=1', '/nothing', '/user']) await app.inject({ method: 'GET', url })
    await expect.poll(() => logLines(log()).map((line) => line.status)).toEqual([400, 404, 401])
    expect(logLines(log()).filter((line) => Number(line.level) > 30)).toEqual([])
    expect(reports).toEqual([])
    await close()
  })

  test('without the database it is 503 with Retry-After, and all is well when it is back', {
    tags: 'slow',
  }, async () => {
    const reports: unknown[] = []
    const outage = await outageOf(await cloneDatabase())
    const { app, close } = await testApp({}, { databaseUrl: outage.url, report: (error) => reports.push(error) })
    const bob = await testUser(app, 'bob')
    const asBob = as(app, bob)
    const requests: InjectOptions[] = [
      { method: 'GET', url: '/user' },
      { method: 'POST', url: '/favorites/movies/301' },
      { method: 'POST', url: '/login', payload: { login: 'bob', password: 'correct horse battery staple' } },
    ]
    await outage.cut()
    for (const request of requests) {
      const response = await asBob(request)
      expectProblem(response, 503, 'database_unavailable')
      expect(response.headers['retry-after']).toMatch(/^\d+$/)
      expect(response.body).not.toMatch(/ENOENT|ECONN|socket|postgres|outage-/i)
    }
    expect(reports).toEqual([])

    await outage.restore()
    for (const request of requests) {
      await expect.poll(async () => (await asBob(request)).statusCode, { timeout: 45_000 }).toBeLessThan(300)
    }
    await close()
    await outage.close()
  })

  test('a request that is under way when its connection is ended is 503, the next one is served', {
    tags: 'slow',
  }, async () => {
    const { app, close } = await testApp({}, { connections: 10 })
    const asBob = as(app, await testUser(app, 'bob'))
    const { sql } = app.database
    const pid = sql.begin(async (tx) => {
      await tx`lock table favourites`
      const waiting = asBob({ method: 'GET', url: '/favorites/movies' })
      await expect
        .poll(() => tx`select pid from pg_locks where not granted and relation = 'favourites'::regclass`)
        .toHaveLength(1)
      await tx`select pg_terminate_backend(pid) from pg_locks where not granted and relation = 'favourites'::regclass`
      return { response: await waiting }
    })
    expectProblem((await pid).response, 503, 'database_unavailable')
    expect((await asBob({ method: 'GET', url: '/favorites/movies' })).statusCode).toBe(200)
    await close()
  })
})

describe('CORS', () => {
  const preflight = (app: TestApp['app'], origin: string, method: string, url = '/movies/favorites') =>
    app.inject({
      method: 'OPTIONS',
      url,
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization,content-type',
      },
    })

  test('is off by default', async () => {
    const origin = 'https://films.example'
    const plain = await asNobody({ method: 'GET', url: '/livez', headers: { origin } })
    expect(plain.statusCode).toBe(200)
    const refused = await preflight(service.app, origin, 'POST')
    expect([refused.statusCode, refused.headers.allow]).toEqual([405, 'GET, HEAD, POST'])
    expect(refused.json().detail).toContain('set CORS_ORIGINS to their origins')
    for (const { headers } of [plain, refused]) {
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
    }
  })

  describe('for named origins', () => {
    let cors: TestApp
    const origins = ['https://films.example', 'http://localhost:5173']
    beforeAll(async () => {
      cors = await testApp({ CORS_ORIGINS: origins.join(', ') })
    })
    afterAll(() => cors.close())

    test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])(
      'a preflight allows %s with a token and JSON',
      async (method) => {
        for (const origin of origins) {
          const { statusCode, headers } = await preflight(cors.app, origin, method)
          expect([statusCode, headers['access-control-allow-origin']]).toEqual([204, origin])
          expect(list(headers['access-control-allow-methods'])).toContain(method.toLowerCase())
          expect(list(headers['access-control-allow-headers'])).toEqual([
            'authorization',
            'content-type',
            'idempotency-key',
          ])
        }
      },
    )

    test('an answer, an error too, names the origin and shows the headers that clients read', async () => {
      for (const [url, status] of [
        ['/livez', 200],
        ['/user', 401],
        ['/nothing', 404],
      ] as const) {
        const response = await cors.app.inject({ method: 'GET', url, headers: { origin: 'http://localhost:5173' } })
        expect([response.statusCode, response.headers['access-control-allow-origin']]).toEqual([
          status,
          'http://localhost:5173',
        ])
        const shown = list(response.headers['access-control-expose-headers'])
        expect(shown).toEqual(
          expect.arrayContaining(['link', 'location', 'retry-after', 'x-request-id', 'x-total-count']),
        )
        expect(list(response.headers.vary)).toContain('origin')
      }
    })

    test.each(['https://evil.example', 'https://films.example.evil.example', 'http://films.example', 'null'])(
      'a foreign origin is not named: %s',
      async (origin) => {
        const response = await cors.app.inject({ method: 'GET', url: '/livez', headers: { origin } })
        const asked = await preflight(cors.app, origin, 'POST')
        for (const { headers } of [response, asked]) expect(headers).not.toHaveProperty('access-control-allow-origin')
      },
    )

    test('an OPTIONS that is no preflight is answered as without CORS', async () => {
      const options = (url: string) => cors.app.inject({ method: 'OPTIONS', url })
      const response = await options('/movies/301')
      expectProblem(response, 405, 'method_not_allowed')
      expect(response.headers.allow).toBe('GET, HEAD')
      expectProblem(await options('/nothing'), 404, 'not_found')
    })
  })

  test('* lets every origin in', { tags: 'slow' }, async () => {
    const { app, close } = await testApp({ CORS_ORIGINS: '*' })
    const response = await app.inject({ method: 'GET', url: '/livez', headers: { origin: 'https://any.example' } })
    const asked = await preflight(app, 'https://any.example', 'DELETE', '/movies/favorites/301')
    expect(asked.statusCode).toBe(204)
    for (const { headers } of [response, asked]) {
      expect(headers['access-control-allow-origin']).toBe('*')
      expect(headers).not.toHaveProperty('access-control-allow-credentials')
    }
    await close()
  })
})

function list(value: unknown): string[] {
  return String(value ?? '')
    .toLowerCase()
    .split(', ')
}

function logLines(log: string): Record<string, unknown>[] {
  return log
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}
