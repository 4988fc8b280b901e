import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type SandboxCall, startSandbox } from '../src/embedded/sandbox/server.ts'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { filmFact, inDatabase, stoppedClock } from './support/movies.ts'

const day = 24 * 3600
const time = stoppedClock()
const films = [
  ...Array.from({ length: 25 }, (_, index) =>
    filmFact({ id: 100 + index, name_ru: `Новый ${index}`, year: 2026, votes: 900 - index }),
  ),
  filmFact({ id: 7, name_ru: 'Старый', name_original: 'The Old', year: 1950, votes: 5 }),
]
let sandbox: Awaited<ReturnType<typeof startSandbox>>
let service: TestApp
let calls: SandboxCall[]

/** Prefetches all the time. */
beforeEach(async () => {
  calls = []
  sandbox = await startSandbox({ films, onCall: (call) => calls.push(call) })
  service = await testApp(
    {},
    { clock: time.clock, kinopoisk: { url: sandbox.url, apiKey: 'test-key', sandbox: true, prefetchMs: 10 } },
  )
})
afterEach(async () => {
  await service.close()
  await sandbox.close()
})

const pages = () =>
  calls
    .filter(({ endpoint }) => endpoint === 'list')
    .map(({ path }) => new URLSearchParams(path.split('?')[1]))
    .map((query) => `${query.get('yearFrom')} ${query.get('page')}`)

test('the most voted films of every year are prefetched, so that they can be served while upstream is away', {
  tags: 'slow',
}, async () => {
  // As many as the refresh share lets through in a day that has begun.
  await vi.waitFor(() => expect(pages().length).toBeGreaterThan(20), { timeout: 45_000 })
  expect(pages().slice(0, 3)).toEqual(['2026 1', '2025 1', '2024 1'])
  expect(new Set(pages()).size).toBe(pages().length)
  sandbox.fail('reset')
  const get = as(service.app, await testUser(service.app))
  const movie = await get({ method: 'GET', url: '/movies/101' })
  expect(movie.json()).toMatchObject({ id: 101, title: 'Новый 1', year: 2026, kinopoisk: { complete: false } })
  const found = await get({ method: 'GET', url: `/movies/search?query=${encodeURIComponent('новый 7')}` })
  expect(found.json()).toMatchObject({ source: 'local', items: [{ id: 107, title: 'Новый 7' }] })
})

test('the second pages come after the first ones of all years, and a month later all of it again', {
  tags: 'slow',
}, async () => {
  const keepYears = (from: number) =>
    inDatabase(
      service.databaseUrl,
      (sql) => sql`insert into kinopoisk_answers (path, status, body, fetched_at, expires_at)
        select '/api/v2.2/films?order=NUM_VOTE&type=ALL&yearFrom=' || year || '&yearTo=' || year || '&page=1', 200,
          '{"totalPages": ' || case year when 2026 then 2 else 1 end || ', "items": []}',
          ${time.clock.now().toISOString()}, ${new Date(time.clock.now().getTime() + 30 * day * 1000).toISOString()}
        from generate_series(${from}::int, 2026) year on conflict do nothing`,
    )
  await keepYears(1920)
  await vi.waitFor(() => expect(pages().at(-1)).toBe('2026 2'), { timeout: 45_000 })
  calls.splice(0)
  time.pass(31 * day)
  await vi.waitFor(() => expect(pages().length).toBeGreaterThan(1), { timeout: 45_000 })
  expect(pages().slice(0, 2)).toEqual(['2026 1', '2025 1'])
})

test('a page without a film is kept for a day, and one with films for a month', async () => {
  await vi.waitFor(() => expect(pages().length).toBeGreaterThan(3), { timeout: 45_000 })
  const kept = await inDatabase(
    service.databaseUrl,
    (sql) => sql`select path, extract(epoch from expires_at - fetched_at)::int as seconds from kinopoisk_answers
      where path like '/api/v2.2/films?%' order by path desc`,
  )
  const [newest, ...others] = kept
  expect(newest?.path).toContain('yearFrom=2026')
  expect(newest?.seconds).toBeGreaterThan(26 * day)
  expect(others.length).toBeGreaterThan(1)
  for (const { seconds } of others) expect(seconds).toBeLessThanOrEqual(1.1 * day)
})
