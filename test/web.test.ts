import { brotliCompressSync, gunzipSync } from 'node:zlib'
import type { InjectOptions } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadAssets } from '../src/modules/web/assets.ts'
import { password, type TestApp, testApp, testUser } from './support/app.ts'
import { metricsOf } from './support/metrics.ts'
import { expectProblem } from './support/problems.ts'

let service: TestApp
beforeAll(async () => {
  service = await testApp()
})
afterAll(() => service.close())

const origin = 'http://films.example'
const own = { host: 'films.example', origin, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' }
const get = (url: string, headers = {}) => service.app.inject({ url, headers })
const post = (url: string, payload: object | string = {}, headers: Record<string, string> = {}) =>
  service.app.inject({ method: 'POST', url, payload, headers: { ...own, ...headers } } as InjectOptions)
const pageOf = async () => {
  const { body, headers } = await get('/')
  const files = [...body.matchAll(/(?:src|href)="(\/web\/[^"]+)"/g)].map(([, url]) => url ?? '')
  return { body, policy: String(headers['content-security-policy']), files: [...new Set(files)] }
}

async function logIn(headers: Record<string, string> = {}) {
  const { login } = await testUser(service.app)
  const answer = await post('/auth/web/login', { login, password }, headers)
  return { login, answer, cookie: String(answer.headers['set-cookie']).split(';')[0] ?? '' }
}

describe('The page', () => {
  test('is HTML for people, and a description for programs that ask for JSON', async () => {
    const people = await get('/', { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' })
    expect([people.statusCode, people.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect((await get('/')).headers['content-type']).toBe('text/html; charset=utf-8')
    const program = await get('/', { accept: 'application/json' })
    expect(program.json()).toMatchObject({ name: 'Kinoteka', documentation: '/docs', openapi: '/openapi.json' })
    for (const { headers } of [people, program]) expect(headers.vary).toContain('accept')
  })

  test('is the same at every address of its screens', async () => {
    const { body } = await get('/')
    for (const url of ['/app/film/301', '/app/catalogue?genre=драма&sort=-rate', '/app/mine/ratings']) {
      const answer = await get(encodeURI(url))
      expect([url, answer.statusCode, answer.body === body]).toEqual([url, 200, true])
    }
  })

  test('has a policy without inline scripts, eval and foreign hosts, and Trusted Types', async () => {
    const { body, policy } = await pageOf()
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("require-trusted-types-for 'script'")
    expect(policy).not.toMatch(/unsafe|https?:|\*/)
    const inline = [...body.matchAll(/<script(?![^>]* src=)[^>]*>/g)].map(([tag]) => tag)
    expect(inline).toEqual(['<script type="importmap">'])
    expect(body).not.toMatch(/ on\w+=| style=/)
  })

  test('is revalidated, and its files are kept for good under the version in their addresses', async () => {
    const page = await get('/')
    expect(page.headers['cache-control']).toBe('no-cache')
    expect((await get('/', { 'if-none-match': page.headers.etag })).statusCode).toBe(304)
    const { files } = await pageOf()
    expect(files.length).toBeGreaterThan(10)
    for (const url of files) {
      const answer = await get(url)
      expect([url, answer.statusCode, answer.headers['cache-control']]).toEqual([
        url,
        200,
        'public, max-age=31536000, immutable',
      ])
      expect(answer.headers.etag, url).toBeTruthy()
    }
    const other = await get((files[0] ?? '').replace(/^\/web\/[^/]+/, '/web/another-release'))
    expect([other.statusCode, other.headers['cache-control']]).toEqual([200, 'no-store'])
  })

  test('loads 90 kB at most, compressed, in every language', async () => {
    const { body, files } = await pageOf()
    const version = /\/web\/([^/]+)\//.exec(body)?.[1]
    for (const language of ['ru', 'uk', 'en']) {
      const lazy = ['words/LANGUAGE.ts', 'screens/home.ts', 'http.ts'].map(
        (name) => `/web/${version}/${name.replace('LANGUAGE', language)}`,
      )
      let bytes = 0
      for (const url of ['/', ...files, ...lazy]) {
        const answer = await get(url, { 'accept-encoding': 'br' })
        expect(answer.statusCode, url).toBe(200)
        bytes += answer.rawPayload.length
      }
      expect(bytes, language).toBeLessThan(90_000)
    }
  })

  test('sends files without types, compressed as the browser likes, and nothing that is not named', async () => {
    const { files } = await pageOf()
    const main = files.find((url) => url.endsWith('/app.ts')) ?? ''
    const plain = await get(main)
    expect(plain.headers['content-type']).toBe('text/javascript; charset=utf-8')
    expect(plain.body).not.toMatch(/interface |: VNode|import type/)
    const zipped = await get(main, { 'accept-encoding': 'gzip' })
    expect(gunzipSync(zipped.rawPayload).toString()).toBe(plain.body)
    expect(zipped.rawPayload.length).toBeLessThan(2 * brotliCompressSync(plain.rawPayload).length)
    const folder = main.replace(/app\.ts$/, '')
    for (const name of [
      '',
      'tsconfig.json',
      'types',
      '../modules/web/page.ts',
      '%2e%2e/app.ts',
      'packages/',
      'packages/preact/package.json',
    ])
      expect((await get(`${folder}${name}`)).statusCode, name).toBe(404)
  })

  test('has no file that cannot be sent: types are taken out when it is first asked for', async () => {
    const { body } = await pageOf()
    const { files, version } = await loadAssets()
    expect(body).toContain(`/web/${version}/main.ts`)
    expect(files.size).toBeGreaterThan(45)
    for (const [name, read] of files) {
      const answer = await get(`/web/${version}/${name}`)
      expect([name, answer.statusCode, answer.headers['content-type']]).toEqual([name, 200, read().type])
      expect(answer.rawPayload.equals(read().bytes), name).toBe(true)
      if (name.endsWith('.ts'))
        expect(read().bytes.toString(), name).not.toMatch(/^(export )?(interface|type) |import type/m)
    }
  })

  test('counts screens by name alone', async () => {
    expect((await post('/web/views', { screen: 'film' })).statusCode).toBe(204)
    expectProblem(await post('/web/views', { screen: 'film/301' }), 400, 'invalid_input')
    expectProblem(await post('/web/views', { screen: 'film' }, { origin: 'https://evil.example' }), 403, 'foreign_page')
    expect((await metricsOf(service.app)).get('web_views_total{screen="film"}')).toBe(1)
  })

  test('is off with WEB=false: the root leads to the documentation, as before', async () => {
    const without = await testApp({ WEB: 'false' })
    const root = await without.app.inject('/')
    expect([root.statusCode, root.headers.location]).toEqual([302, '/docs'])
    for (const url of ['/app/catalogue', '/web/x/main.ts']) expect((await without.app.inject(url)).statusCode).toBe(404)
    const login = await without.app.inject({ method: 'POST', url: '/auth/web/login', headers: own, payload: {} })
    expect(login.statusCode).toBe(404)
    await without.close()
  })
})

describe('The session of the page', () => {
  test('is a cookie that no script sees, for its own addresses alone', async () => {
    const { answer } = await logIn()
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 900 })
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['set-cookie']).toMatch(
      /^kinoteka=[^;]+; Max-Age=2592000; Path=\/auth\/web; HttpOnly; SameSite=Strict$/,
    )
  })

  test('is secure over https, also behind a proxy that is not trusted', async () => {
    const { answer, cookie } = await logIn({ origin: 'https://films.example' })
    expect(answer.headers['set-cookie']).toMatch(
      /^__Secure-kinoteka=[^;]+; Max-Age=\d+; Path=\/auth\/web; HttpOnly; Secure; SameSite=Strict$/,
    )
    // A cookie that was set over plain http is none of it.
    const other = cookie.replace('__Secure-', '')
    expectProblem(
      await post('/auth/web/refresh', {}, { origin: 'https://films.example', cookie: other }),
      401,
      'invalid_token',
    )
  })

  test('is refreshed, with another cookie each time, and the access token opens the API', async () => {
    const { login, cookie } = await logIn()
    const answer = await post('/auth/web/refresh', {}, { cookie })
    expect(answer.statusCode).toBe(200)
    expect(String(answer.headers['set-cookie'])).not.toContain(cookie)
    const authorization = `Bearer ${answer.json().access_token}`
    expect((await get('/user', { authorization })).json()).toMatchObject({ login })
  })

  test('survives two tabs that refresh at one moment', async () => {
    const { cookie } = await logIn()
    const both = await Promise.all([1, 2].map(() => post('/auth/web/refresh', {}, { cookie })))
    expect(both.map(({ statusCode }) => statusCode)).toEqual([200, 200])
    const [first, second] = both.map(({ headers }) => String(headers['set-cookie']))
    expect(first).toBe(second)
  })

  test('ends with a logout, for its cookie and its access token', async () => {
    const { answer, cookie } = await logIn()
    const authorization = `Bearer ${answer.json().access_token}`
    const left = await post('/auth/web/logout', {}, { cookie })
    expect([left.statusCode, left.headers['set-cookie']]).toEqual([204, expect.stringMatching(/^kinoteka=; .*1970/)])
    expectProblem(await post('/auth/web/refresh', {}, { cookie }), 401, 'invalid_token')
    expectProblem(await get('/user', { authorization }), 401, 'invalid_token')
    expect((await post('/auth/web/logout')).statusCode).toBe(204)
  })

  test('that was ended elsewhere takes its cookie away', async () => {
    const { answer, cookie } = await logIn()
    const authorization = `Bearer ${answer.json().access_token}`
    await service.app.inject({ method: 'POST', url: '/auth/logout', headers: { authorization } })
    const refused = await post('/auth/web/refresh', {}, { cookie })
    expectProblem(refused, 401, 'invalid_token')
    expect(refused.headers['set-cookie']).toMatch(/^kinoteka=; .*1970/)
  })

  test('is not refused for a wrong login any other way than the API does', async () => {
    expectProblem(
      await post('/auth/web/login', { login: 'nobody-here', password: 'wrong password' }),
      401,
      'invalid_credentials',
    )
    expectProblem(await post('/auth/web/login', {}), 400, 'invalid_input')
  })

  test.each([
    ['another site', { origin: 'https://evil.example' }],
    ['another site, by the browser’s word', { 'sec-fetch-site': 'cross-site' }],
    ['a neighbour in the domain', { 'sec-fetch-site': 'same-site', origin: 'http://other.films.example' }],
    ['another port', { origin: 'http://films.example:8080' }],
    ['a file or sandboxed frame', { origin: 'null' }],
    ['no site that is named', { origin: '' }],
    ['a typed address', { 'sec-fetch-site': 'none' }],
  ])('takes no request of %s', async (_, headers) => {
    const { cookie } = await logIn()
    for (const action of ['login', 'refresh', 'logout'])
      expectProblem(await post(`/auth/web/${action}`, {}, { cookie, ...headers }), 403, 'foreign_page')
    expect((await post('/auth/web/refresh', {}, { cookie })).statusCode).toBe(200)
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', ''])(
    'takes no body that a form can send: %s',
    async (type) => {
      const { cookie } = await logIn()
      for (const action of ['login', 'refresh', 'logout']) {
        const answer = await post(`/auth/web/${action}`, '{}', { cookie, 'content-type': type })
        expectProblem(answer, 415, 'unsupported_media_type')
      }
    },
  )

  test('opens nothing else: no other address reads the cookie', async () => {
    const { cookie } = await logIn()
    for (const url of ['/user', '/films', '/auth/sessions', '/movies/favorites'])
      expectProblem(await get(url, { cookie, origin, 'sec-fetch-site': 'same-origin' }), 401, 'missing_token')
    const body = { refresh_token: '' }
    const refresh = await service.app.inject({
      method: 'PUT',
      url: '/auth/login',
      headers: { ...own, cookie },
      payload: body,
    })
    expect(refresh.statusCode).toBe(400)
  })

  test('leaves no cookie or token in the log', async () => {
    const { answer, cookie } = await logIn()
    await post('/auth/web/refresh', {}, { cookie })
    expect(service.log()).not.toContain(cookie.split('=')[1])
    expect(service.log()).not.toContain(answer.json().access_token)
  })
})
