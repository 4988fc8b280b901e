/**
 * What pages and apps ask for at a million films: node bench/plans.ts [films] [folder to keep the database in]
 * Prints for each question the milliseconds of its statements (median, longest of 7, nothing in memory), how many rows they
 * return, and of their plans each node that reads a table or an index. Beside them a listing of `GET /films`.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drizzle } from 'drizzle-orm/postgres-js'
import { createCache } from '../src/cache/cache.ts'
import type { ChangeFeed } from '../src/cache/change-feed.ts'
import { sortedList } from '../src/catalogue/sorted-lists.ts'
import { connect, type Db } from '../src/db/connect.ts'
import { migrate } from '../src/db/migrate.ts'
import { startPostgres } from '../src/embedded/postgres.ts'
import { createDirectorRepository } from '../src/modules/directors/repository.ts'
import { createFacetRepository } from '../src/modules/films/facets-repository.ts'
import { createFilmPages } from '../src/modules/films/page-query.ts'
import { createListIdsRepository } from '../src/modules/lists/ids-repository.ts'
import { createStatsRepository } from '../src/modules/ratings/stats-repository.ts'
import { createSuggestions } from '../src/modules/suggestions/suggestions.ts'
import { seed } from './seed.ts'

const [, , size = '1000000', folder] = process.argv
const dataDir = folder ?? (await mkdtemp(join(tmpdir(), 'kinoteka-bench-')))
const isNew = !existsSync(join(dataDir, 'postgres'))
const server = await startPostgres({ dataDir, settings: { fsync: 'off' } })
const { sql, close } = connect(server.url, { deadlineMs: Number.POSITIVE_INFINITY })
let statements: [query: string, params: unknown[]][] = []
const db = drizzle(sql, { logger: { logQuery: (query, params) => statements.push([query, params]) } }) as unknown as Db

try {
  if (isNew) {
    await migrate(server.url)
    await seed(server.url, Number(size))
  }
  const user = await seedUser()
  const listing = createFilmPages(db)
  const facets = createFacetRepository(db)
  const noFeed = { isCurrent: () => false, listen: () => {} } as unknown as ChangeFeed
  const suggestions = createSuggestions({ db, cache: createCache(noFeed, 0), posterOf: () => null })
  const ratings = sortedList(db, 'ratings')
  const filter = { genreIds: [3], minRate: 7.9 }
  const questions: Record<string, () => Promise<unknown>> = {
    'GET /films?genre&min_rate&sort=-rate': () => listing({ filter, sort: '-rate', limit: 20, offset: 0 }),
    ...Object.fromEntries(
      ['ма', 'матр', 'vfnh', 'the st', 'the matrix rel', 'ма з', 'зв во'].map((q) => [
        `GET /suggest?q=${q}`,
        () => suggestions.find(q, true, 'bench'),
      ]),
    ),
    'GET /films/facets': () => facets.count({}),
    'GET /films/facets?genre&min_rate': () => facets.count(filter),
    'GET /films/facets?country': () => facets.count({ countries: ['франция'] }),
    'GET /films/random (of all)': () => facets.pick({}, Number(size)),
    'GET /films/random?genre&min_rate': () => facets.pick(filter, 5_000),
    'GET /directors?q=director 49': () => allOf(createDirectorRepository(db).list(undefined, 'director 49')),
    'own state (20,000 scores)': () => createListIdsRepository(db).find(user),
    'GET /ratings?sort=title (20,000)': () => ratings.findSorted(user, { sort: 'title' }),
    'GET /ratings?genre&q (20,000)': () => ratings.findSorted(user, { genre: ['genre 3'], q: 'звез' }),
    'GET /user/stats (20,000)': () => createStatsRepository(db).read(user, undefined),
    'GET /user/stats?year (20,000)': () => createStatsRepository(db).read(user, 2020),
  }
  for (const [name, ask] of Object.entries(questions)) await measure(name, ask)
} finally {
  await close()
  await server.stop()
  if (!folder) await rm(dataDir, { recursive: true, force: true })
}

/** One who has rated 20,000 films; a third of all films are of one of three countries. */
async function seedUser(): Promise<number> {
  const [known] = await sql<{ id: number }[]>`select id from users where login = 'plans'`
  if (known) return known.id
  const [user] = await sql<{ id: number }[]>`
    insert into users (login, password_hash) values ('plans', 'none') returning id`
  await sql`
    insert into film_traits (film_id, kind, value)
    select id, 'country', (array['Франция', 'США', 'Япония'])[1 + id % 3] from films where id % 9 < 3`
  await sql`
    insert into ratings (user_id, film_id, value, created_at)
    select ${user?.id ?? 0}, id, 1 + id % 10, timestamptz '2018-01-01' + id % 3000 * interval '1 day'
    from (select id from films order by hashint4(id) limit 20000) as rated`
  await sql`vacuum analyze`
  return user?.id ?? 0
}

async function measure(name: string, ask: () => Promise<unknown>): Promise<void> {
  const times: number[] = []
  for (let i = 0; i < 7; i++) {
    statements = []
    const start = performance.now()
    await ask()
    times.push(Math.round(performance.now() - start))
  }
  times.sort((a, b) => a - b)
  process.stdout.write(`${name.padEnd(38)} ${String(times[3]).padStart(6)} ${String(times[6]).padStart(6)}\n`)
  const reads = new Set<string>()
  for (const [query, params] of statements) {
    const rows = await sql.unsafe(`explain (analyze, timing off) ${query}`, params as never[])
    for (const row of rows) {
      const [, node] =
        /((?:Parallel )?(?:Seq|Index|Index Only|Bitmap Index|Bitmap Heap|Tid) Scan.*)/.exec(row['QUERY PLAN']) ?? []
      if (node) reads.add(node.replace(/\s*\(cost=[^)]*\)/, ''))
    }
  }
  for (const node of reads) process.stdout.write(`    ${node}\n`)
}

async function allOf<T>(batches: AsyncIterable<{ items: T[] }>): Promise<T[]> {
  return (await Array.fromAsync(batches)).flatMap(({ items }) => items)
}
