import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createDatabaseClock } from '../src/db/clock.ts'
import { as, password, type TestApp, testApp, testUser } from './support/app.ts'
import { metricsOf } from './support/metrics.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

let service: TestApp
beforeAll(async () => {
  service = await testApp()
})
afterAll(() => service.close())
afterEach(() => {
  vi.useRealTimers()
})

/** This machine's clock goes wrong by so much; that of the database does not. */
function skew(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
}

async function logIn(app = service.app) {
  const account = { login: `user${Math.random().toString(36).slice(2, 10)}`, password }
  await app.inject({ method: 'POST', url: '/register', payload: account })
  return (await app.inject({ method: 'POST', url: '/login', payload: account })).json()
}
const read = (token: string, app = service.app) =>
  app.inject({ method: 'GET', url: '/user', headers: { authorization: `Bearer ${token}` } })

describe('Where the clock of the machine is wrong', () => {
  test.each([
    ['400 days behind', -400 * dayMs],
    ['an hour behind', -hourMs],
    ['20 minutes ahead', 20 * 60_000],
    ['31 days ahead', 31 * dayMs],
  ])('%s, a login is good here and elsewhere', async (_, ms) => {
    skew(ms)
    const other = await service.replica()
    const { access_token, refresh_token } = await logIn(other)
    expect((await read(access_token, other)).statusCode).toBe(200)
    vi.useRealTimers()
    expect((await read(access_token)).statusCode).toBe(200)
    const payload = { access_token, refresh_token }
    expect((await service.app.inject({ method: 'PUT', url: '/auth/login', payload })).statusCode).toBe(200)
    const [{ days } = { days: 0 }] = await service.app.database
      .sql`select extract(epoch from max(expires_at) - now()) / 86400 as days from sessions`
    expect(Number(days)).toBeCloseTo(30, 2)
  })

  test('a metric says so, and a warning at the start', { tags: 'slow' }, async () => {
    expect(Math.abs((await metricsOf(service.app)).get('clock_skew_seconds') ?? 99)).toBeLessThan(2)
    skew(-hourMs)
    const other = await service.replica()
    expect((await metricsOf(other)).get('clock_skew_seconds')).toBeCloseTo(-3600, -1)
    const line =
      service
        .log()
        .match(/.*the clock of this machine differs.*/g)
        ?.at(-1) ?? '{}'
    expect(JSON.parse(line).skew_seconds).toBeCloseTo(-3600, -1)
  })

  test('a token ends by the clock of the database', { tags: 'slow' }, async () => {
    const short = await testApp({ ACCESS_TTL: '1s' })
    const { headers } = await testUser(short.app)
    const read = () => short.app.inject({ method: 'GET', url: '/user', headers })
    expect((await read()).statusCode).toBe(200)
    skew(-hourMs)
    await sleep(2_100)
    expect((await read()).statusCode).toBe(401)
    vi.useRealTimers()
    await short.close()
  })
})

test('The clock of the database goes on evenly, whatever becomes of that of the machine', async () => {
  const clock = createDatabaseClock(service.app.database)
  await clock.read()
  const before = clock.nowMs()
  skew(-dayMs)
  expect(Math.abs(clock.nowMs() - before)).toBeLessThan(dayMs / 2)
  await clock.read()
  expect(Math.abs(clock.nowMs() - before)).toBeLessThan(dayMs / 2)
  expect(clock.skewSeconds()).toBeCloseTo(-86_400, -2)
})

test('A user of before is still known', async () => {
  const user = await testUser(service.app)
  skew(dayMs)
  expect((await as(service.app, user)({ method: 'GET', url: '/user' })).statusCode).toBe(200)
})
