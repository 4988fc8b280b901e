import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { rateLimitHeaders } from '../src/http/rate-limit.ts'
import { as, type TestApp, type TestUser, testApp, testUser } from './support/app.ts'
import { adminUser } from './support/operations.ts'
import { patient } from './support/patience.ts'
import { expectProblem } from './support/problems.ts'

const services: TestApp[] = []
afterEach(async () => {
  for (const service of services.splice(0)) await service.close()
})

async function start(env: Record<string, string> = {}): Promise<TestApp> {
  const service = await testApp({ KINOPOISK_DAILY_QUOTA: '-1', ...env }, {}, { dailyQuota: -1 })
  services.push(service)
  return service
}

interface Key {
  id: number
  key: string
}

async function keyOf(app: FastifyInstance, user: TestUser, daily_limit: number | null = null): Promise<Key> {
  const payload = { name: `of ${daily_limit ?? 'no limit'}`, scopes: ['lists'], daily_limit }
  return (await as(app, user)({ method: 'POST', url: '/user/keys', payload })).json()
}

const film = (index: number) => `/movies/${8_000_000 + index}`
const get = (app: FastifyInstance, { key }: Key, url: string) =>
  app.inject({ method: 'GET', url, headers: { 'x-api-key': key } })

async function metric(app: FastifyInstance, name: string): Promise<number> {
  const { body } = await app.inject({ method: 'GET', url: '/metrics' })
  const line = body.split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1))
}

/** The figures come up to a second late, and not all parts of an answer are of one moment. */
const usage = (app: FastifyInstance, user: TestUser, url: string, expected: object) =>
  vi.waitFor(async () => {
    const response = await as(app, user)({ method: 'GET', url })
    expect(response.json()).toMatchObject(expected)
    return response.json()
  }, patient)

describe('A key whose calls are spent', () => {
  test('is refused by 402 until the day ends, and all that is kept is served on', async () => {
    const { app, calls, log } = await start()
    const ann = await testUser(app)
    const [key, other] = [await keyOf(app, ann, 2), await keyOf(app, ann)]
    expect((await get(app, key, '/movies/301')).statusCode).toBe(200)
    expect((await get(app, key, film(1))).statusCode).toBe(404)
    const refused = await get(app, key, film(2))
    const { detail } = expectProblem(refused, 402, 'upstream_budget_spent')
    expect(detail).toMatch(/^The daily number of Kinopoisk calls of this key is spent; new ones come at 20/)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(calls).toHaveLength(2)
    expect((await get(app, key, '/movies/301')).statusCode).toBe(200)
    const search = await get(app, key, `/movies/search?query=${encodeURIComponent('Матрица')}`)
    expect(search.json()).toMatchObject({ source: 'local', complete: false, items: [{ kinopoisk_id: 301 }] })
    // Its user, and other keys of the user, go on.
    expect((await as(app, ann)({ method: 'GET', url: film(2) })).statusCode).toBe(404)
    expect((await get(app, other, film(3))).statusCode).toBe(404)
    expect(await metric(app, 'kinopoisk_quota_user_share_refused_total{share="key"}')).toBeGreaterThan(1)
    expect(await metric(app, 'kinopoisk_key_budget_reached_total{part="spent"}')).toBe(1)
    expect(await metric(app, 'kinopoisk_charges_total{purpose="interactive",endpoint="film"}')).toBe(4)
    expect(log()).toContain('a personal key has reached its budget of the day: spent')
  })

  test('gets further ones at once when its limit is raised', async () => {
    const { app } = await start()
    const ann = await testUser(app)
    const key = await keyOf(app, ann, 1)
    await get(app, key, film(1))
    expect((await get(app, key, film(2))).statusCode).toBe(402)
    await as(app, ann)({ method: 'PATCH', url: `/user/keys/${key.id}`, payload: { daily_limit: 2 } })
    expect((await get(app, key, film(2))).statusCode).toBe(404)
    expect((await get(app, key, film(3))).statusCode).toBe(402)
  })

  test('is one of two hundred at once, at two replicas: exactly its calls are made, and no full queue is to blame', {
    tags: 'slow',
  }, async () => {
    const service = await start({ KINOPOISK_TIMEOUT: '2m' })
    const { app, calls } = service
    const key = await keyOf(app, await testUser(app), 20)
    const apps = [app, await service.replica()]
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => get(apps[i % 2] ?? app, key, film(i))))
    const statuses = Object.groupBy(answers, ({ statusCode }) => String(statusCode))
    expect(Object.fromEntries(Object.entries(statuses).map(([status, each]) => [status, each?.length]))).toEqual({
      402: 180,
      404: 20,
    })
    expect(calls).toHaveLength(20)
  })

  test('does not spend another key, that waits for the same film', { tags: 'slow' }, async () => {
    const { app, calls } = await start()
    const ann = await testUser(app)
    const joinedFlights = 'kinopoisk_flights_joined_total{endpoint="film",scope="process"}'
    const [spent, open] = [await keyOf(app, ann, 0), await keyOf(app, ann, 5)]
    const { sql } = app.database
    const { answers } = await sql.begin(async (tx) => {
      // The first one is held at the ledger until the others wait for it.
      await tx`lock table kinopoisk_key_spending in exclusive mode`
      const first = get(app, spent, film(1))
      const waiting = () => sql`
        select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%caller as %'`
      await vi.waitFor(async () => expect(await waiting()).toHaveLength(1), patient)
      const others = [open, spent, open].map((key) => get(app, key, film(1)))
      await vi.waitFor(async () => expect(await metric(app, joinedFlights)).toBe(3), patient)
      return { answers: [first, ...others] }
    })
    const statuses = (await Promise.all(answers)).map(({ statusCode }) => statusCode)
    expect(statuses).toEqual([402, 404, 402, 404])
    expect(calls).toHaveLength(1)
  })

  test('has its call back when none was sent', { tags: 'slow' }, async () => {
    const service = await testApp({}, { kinopoisk: { url: 'http://127.0.0.1:9', apiKey: 'key', sandbox: false } })
    services.push(service)
    const { app } = service
    const key = await keyOf(app, await testUser(app), 1)
    for (let i = 0; i < 3; i += 1) expect((await get(app, key, film(i))).statusCode).toBe(503)
    const [row] = await app.database.sql`select interactive from kinopoisk_key_spending`
    expect(row).toEqual({ interactive: 0 })
    expect(await metric(app, 'kinopoisk_refunds_total{reason="not_sent"}')).toBeGreaterThan(0)
  })
})

describe('Usage', () => {
  test('tells a user what was spent and saved, by day and key', { tags: 'slow' }, async () => {
    const { app } = await start()
    const ann = await testUser(app)
    const key = await keyOf(app, ann, 5)
    for (const url of ['/movies/301', '/movies/301', film(1), film(2), film(3)]) await get(app, key, url)
    await as(app, ann)({ method: 'GET', url: '/movies/302' })
    for (const url of [film(4), film(5)]) await get(app, key, url)
    const figures = { calls: 6, answers: 7, hits: 1, stale: 0, refused: 1, saved: 1 }
    await usage(app, ann, '/user/usage?days=2', {
      days: 2,
      budget: { limit: -1, left: -1 },
      total: figures,
      by_day: [figures, { calls: 0, answers: 0 }],
      by_key: [
        { key_id: key.id, name: 'of 5', daily_limit: 5, calls_today: 5, near_limit: true, calls: 5, refused: 1 },
      ],
    })
    expect(await metric(app, 'kinopoisk_key_budget_reached_total{part="soft"}')).toBe(1)
    const asKey = (await get(app, key, '/user/usage')).json()
    expect(asKey).toMatchObject({ days: 7, budget: { limit: 5, used: 5, left: 0 } })
    // Of others nothing.
    const bob = await testUser(app)
    expect((await as(app, bob)({ method: 'GET', url: '/user/usage' })).json()).toMatchObject({
      by_key: [],
      total: { calls: 0 },
    })
  })

  test('tells administrators who has spent most; the items and the others are the total', {
    tags: 'slow',
  }, async () => {
    const { app } = await start()
    const [ann, bob, admin] = [await testUser(app), await testUser(app), await adminUser(app)]
    const [one, two] = [await keyOf(app, ann, 50), await keyOf(app, bob)]
    for (let i = 0; i < 3; i += 1) await get(app, one, film(i))
    for (let i = 3; i < 5; i += 1) await get(app, two, film(i))
    await as(app, bob)({ method: 'GET', url: '/people/90000001' })
    await as(app, bob)({ method: 'DELETE', url: `/user/keys/${two.id}` })
    const total = { calls: 6, answers: 6, hits: 0, saved: 0 }
    await usage(app, admin, '/admin/usage', {
      by: 'user',
      total,
      items: [
        { user_id: ann.id, login: ann.login, calls: 3 },
        { user_id: bob.id, calls: 3 },
      ],
      others: { calls: 0 },
    })
    const byKey = await usage(app, admin, '/admin/usage?by=key&days=31&limit=20', {
      total,
      items: [
        { key_id: one.id, name: 'of 50', user_id: ann.id, calls: 3, daily_limit: 50, near_limit: false },
        { key_id: two.id, name: null, user_id: bob.id, calls: 2 },
      ],
      others: { calls: 1, answers: 1 },
    })
    expect(JSON.stringify(byKey)).not.toContain(one.key)
    await usage(app, admin, '/admin/usage?by=endpoint', {
      total,
      items: [
        { endpoint: 'film', calls: 5 },
        { endpoint: 'person', calls: 1 },
      ],
      others: { calls: 0 },
    })
    expectProblem(await as(app, ann)({ method: 'GET', url: '/admin/usage' }), 403, 'forbidden')
    expect(await metric(app, 'kinopoisk_quota_spent_by_rank{by="key",rank="1"}')).toBe(3)
    expect(await metric(app, 'kinopoisk_quota_spent_by_rank{by="user",rank="10"}')).toBe(0)
  })

  test.each(['days=0', 'days=32', 'days=x', 'by=login', 'limit=7'])('with %s is refused', async (query) => {
    const { app } = await start()
    expectProblem(
      await as(app, await adminUser(app))({ method: 'GET', url: `/admin/usage?${query}` }),
      400,
      'invalid_input',
    )
  })
})

test('the headers of a budget say what is left, and for how long', () => {
  const now = Date.parse('2026-06-01T20:00:00Z')
  const resetsAt = new Date('2026-06-01T21:00:00Z')
  expect(rateLimitHeaders({ limit: 20, used: 8, resetsAt }, now)).toEqual({
    ratelimit: '"day";r=12;t=3600',
    'ratelimit-policy': '"day";q=20;w=86400',
  })
  expect(rateLimitHeaders({ limit: 20, used: 21, resetsAt }, now).ratelimit).toBe('"day";r=0;t=3600')
  expect(rateLimitHeaders({ limit: -1, used: 21, resetsAt }, now)).toEqual({})
})
