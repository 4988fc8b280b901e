import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { inDatabase, stoppedClock } from './support/movies.ts'

const day = 24 * 3600
const time = stoppedClock()
let service: TestApp
beforeEach(async () => {
  service = await testApp({}, { clock: time.clock })
})
afterEach(() => service.close())

/** A replica that renews favourites all the time, until the work is done. */
async function prefetching(work: () => Promise<void>) {
  const { sandbox } = service
  const other = await service.replica({
    kinopoisk: { url: sandbox.url, apiKey: 'test-key', sandbox: true, prefetchMs: 20 },
  })
  await work()
  await other.close()
}

async function keep(...ids: number[]) {
  const request = as(service.app, await testUser(service.app))
  for (const id of ids) {
    expect((await request({ method: 'POST', url: `/favorites/movies/${id}` })).statusCode).toBe(201)
    time.pass(1)
  }
  service.calls.splice(0)
}
const asked = () =>
  service.calls.filter(({ endpoint }) => endpoint === 'film').map(({ path }) => Number(path.split('/').pop()))

test('expired favourites are prefetched, the stalest first; others are left alone', async () => {
  await keep(326, 301, 435)
  await as(service.app, await testUser(service.app))({ method: 'GET', url: '/movies/328' })
  service.calls.splice(0)
  time.pass(40 * day)
  const fresh = () =>
    inDatabase(
      service.databaseUrl,
      (sql) => sql`select path from kinopoisk_answers where expires_at > ${time.clock.now().toISOString()}
        and path like '/api/v2.2/films/%'`,
    )
  await prefetching(() => vi.waitFor(async () => expect(await fresh()).toHaveLength(3), { timeout: 45_000 }))
  expect(asked()).toEqual([326, 301, 435])
})

test('what is fresh is not prefetched', { tags: 'slow' }, async () => {
  await keep(326, 301)
  await prefetching(() => new Promise((resolve) => setTimeout(resolve, 300)))
  expect(asked()).toEqual([])
})

test('a film that upstream fails on does not keep the others waiting', { tags: 'slow' }, async () => {
  await keep(326, 301)
  time.pass(40 * day)
  service.sandbox.fail('bad_json', { path: /\/326$/ })
  await prefetching(() => vi.waitFor(() => expect(asked()).toContain(301), { timeout: 45_000 }))
  expect(asked().filter((id) => id === 326)).toHaveLength(1)
})

test('a favourite without stored details comes first', { tags: 'slow' }, async () => {
  await keep(326, 301)
  time.pass(40 * day)
  await inDatabase(service.databaseUrl, (sql) => sql`delete from kinopoisk_answers where path like '%/301'`)
  await prefetching(() => vi.waitFor(() => expect(asked()).toEqual([301, 326]), { timeout: 45_000 }))
})
