import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import helmet from '@fastify/helmet'
import Fastify, { type LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { access, isFarewell } from './support/access.ts'
import { as, testApp, testUser } from './support/app.ts'
import { type Catalogue, catalogue } from './support/films.ts'
import { adminUser, documentOf, exampleRequest, operationsOf } from './support/operations.ts'

let service: Catalogue
/** The answers to the example of every operation, by an administrator and by nobody. */
const answers: { title: string; response: LightMyRequestResponse }[] = []

beforeAll(async () => {
  service = await catalogue()
  const { app } = service
  const admin = as(app, await adminUser(app))
  for (const operation of operationsOf(documentOf(app))) {
    const { title } = operation
    const user = isFarewell(title) ? as(app, await testUser(app)) : admin
    const requests = [await user(exampleRequest(operation)), await app.inject(exampleRequest(operation))]
    for (const response of requests) answers.push({ title, response })
  }
  for (const url of ['/nothing', '/openapi.json', '/docs', '/', '/livez?x=1'])
    answers.push({ title: `GET ${url}`, response: await app.inject({ url }) })
  answers.push({ title: 'TRACE /livez', response: await app.inject({ method: 'TRACE' as 'GET', url: '/livez' }) })
})
afterAll(() => service.close())

describe('Every answer', () => {
  test('tells browsers to guess no type, to frame nothing and to tell no other site whence they come', () => {
    for (const { title, response } of answers) {
      expect(response.headers, title).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'cross-origin-opener-policy': 'same-origin',
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      })
    }
    expect(answers.length).toBeGreaterThan(100)
  })

  test.each([
    ['same-origin', {}],
    ['cross-origin', { CORS_ORIGINS: 'https://films.example' }],
  ] as const)('has just the headers of @fastify/helmet, %s', { tags: 'slow' }, async (policy, env) => {
    const reference = Fastify()
    await reference.register(helmet, {
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] },
      },
      frameguard: { action: 'deny' },
      crossOriginResourcePolicy: { policy },
      strictTransportSecurity: false,
      xDownloadOptions: false,
      xDnsPrefetchControl: false,
      xXssProtection: false,
    })
    reference.get('/', (_request, reply) => reply.send(reply.raw.getHeaders()))
    const wanted = (await reference.inject('/')).json()
    expect(Object.keys(wanted)).toHaveLength(8)
    const { app, close } = await testApp(env)
    for (const url of ['/livez', '/user', '/nothing', '/openapi.json'])
      expect((await app.inject(url)).headers, url).toMatchObject(wanted)
    await close()
  })

  test('has over a connection what is injected has, each header once', { tags: 'slow' }, async () => {
    const base = await service.app.listen({ port: 0, host: '127.0.0.1' })
    const paths = ['/livez', '/docs', '/openapi.json', '/nothing', '/user', '/films', '/films/export.csv', '/%']
    for (const path of paths) {
      const [answer] = (await once(get(base + path), 'response')) as [IncomingMessage]
      answer.resume()
      const names = answer.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
      expect(names, path).toEqual([...new Set(names)])
      const { headers } = await service.app.inject({ url: path, headers: { host: new URL(base).host } })
      const ofConnection = ['connection', 'keep-alive', 'date', 'transfer-encoding', 'x-request-id', 'content-length']
      for (const [name, value] of Object.entries(headers))
        if (!ofConnection.includes(name)) expect([path, name, answer.headers[name]]).toEqual([path, name, value])
      expect(answer.headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' })
    }
  })

  test('but of the documentation may load nothing at all, if a browser takes it for a page', () => {
    for (const { title, response } of answers.filter(
      ({ title }) => !['GET /', 'GET /app', 'GET /docs'].includes(title),
    )) {
      expect(response.headers['content-security-policy'], title).toBe(
        "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
      )
    }
  })

  test('says nothing of what it was made with', () => {
    for (const { title, response } of answers) {
      for (const name of ['x-powered-by', 'server', 'via']) expect(response.headers, title).not.toHaveProperty(name)
    }
  })

  test('even to a path that the router cannot read, is of the type that it names', async () => {
    const response = await service.app.inject({ url: '/%ff' })
    expect(response.headers).toMatchObject({
      'content-type': expect.stringContaining('application/problem+json'),
      'x-content-type-options': 'nosniff',
    })
  })
})

describe('Cache-Control', () => {
  const withToken = (title: string) => access[title] === 'user' || access[title] === 'admin'

  test('is no-store on whatever is personal, takes a token or gives one, its refusals too; the catalogue asks each time', () => {
    for (const { title, response } of answers) {
      if (!(title in access)) continue
      // A photo may be kept by the reader's own browser, if it asks each time.
      if (title === 'GET /directors/{id}/photo') continue
      // Another film each time.
      const isSame = title !== 'GET /films/random' || response.statusCode >= 300
      const value = access[title] === 'reader' && isSame ? 'private, no-cache' : 'no-store'
      expect([title, response.headers['cache-control']]).toEqual([title, value])
    }
  })

  test('is left to the caches where the catalogue is public, and there alone', { tags: 'slow' }, async () => {
    const { app, close } = await catalogue({}, { PUBLIC_CATALOGUE: 'true' })
    for (const operation of operationsOf(documentOf(app))) {
      const { headers } = await app.inject(exampleRequest(operation))
      if (withToken(operation.title)) expect(headers['cache-control'], operation.title).toBe('no-store')
      else if (access[operation.title] === 'reader')
        expect(headers['cache-control'] ?? '', operation.title).not.toContain('no-store')
    }
    await close()
  })
})

describe('The policy of the documentation', () => {
  test('lets in its own files, and nothing inline', async () => {
    const page = await service.app.inject({ url: '/docs' })
    const policy = String(page.headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;")
    expect(policy).not.toMatch(/unsafe|https?:|\*/)
    expect(page.body).not.toMatch(/<style|<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=/)
    const sources = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url)
    expect(sources.length).toBeGreaterThan(4)
    expect(sources.filter((url) => !url?.startsWith('/docs/'))).toEqual([])
  })
})

describe('Strict-Transport-Security', () => {
  const forwarded = { 'x-forwarded-proto': 'https' }

  test('is sent over HTTPS, as a trusted proxy tells, and for this host alone', async () => {
    const { app, close } = await testApp({ TRUST_PROXY: 'true' })
    const { headers } = await app.inject({ url: '/livez', headers: forwarded })
    expect(headers['strict-transport-security']).toBe('max-age=31536000')
    expect((await app.inject({ url: '/livez' })).headers).not.toHaveProperty('strict-transport-security')
    await close()
  })

  test('is not sent because somebody else says that it was HTTPS', async () => {
    const { headers } = await service.app.inject({ url: '/livez', headers: forwarded })
    expect(headers).not.toHaveProperty('strict-transport-security')
  })
})

describe('CORS', () => {
  const origin = 'https://films.example'
  const strangers = [
    'https://evil.example',
    'https://films.example.evil.example',
    'https://evilfilms.example',
    'http://films.example',
    'https://films.example:8443',
    'HTTPS://FILMS.EXAMPLE.',
    'null',
  ]
  const ask = { 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'authorization' }

  test('names one origin only to itself, and every answer says that it depends on the origin', async () => {
    const { app, close } = await testApp({ CORS_ORIGINS: origin })
    for (const method of ['GET', 'OPTIONS'] as const) {
      const send = (from?: string) =>
        app.inject({
          method,
          url: '/user',
          headers: { ...(from && { origin: from }), ...(method === 'OPTIONS' && ask) },
        })
      const own = await send(origin)
      expect(own.headers).toMatchObject({
        'access-control-allow-origin': origin,
        vary: expect.stringMatching(/origin/i),
      })
      expect(own.headers).not.toHaveProperty('access-control-allow-credentials')
      for (const from of strangers) {
        const { headers } = await send(from)
        expect(headers['access-control-allow-origin'], from).not.toBe(from)
        expect(headers['access-control-allow-origin'], from).not.toBe('*')
        expect(headers.vary, from).toMatch(/origin/i)
      }
    }
    const without = await app.inject({ url: '/user' })
    expect(without.headers.vary).toMatch(/origin/i)
    await close()
  })

  test('lets pages of other origins show what they may read', async () => {
    const { app, close } = await testApp({ CORS_ORIGINS: origin })
    expect((await app.inject({ url: '/livez' })).headers['cross-origin-resource-policy']).toBe('cross-origin')
    await close()
  })
})
