import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodes } from '../src/errors.ts'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { cloneDatabase } from './support/databases.ts'
import { outageOf } from './support/outage.ts'
import { expectProblem } from './support/problems.ts'

let service: TestApp

beforeAll(async () => {
  service = await testApp()
})
afterAll(() => service.close())

const get = (url: string, headers: Record<string, string> = {}) => service.app.inject({ method: 'GET', url, headers })

describe('Probes', () => {
  test('both answer ok to everyone while the database is there', async () => {
    for (const url of ['/livez', '/readyz', '/readyz/']) {
      const response = await get(url)
      expect([response.statusCode, response.json()]).toEqual([200, { status: 'ok' }])
    }
  })

  test('without the database the service is alive but not ready, and ready again when it is back', {
    tags: 'slow',
  }, async () => {
    const outage = await outageOf(await cloneDatabase())
    const { app, close } = await testApp({}, { databaseUrl: outage.url })
    const probe = (url: string) => app.inject({ method: 'GET', url })
    expect((await probe('/readyz')).statusCode).toBe(200)

    await outage.cut()
    const unready = await probe('/readyz')
    expectProblem(unready, 503, 'database_unavailable')
    expect(unready.headers['retry-after']).toMatch(/^\d+$/)
    expect((await probe('/livez')).statusCode).toBe(200)

    await outage.restore()
    await expect.poll(async () => (await probe('/readyz')).statusCode, { timeout: 45_000 }).toBe(200)
    await close()
    await outage.close()
  })

  test('a database that takes connections but says nothing makes it unready too', { tags: 'slow' }, async () => {
    const outage = await outageOf(await cloneDatabase())
    const { app, close } = await testApp({}, { databaseUrl: outage.url })
    const probe = (url: string) => app.inject({ method: 'GET', url })
    expect((await probe('/readyz')).statusCode).toBe(200)

    outage.freeze()
    expectProblem(await probe('/readyz'), 503, 'database_unavailable')
    expect((await probe('/livez')).statusCode).toBe(200)

    await outage.restore()
    await expect.poll(async () => (await probe('/readyz')).statusCode, { timeout: 45_000 }).toBe(200)
    await close()
    await outage.close()
  })

  test('a schema that is behind makes it unready', async () => {
    const { app, close } = await testApp()
    await app.database.sql`update drizzle.__drizzle_migrations set created_at = created_at - 1`
    expectProblem(await app.inject({ method: 'GET', url: '/readyz' }), 503, 'database_unavailable')
    await app.database.sql`drop schema drizzle cascade`
    expectProblem(await app.inject({ method: 'GET', url: '/readyz' }), 503, 'database_unavailable')
    expect((await app.inject({ method: 'GET', url: '/livez' })).statusCode).toBe(200)
    await close()
  })
})

describe('Documentation', () => {
  test.each(['/docs', '/docs/'])('%s is a page whose every file is served', async (url) => {
    const page = await get(url)
    expect(page.statusCode).toBe(200)
    expect(page.headers['content-type']).toMatch(/^text\/html/)
    const links = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '')
    expect(links.some((link) => link.endsWith('swagger-ui-bundle.js'))).toBe(true)
    for (const link of links) {
      const { pathname } = new URL(link, `http://service${url}`)
      expect((await get(pathname)).statusCode, pathname).toBe(200)
    }
  })

  test('a file that it does not have is 404, as is a way out of its folder', async () => {
    expectProblem(await get('/docs/static/nothing.js'), 404, 'not_found')
    expectProblem(await get('/docs/static/..%2f..%2f..%2fpackage.json'), 404, 'not_found')
  })
})

describe('Metrics', () => {
  test('count requests by route pattern, so that no id, query or unknown address becomes a label', async () => {
    const { app, close } = await testApp()
    const asAnn = as(app, await testUser(app))
    await asAnn({ method: 'GET', url: '/movies/301' })
    await asAnn({ method: 'GET', url: '/movies/search?query=unlabelled' })
    await asAnn({ method: 'GET', url: '/no/such/address-4711' })
    await asAnn({ method: 'GET', url: '/%ff-4712' })
    const response = await app.inject({ method: 'GET', url: '/metrics' })
    await close()
    expect(response.statusCode).toBe(200)
    expect(response.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
    const counted = [
      ...response.body.matchAll(/_seconds_count\{method="GET",route="([^"]*)",status_code="(\d+)"\} (\d+)/g),
    ]
    const counts = Object.fromEntries(counted.map(([, route, status, n]) => [`${status} ${route}`, Number(n)]))
    expect(counts).toMatchObject({ '200 /movies/:id': 1, '200 /movies/search': 1, '404 unmatched': 1 })
    const patterns = [...response.body.matchAll(/route="([^"]*)"/g)].map((match) => match[1])
    expect(patterns.join(' ')).not.toMatch(/301|unlabelled|471[12]/)
  })

  test('are open without METRICS_TOKEN, and only to its bearer with it', async () => {
    const { app, close } = await testApp({ METRICS_TOKEN: 'only-prometheus-knows' })
    const ask = (authorization?: string) =>
      app.inject({ method: 'GET', url: '/metrics', headers: authorization ? { authorization } : {} })
    for (const authorization of [undefined, 'Bearer wrong', 'Bearer only-prometheus-know5', 'only-prometheus-knows']) {
      const refused = await ask(authorization)
      const problem = expectProblem(refused, 401, 'missing_token')
      expect(refused.headers['www-authenticate']).toBe('Bearer')
      expect(problem.detail).not.toContain('only-prometheus-knows')
    }
    expect((await ask('Bearer only-prometheus-knows')).statusCode).toBe(200)
    await close()
  })
})

describe('Kinds of problems', () => {
  test('every code has a page that tells its status and title', async () => {
    for (const [code, [status, title]] of Object.entries(errorCodes)) {
      const response = await get(`/problems/${code}`)
      expect([response.statusCode, response.json()]).toEqual([200, { code, status, title }])
    }
  })

  test.each(['nothing_such', 'constructor', '__proto__', 'toString'])('%s is no code: 404', async (code) => {
    expectProblem(await get(`/problems/${code}`), 404, 'not_found')
  })

  test('the type of a problem leads to its page', async () => {
    const { type, code } = expectProblem(await get('/nothing'), 404, 'not_found')
    expect((await get(type)).json()).toMatchObject({ code, status: 404 })
  })
})
