import { afterEach, describe, expect, test, vi } from 'vitest'
import { connect } from '../src/db/connect.ts'
import type { FilmFact } from '../src/embedded/sandbox/films.ts'
import { type SandboxCall, startSandbox } from '../src/embedded/sandbox/server.ts'
import { AppError } from '../src/errors.ts'
import { createPopularFilmsPrefetch } from '../src/kinopoisk/prefetch/popular-films.ts'
import { createFailureRepository } from '../src/kinopoisk/store/failures.ts'
import { createResponseRepository } from '../src/kinopoisk/store/responses.ts'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { cloneDatabase } from './support/databases.ts'
import { filmFact, inDatabase, serve, stoppedClock } from './support/movies.ts'

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
const started: { close(): Promise<void> }[] = []

/** Prefetches all the time. */
async function start(facts: FilmFact[], url?: string) {
  calls = []
  sandbox = await startSandbox({ films: facts, onCall: (call) => calls.push(call) })
  const kinopoisk = { url: url ?? sandbox.url, apiKey: 'test-key', sandbox: true, prefetchMs: 10 }
  // With a limit it would have few calls early in the day.
  service = await testApp({ KINOPOISK_DAILY_QUOTA: '-1' }, { clock: time.clock, kinopoisk })
  started.push(service, sandbox)
}
afterEach(async () => {
  for (const { close } of started.splice(0)) await close()
})

const pages = () =>
  calls
    .filter(({ endpoint }) => endpoint === 'list')
    .map(({ path }) => new URLSearchParams(path.split('?')[1]))
    .map((query) => `${query.get('yearFrom')} ${query.get('page')}`)

test('the most voted films of every year are prefetched, so that they can be served while upstream is away', {
  tags: 'slow',
}, async () => {
  await start(films)
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
  await start(films)
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
  await start(films)
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

test('pages that were never fetched wait from a refusal by the quota on, until none came for a quarter of an hour', async () => {
  const { db, close } = connect(await cloneDatabase(), { max: 1 })
  started.push({ close })
  let refusal: Error | undefined
  const popular = createPopularFilmsPrefetch({
    ...{ db, responses: createResponseRepository(db), failures: createFailureRepository(db), now: time.clock.now },
    async fetchPage() {
      if (refusal) throw refusal
      return null
    },
  })
  const waitsAfter = async (error?: Error) => {
    refusal = error
    await popular.fetchNext().catch((reason) => expect(reason).toBe(error))
    return popular.isPageWaiting()
  }
  expect(await waitsAfter(new AppError('upstream_unavailable'))).toBe(false)
  expect(await waitsAfter(new AppError('upstream_quota_exhausted'))).toBe(true)
  // One call was free: the next one is for the next page.
  expect(await waitsAfter()).toBe(true)
  time.pass(901)
  expect(await waitsAfter()).toBe(false)
})

describe('behind the end of a list that upstream cuts off', () => {
  const rated = (count: number, rating: number, id: number) =>
    Array.from({ length: count }, (_, index) =>
      filmFact({ id: id + index, name_ru: `Оценённый ${id + index}`, year: 2026, rating, votes: 90_000 - index }),
    )
  /** All years have one page, but 2026 has five full ones, and on them the first 20 films of 6.5. */
  const keepLists = () =>
    inDatabase(
      service.databaseUrl,
      (sql) => sql`insert into kinopoisk_answers (path, status, body, fetched_at, expires_at)
        select '/api/v2.2/films?order=NUM_VOTE&type=ALL&yearFrom=' || year || '&yearTo=' || year || '&page=' || page, 200,
          json_build_object('total', case year when 2026 then 100 else 7 end, 'items', case when page = 1 and year = 2026 then
            (select json_agg(json_build_object('kinopoiskId', 1000 + i, 'year', 2026, 'ratingKinopoisk', 6.5)) from generate_series(0, 19) i)
            else '[]'::json end),
          ${time.clock.now().toISOString()}, ${new Date(time.clock.now().getTime() + 30 * day * 1000).toISOString()}
        from generate_series(1920, 2026) year, generate_series(1, 5) page where page = 1 or year = 2026
        on conflict (path) do update set body = excluded.body, status = 200, expires_at = excluded.expires_at`,
    )
  const expireLists = () =>
    inDatabase(service.databaseUrl, (sql) => sql`update kinopoisk_answers set expires_at = fetched_at`)
  const asked = () =>
    calls
      .filter(({ path }) => path.includes('rating'))
      .map(({ path }) => new URLSearchParams(path.split('?')[1]))
      .map((query) => ['yearFrom', 'ratingFrom', 'ratingTo', 'page'].map((name) => query.get(name) ?? '').join(' '))

  test('films are prefetched by bands of the rating, each page once, without what is known', {
    tags: 'slow',
  }, async () => {
    await start([...rated(45, 6.5, 1000), ...rated(21, 7.5, 2000), ...rated(1, 3, 3000)])
    await keepLists()
    await vi.waitFor(() => expect(asked()).toHaveLength(7), { timeout: 45_000 })
    expect(asked()).toEqual([
      '2026 6 7 2',
      '2026 7 8 1',
      '2026 5 6 1',
      '2026 8  1',
      '2026  5 1',
      '2026 6 7 3',
      '2026 7 8 2',
    ])
    time.pass(40 * day)
    calls.splice(0)
    await vi.waitFor(() => expect(pages().length).toBeGreaterThan(1), { timeout: 45_000 })
    expect(pages().slice(0, 2)).toEqual(['2026 1', '2025 1'])
    expect(asked()).toEqual([])
    sandbox.fail('reset')
    const get = as(service.app, await testUser(service.app))
    for (const id of [1044, 2020, 3000]) {
      const movie = await get({ method: 'GET', url: `/movies/${id}` })
      expect(movie.json(), `${id}`).toMatchObject({ title: `Оценённый ${id}`, year: 2026 })
    }
  })

  test.each([
    ['ignores ratings', 200],
    ['refuses them', 400],
  ])('no more than one page a day is fetched while upstream %s', { tags: 'slow' }, async (_what, status) => {
    const queries: string[] = []
    const items = [{ kinopoiskId: 301, nameRu: 'Матрица', year: 2026, ratingKinopoisk: 8.5 }]
    const upstream = await serve((request, response) => {
      queries.push(request.url ?? '')
      response.statusCode = request.url?.includes('rating') ? status : 200
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ total: 400, totalPages: 20, items }))
    })
    await start([], upstream.url)
    await keepLists()
    const asked = () => queries.filter((query) => query.includes('rating')).length
    await vi.waitFor(() => expect(asked()).toBe(1), { timeout: 45_000 })
    // So that there is something else to fetch, which shows that the bands are left out.
    await expireLists()
    queries.splice(0)
    await vi.waitFor(() => expect(queries.length).toBeGreaterThan(3), { timeout: 45_000 })
    expect(asked()).toBe(0)
    await keepLists()
    time.pass(day + 1)
    await vi.waitFor(() => expect(asked()).toBe(1), { timeout: 45_000 })
    await upstream.close()
  })
})
