import type { InjectOptions } from 'fastify'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { AppError } from '../src/errors.ts'
import { filmRequest } from '../src/kinopoisk/endpoints.ts'
import { ShareRefusal } from '../src/kinopoisk/failures.ts'
import { coalesced } from '../src/kinopoisk/layers/single-flight.ts'
import { createMetrics } from '../src/kinopoisk/metrics.ts'
import type { CallContext, UpstreamFetch } from '../src/kinopoisk/request.ts'
import { as, type TestApp, type TestUser, testApp, testUser } from './support/app.ts'
import { type ClockedDatabase, clockedDatabase } from './support/clock.ts'
import { form } from './support/lists.ts'
import { expectProblem, inDatabase } from './support/movies.ts'
import { adminUser, documentOf, operationsOf } from './support/operations.ts'
import { patient } from './support/patience.ts'

const at = (time: string) => `2026-06-01T${time}+03:00`

let clocked: ClockedDatabase
beforeAll(async () => {
  clocked = await clockedDatabase()
})
const services: TestApp[] = []
afterEach(async () => {
  for (const service of services.splice(0)) await service.close()
  await inDatabase(
    clocked.url,
    (sql) => sql`
      truncate kinopoisk_usage, kinopoisk_spending, kinopoisk_answers, kinopoisk_accounts, kinopoisk_rates,
        kinopoisk_reservations, users cascade`,
  )
})

/** The service at a time of the quota's day, whose key has so many calls. */
async function start(dailyQuota: number, time = '12:00:00'): Promise<TestApp> {
  await clocked.runFrom(at(time))
  const service = await testApp({}, { databaseUrl: clocked.url }, { dailyQuota })
  services.push(service)
  await vi.waitUntil(() => service.accountCalls.length === 1, { timeout: 45_000 })
  return service
}

/** What a user has spent, and the network with it. */
async function spentBy({ app }: TestApp, user: TestUser, network = '127.0.0.1') {
  const of = ([row]: Record<string, unknown>[]) => [row?.interactive ?? 0, row?.import ?? 0]
  const { sql } = app.database
  const user_id = user.id
  return [
    of(await sql`select interactive, import from kinopoisk_spending where user_id = ${user_id}`),
    of(await sql`select interactive, import from kinopoisk_spending where network = ${network}`),
  ]
}

async function metric({ app }: TestApp, name: string): Promise<number> {
  const { body } = await app.inject({ method: 'GET', url: '/metrics' })
  const line = body.split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1))
}

const film = (index: number) => ({ method: 'GET' as const, url: `/movies/${8_000_000 + index}` })

/** Unknown films, one after the other: how many are answered. */
async function ask({ app }: TestApp, user: TestUser, from: number, most: number): Promise<number> {
  for (let calls = 0; calls < most; calls += 1) {
    const { statusCode } = await as(app, user)(film(from + calls))
    if (statusCode === 503) return calls
  }
  return most
}

const file = form('list,kinopoisk_id,title,year,rating,added_at,updated_at\nratings,8000010,Nothing,1999,7,,\n')
// Every operation that may call Kinopoisk, with what it costs its user.
const ways: Record<string, [cost: [interactive: number, imports: number], InjectOptions[]]> = {
  'GET /movies/{id}': [[1, 0], [film(1)]],
  'GET /movies/search': [[1, 0], [{ method: 'GET', url: '/movies/search?query=nothing%20at%20all' }]],
  ...Object.fromEntries(
    ['seasons', 'staff', 'images', 'similars', 'sequels', 'facts', 'reviews', 'videos'].map((list) => [
      `GET /movies/{id}/${list}`,
      [[1, 0], [{ method: 'GET', url: `/movies/299/${list}` }]],
    ]),
  ),
  'GET /people/{id}': [[1, 0], [{ method: 'GET', url: '/people/90000001' }]],
  'GET /movies/premieres': [[1, 0], [{ method: 'GET', url: '/movies/premieres?year=2024&month=5' }]],
  'GET /movies/collections': [[1, 0], [{ method: 'GET', url: '/movies/collections?type=TOP_POPULAR_ALL' }]],
  'POST /movies/favorites': [[1, 0], [{ method: 'POST', url: '/movies/favorites', payload: { id: 8_000_002 } }]],
  'POST /movies/favorites/{id}': [[1, 0], [{ method: 'POST', url: '/movies/favorites/8000011' }]],
  'POST /favorites/movies': [[1, 0], [{ method: 'POST', url: '/favorites/movies', payload: { id: 8_000_012 } }]],
  'POST /favorites/movies/{id}': [[1, 0], [{ method: 'POST', url: '/favorites/movies/8000003' }]],
  'POST /movies/wishlist': [[1, 0], [{ method: 'POST', url: '/movies/wishlist', payload: { id: 8_000_004 } }]],
  'POST /movies/wishlist/{id}': [[1, 0], [{ method: 'POST', url: '/movies/wishlist/8000013' }]],
  'POST /wishlist/movies': [[1, 0], [{ method: 'POST', url: '/wishlist/movies', payload: { id: 8_000_014 } }]],
  'POST /wishlist/movies/{id}': [[1, 0], [{ method: 'POST', url: '/wishlist/movies/8000005' }]],
  'PUT /films/{id}/rating': [[1, 0], [{ method: 'PUT', url: '/films/8000006/rating', payload: { value: 5 } }]],
  'POST /films': [[2, 0], [{ method: 'POST', url: '/films', payload: { kinopoisk_id: 301 } }]],
  'POST /admin/kinopoisk/films/{id}/refresh': [[1, 0], [{ method: 'POST', url: '/admin/kinopoisk/films/302/refresh' }]],
  'POST /user/lists/import': [
    [0, 3],
    [
      { method: 'POST', url: '/user/lists/import', payload: { kinopoisk_user_id: 987_654 } },
      { method: 'POST', url: '/user/lists/import', ...file },
    ],
  ],
}

test('whatever may call Kinopoisk is charged to the user that asks, and to the network of a new account', {
  tags: 'slow',
}, async () => {
  const service = await start(500)
  const calling = operationsOf(documentOf(service.app)).filter(({ responses }) => responses[504] !== undefined)
  expect(Object.keys(ways).toSorted()).toEqual(calling.map(({ title }) => title).toSorted())
  // Of a film that is known an empty list needs no second call.
  await as(service.app, await adminUser(service.app))({ method: 'GET', url: '/movies/299' })
  for (const [title, [cost, requests]] of Object.entries(ways)) {
    const user = await adminUser(service.app)
    const network = `198.51.100.${user.id % 250}`
    for (const request of requests) await as(service.app, user)({ ...request, remoteAddress: network })
    expect([title, ...(await spentBy(service, user, network))]).toEqual([title, cost, cost])
  }
})

test('a user whose share is spent is told so, and until when; the others go on', { tags: 'slow' }, async () => {
  const service = await start(50)
  const { app } = service
  const [ann, bob] = [await testUser(app), await testUser(app)]
  await app.database.sql`update users set created_at = '2020-01-01'`
  expect(await ask(service, bob, 1, 1)).toBe(1)
  expect(await ask(service, ann, 100, 30)).toBe(20)
  const [spent] = [await as(app, ann)(film(200))]
  expectProblem(spent, 503, 'upstream_quota_exhausted')
  expect(spent.json().detail).toBe(
    "Your share of the day's Kinopoisk calls is spent; more are free from 2026-06-01T15:00:00.000Z on",
  )
  // Six hours, less what the test has taken.
  expect(Number(spent.headers['retry-after'])).toBeGreaterThan(5 * 3600)
  expect(Number(spent.headers['retry-after'])).toBeLessThanOrEqual(6 * 3600)
  // In the same second, in the same process.
  expect((await as(app, bob)(film(201))).statusCode).toBe(404)
  const search = (await as(app, ann)({ method: 'GET', url: '/movies/search?query=nothing' })).json()
  expect(search).toMatchObject({ source: 'local', complete: false })
  expect(await metric(service, 'kinopoisk_quota_user_share_refused_total{share="user"}')).toBeGreaterThan(1)
  expect(await metric(service, 'kinopoisk_quota_refused_total{purpose="interactive"}')).toBe(0)
  expect(await metric(service, 'kinopoisk_quota_spent_by_user_max')).toBe(20)
  expect(await metric(service, 'kinopoisk_quota_spent{purpose="interactive"}')).toBe(22)
})

test('in the evening what is free comes little by little', { tags: 'slow' }, async () => {
  const service = await start(500, '21:00:00')
  const { app } = service
  const ann = await testUser(app)
  await app.database.sql`update users set daily_limit = 0 where id = ${ann.id}`
  const limited = await as(app, ann)(film(1))
  expect(limited.json().detail).toBe(
    'Your daily number of Kinopoisk calls is spent; new ones come at 2026-06-01T21:00:00.000Z',
  )
  expect(Number(limited.headers['retry-after'])).toBeGreaterThan(2 * 3600)
  const [bob, carl] = [await testUser(app), await testUser(app)]
  await app.database.sql`
    insert into kinopoisk_spending (key_hash, day, user_id, network, interactive)
    select key_hash, day, null, '203.0.113.7', 700 from kinopoisk_usage
    union all select key_hash, day, ${carl.id}::integer, null, 800 from kinopoisk_usage`
  const refused = await as(app, bob)({ ...film(20), remoteAddress: '203.0.113.7' })
  expectProblem(refused, 503, 'upstream_quota_exhausted')
  expect(refused.json().detail).toBe(
    "The share of the day's Kinopoisk calls that new accounts of your network have together is spent; " +
      'more become free little by little until the day ends at 2026-06-01T21:00:00.000Z',
  )
  expect(refused.headers['retry-after']).toBe('900')
})

test('when the calls for all users are spent, that is said', { tags: 'slow' }, async () => {
  const service = await start(20)
  const user = await testUser(service.app)
  expect(await ask(service, user, 1, 30)).toBe(16)
  const refused = await as(service.app, user)(film(100))
  expect(refused.json().detail).toBe(
    "The day's Kinopoisk calls for users are spent; more are free from 2026-06-01T15:00:00.000Z on",
  )
  expect(refused.headers['retry-after']).toBe('900')
  expect(await metric(service, 'kinopoisk_quota_refused_total{purpose="interactive"}')).toBeGreaterThan(0)
})

test('an administrator gives a bot another limit, and takes it back', { tags: 'slow' }, async () => {
  const service = await start(60)
  const { app } = service
  const [bot, bob, admin] = [await testUser(app), await testUser(app), await adminUser(app)]
  const limit = (daily_limit: number | null) =>
    as(app, admin)({ method: 'PATCH', url: `/users/${bot.id}`, payload: { daily_limit } })
  await ask(service, bob, 1, 1)
  expect(await ask(service, bot, 100, 30)).toBeLessThanOrEqual(20)
  expect((await limit(25)).json()).toMatchObject({ daily_limit: 25 })
  // What was refused is remembered for a second.
  await vi.waitFor(async () => expect(await ask(service, bot, 200, 1)).toBe(1), patient)
  await ask(service, bot, 300, 30)
  expect((await spentBy(service, bot))[0]).toEqual([25, 0])
  await limit(null)
  expect(await ask(service, bot, 400, 1)).toBe(0)
})

describe('Equal requests at one time', () => {
  const request = filmRequest(7)
  const by = (userId: number): CallContext => ({ purpose: 'interactive', deadline: performance.now() + 1_000, userId })

  function build(respond: (context: CallContext) => Promise<void>) {
    const callers: (number | undefined)[] = []
    const fetch: UpstreamFetch = async (_, context) => {
      callers.push(context.userId)
      await respond(context)
      return { value: null, fetchedAt: new Date(), via: 'miss' }
    }
    const get = coalesced({ metrics: createMetrics(), runInBackground: () => {} })(fetch)
    return { callers, get: (userId: number) => get(request, by(userId)) }
  }

  test('are charged to the first user; one whose share is spent refuses nobody else', async () => {
    const { callers, get } = build(async ({ userId }) => {
      if (userId === 1) throw new ShareRefusal('user', { userId }, {})
    })
    const all = await Promise.allSettled([1, 1, 1, 2, 3, 2].map(get))
    expect(all.map(({ status }) => status)).toEqual([...Array(3).fill('rejected'), ...Array(3).fill('fulfilled')])
    expect(callers).toEqual([1, 2])
  })

  test('share any other failure', async () => {
    const { callers, get } = build(async () => {
      throw new AppError('upstream_quota_exhausted')
    })
    const all = await Promise.allSettled([1, 2, 3].map(get))
    expect(all.map(({ status }) => status)).toEqual(Array(3).fill('rejected'))
    expect(callers).toEqual([1])
  })
})
