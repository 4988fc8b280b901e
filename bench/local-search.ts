/**
 * The search of our own films at a million: node bench/local-search.ts [films] [folder to keep the database in]
 * Prints for each query the milliseconds (median, longest of 7), how many films it finds and the first of them, and at the
 * end every statement's plan that reads the table itself from end to end; then what remembering a search's films costs.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drizzle } from 'drizzle-orm/postgres-js'
import { createCache } from '../src/cache/cache.ts'
import type { ChangeFeed } from '../src/cache/change-feed.ts'
import { connect } from '../src/db/connect.ts'
import { migrate } from '../src/db/migrate.ts'
import { startPostgres } from '../src/embedded/postgres.ts'
import { createFilmWriter, type PartialFilm } from '../src/modules/movies/repository.ts'
import { createLocalSearch } from '../src/modules/movies/search/local-search.ts'
import { createSearchRepository } from '../src/modules/movies/search/repository.ts'
import { createSemaphore } from '../src/semaphore.ts'
import { seed } from './seed.ts'

const queries = [
  ...['матрица', 'МАТРИЦА  перезагрузка', 'перезагрузка матрица', 'vfnhbwf', 'ьфекшч', 'star wars', 'the matrix'],
  ...['матирца', 'звездные воины', 'the godfater', 'мораторий', 'властелин колец возвращение короля'],
  ...['ма', 'тра', 'the', 'man', 'ный гор', '1', 'щщ', '%', '!?…', 'лунныйзвез'],
  ...['м '.repeat(100).trim(), 'я'.repeat(200)],
]

const [, , size = '1000000', folder] = process.argv
const dataDir = folder ?? (await mkdtemp(join(tmpdir(), 'kinoteka-bench-')))
const isNew = !existsSync(join(dataDir, 'postgres'))
const server = await startPostgres({ dataDir, settings: { fsync: 'off' } })
const { sql, close } = connect(server.url, { deadlineMs: Number.POSITIVE_INFINITY })
const statements = new Map<string, unknown[]>()
const db = drizzle(sql, { logger: { logQuery: (query, params) => statements.set(query, params) } })

try {
  if (isNew) {
    await migrate(server.url)
    await seed(server.url, Number(size))
  }
  const noFeed = { isCurrent: () => false, listen: () => {} } as unknown as ChangeFeed
  const semaphore = createSemaphore({ name: 'searches', max: 1 })
  const search = createLocalSearch({ films: createSearchRepository(db), semaphore, cache: createCache(noFeed, 0) })
  for (const query of queries) {
    const { times, value } = await timed(() => search(query, 1, 'bench'))
    const { total, items } = value
    print([query.slice(0, 36), times.at(3), times.at(-1), total, `${items[0]?.title} / ${items[0]?.original_title}`])
  }
  await explain()
  let day = 1
  const { times } = await timed(() => db.transaction((tx) => createFilmWriter(tx).upsertPartial(partialFilms(day++))))
  print(['remember 20 films', times.at(3), times.at(-1)])
} finally {
  await close()
  await server.stop()
  if (!folder) await rm(dataDir, { recursive: true, force: true })
}

async function timed<T>(work: () => Promise<T>) {
  let value = await work()
  const times: number[] = []
  for (let i = 0; i < 7; i++) {
    const start = performance.now()
    value = await work()
    times.push(Math.round(performance.now() - start))
  }
  return { times: times.toSorted((a, b) => a - b), value }
}

async function explain(): Promise<void> {
  const searching = [...statements].filter(([query]) => query.includes('films'))
  await sql.begin(async (tx) => {
    await tx`set local enable_seqscan = off`
    await tx`set local enable_indexscan = off`
    await tx`set local enable_indexonlyscan = off`
    for (const [query, params] of searching) {
      const rows = await tx.unsafe(`explain ${query}`, params as never[])
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
      if (/Seq Scan on films\b/.test(plan)) process.stdout.write(`${query}\n${plan}\n`)
    }
  })
}

/** As a search of that day tells of them. */
function partialFilms(day: number): PartialFilm[] {
  return Array.from({ length: 20 }, (_, i) => ({
    id: i + 1,
    name: `Фильм ${i}`,
    original_name: `Film ${i}`,
    year: 2000,
    minutes: 100,
    rate: 7,
    description: 'Описание фильма. '.repeat(10),
    poster_url: null,
    genres: ['драма', 'комедия'],
    kinopoisk: { synced_at: new Date(day * 86_400_000).toISOString(), complete: false },
  }))
}

function print([name, ...cells]: unknown[]): void {
  process.stdout.write(`${String(name).padEnd(38)} ${cells.map((cell) => String(cell).padStart(6)).join(' ')}\n`)
}
