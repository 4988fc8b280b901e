import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCache } from '../src/cache/cache.ts'
import { openChangeFeed } from '../src/cache/change-feed.ts'
import { connect, type Database } from '../src/db/connect.ts'
import { createFilmRepository, type Filter } from '../src/modules/films/repository.ts'
import { createTotals } from '../src/modules/films/totals.ts'
import { cloneDatabase } from './support/databases.ts'
import { until } from './support/process.ts'

let database: Database
let feed: ReturnType<typeof openChangeFeed>

beforeAll(async () => {
  const url = await cloneDatabase()
  database = connect(url)
  await database.sql`insert into genres (name) select 'genre ' || n from generate_series(1, 3) n`
  await database.sql`insert into directors (name) select 'director ' || n from generate_series(1, 2) n`
  await database.sql`
    insert into films (listed, name, director_id, rate, year)
    select n % 9 > 0, 'Film ' || n, 1 + n % 2, case when n % 11 > 0 then (n * 37 % 41) / 4.1 end, 1950 + n * 13 % 60
    from generate_series(1, 400) n`
  await database.sql`
    insert into film_genres (film_id, genre_id, position) select films.id, genres.id, genres.id from films, genres
    where films.id % (genres.id + 1) = 0`
  feed = openChangeFeed(url)
  await until(() => feed.isCurrent())
})
afterAll(async () => {
  feed.close()
  await database.close()
})

/** Counts how often the database is asked to count. */
function totals() {
  const films = createFilmRepository(database.db, () => null)
  const counted: Filter[] = []
  const made = createTotals({
    films: {
      rank: films.rank,
      count(filter) {
        counted.push(filter)
        return films.count(filter)
      },
    },
    cache: createCache(feed, 10_000_000),
    inTurn: (_caller, work) => work(),
  })
  return {
    count: (filter: Filter, named: string) => made.count(filter, named, 'a test'),
    ranking: (filter: Filter) => made.ranking(filter, 'a test'),
    counted,
    films,
  }
}

const narrowings: Filter[] = [0, 4.1, 7.32, 7.5, 10].flatMap((minRate) => [
  { minRate },
  { minRate, yearFrom: 1960 },
  { minRate, yearFrom: 1971, yearTo: 1972 },
  { yearTo: 1980 },
])

test.each<[string, Filter]>([
  ['all films', {}],
  ['a genre', { genreIds: [2] }],
  ['two genres', { genreIds: [1, 3] }],
  ['a genre of a director', { genreIds: [1], directorId: 2 }],
  ['no film', { directorId: 999 }],
])('%s, ranked, are what the database finds, page by page, at any offset and behind any film', async (_, filter) => {
  const { ranking, films } = totals()
  for (let times = 0; times < 3; times++) expect(await ranking({ ...filter, minRate: times })).toBeUndefined()
  for (const narrow of narrowings) {
    const narrowed = { ...filter, ...narrow }
    const ranked = await ranking(narrowed)
    expect(ranked?.count(narrowed)).toBe(await films.count(narrowed))
    const all = await films.list({ filter: narrowed, sort: '-rate', limit: 1000, offset: 0 })
    expect(ranked?.list(narrowed, { limit: 1000, offset: 0 })).toEqual(all)
    for (const at of [0, 7, all.length - 1, all.length, all.length + 5]) {
      const found = await films.list({ filter: narrowed, sort: '-rate', limit: 5, offset: at })
      expect(ranked?.list(narrowed, { limit: 5, offset: at })).toEqual(found)
      const place = all[at]
      if (!place) continue
      const position = { key: place.sort_key, id: place.id }
      const behind = await films.list({ filter: narrowed, sort: '-rate', limit: 5, offset: 0, position })
      expect(ranked?.list(narrowed, { limit: 5, offset: 0, position })).toEqual(behind)
    }
  }
})

test('What is asked for once is counted by the database, and kept', async () => {
  const { ranking, count, counted } = totals()
  const filter = { genreIds: [1], minRate: 5 }
  expect(await ranking(filter)).toBeUndefined()
  const found = await count(filter, 'once')
  expect(await count(filter, 'once')).toBe(found)
  expect(counted).toEqual([filter])
})

test('Nothing is ranked that has neither rate nor year, or is searched by name', async () => {
  const { ranking } = totals()
  for (let times = 0; times < 6; times++) {
    expect(await ranking({ genreIds: [1] })).toBeUndefined()
    expect(await ranking({ match: { part: 'film' }, minRate: times })).toBeUndefined()
  }
})

test('A film that changes is found where it is now', async () => {
  const { ranking } = totals()
  const filter = { genreIds: [2], minRate: 3 }
  for (let times = 0; times < 5; times++) await ranking(filter)
  const before = (await ranking(filter))?.count(filter) ?? 0
  await database.sql`update films set rate = 0 where id in (
    select film_id from film_genres join films on films.id = film_id where genre_id = 2 and listed and rate >= 3 limit 1)`
  await feed.waitUntilCaughtUp()
  expect(await ranking(filter)).toBeUndefined()
  for (let times = 0; times < 5; times++) await ranking(filter)
  expect((await ranking(filter))?.count(filter)).toBe(before - 1)
})

test('More than 50,000 films are left to the database', { tags: 'slow' }, async () => {
  const url = await cloneDatabase()
  // So many films may take longer to make than a query of the service may.
  const large = connect(url, { max: 1, deadlineMs: Number.POSITIVE_INFINITY })
  await large.sql`set statement_timeout = 0`
  await large.sql`insert into directors (name) values ('d')`
  await large.sql`insert into films (listed, name, director_id, rate, year)
    select true, 'Film ' || n, 1, 5, 2000 from generate_series(1, 50001) n`
  const films = createFilmRepository(large.db, () => null)
  const { ranking } = createTotals({ films, cache: createCache(feed, 10_000_000), inTurn: (_caller, work) => work() })
  for (let times = 0; times < 6; times++) expect(await ranking({ minRate: 1 }, 'a test')).toBeUndefined()
  await large.close()
})
