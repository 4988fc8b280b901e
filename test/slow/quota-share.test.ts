import { afterEach, expect, test, vi } from 'vitest'
import { as, type TestApp, type TestUser, testApp, testUser } from '../support/app.ts'
import { clockedDatabase } from '../support/clock.ts'
import { serve } from '../support/movies.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const limit = 500
// What is not reserved for refreshes and imports at noon.
const interactive = 400

/** Two replicas at noon of the quota's day, and an upstream that knows nothing and counts. */
async function start() {
  const calls: string[] = []
  const upstream = await serve(({ url = '' }, response) => {
    const dailyQuota = { value: limit, used: 0 }
    if (url.includes('/api_keys/')) {
      response.end(JSON.stringify({ totalQuota: { value: -1, used: 0 }, dailyQuota, accountType: 'FREE' }))
    } else {
      calls.push(url)
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"not found"}')
    }
  })
  closers.push(upstream.close)
  const { url, runFrom } = await clockedDatabase()
  await runFrom('2026-06-01T12:00:00+03:00')
  const kinopoisk = { url: upstream.url, apiKey: 'key', sandbox: false, prefetchMs: 3_600_000 }
  const service = await testApp({ KINOPOISK_TIMEOUT: '1m' }, { databaseUrl: url, kinopoisk })
  closers.push(service.close)
  const apps = [service.app, await service.replica()]
  await vi.waitUntil(async () => (await balance(service)).limit === limit, { timeout: 45_000 })
  let asked = 0
  /** Unknown films, some at a time and at both replicas: how many upstream was asked about. */
  async function ask(user: TestUser, films: number, atOnce = 20): Promise<number> {
    const statuses: number[] = []
    while (statuses.length < films) {
      const batch = Array.from({ length: Math.min(atOnce, films - statuses.length) }, () => (asked += 1))
      const answers = await Promise.all(
        batch.map((id) => as(apps[id % 2] ?? service.app, user)({ method: 'GET', url: `/movies/${9_000_000 + id}` })),
      )
      statuses.push(...answers.map(({ statusCode }) => statusCode))
    }
    expect(new Set(statuses).isSubsetOf(new Set([404, 503]))).toBe(true)
    return statuses.filter((status) => status === 404).length
  }
  return { service, calls, ask }
}

const balance = async ({ app }: TestApp) => (await app.kinopoisk.status()).quota

test('an account that asks for a thousand unknown films leaves others three quarters of the calls', {
  timeout: 240_000,
}, async () => {
  const { service, calls, ask } = await start()
  const users = await Promise.all(Array.from({ length: 25 }, () => testUser(service.app)))
  const [hostile, ...others] = users as [TestUser, ...TestUser[]]
  // Of long ago: no network counts.
  await service.app.database.sql`update users set created_at = '2020-01-01'`
  const [first] = others
  const before = first ? await ask(first, 1) : 0
  const taken = await ask(hostile, 1_000)
  expect(taken).toBe(79)

  const given: number[] = []
  for (const user of others) given.push(await ask(user, 40))
  const left = given.reduce((sum, each) => sum + each, before)
  expect(left).toBeGreaterThanOrEqual(interactive * 0.75)
  // No call too many, and none that is not in the ledger.
  expect(calls).toHaveLength(taken + left)
  expect(calls.length).toBe(interactive)
  expect((await balance(service)).spent.interactive).toBe(calls.length)
  const [row] = await service.app.database.sql`
    select sum(interactive)::int as all, max(interactive) as most from kinopoisk_spending where network is null`
  expect(row).toEqual({ all: calls.length, most: 79 })
})

test('fresh accounts of one address have no more than one account', { timeout: 240_000 }, async () => {
  const { service, calls, ask } = await start()
  const [known, ...fresh] = await Promise.all(Array.from({ length: 8 }, () => testUser(service.app)))
  await service.app.database.sql`update users set created_at = '2020-01-01' where id = ${known?.id ?? 0}`
  if (known) expect(await ask(known, 1)).toBe(1)
  let taken = 0
  for (const user of fresh) taken += await ask(user, 100)
  expect(taken).toBe(79)
  expect(calls).toHaveLength(80)
})
