/**
 * The catalogue at a million films: node bench/catalogue.ts [films] [folder to keep the database in]
 * Prints, for every kind of listing, milliseconds (median) of the first page, of a page deep inside by cursor and by
 * number, and of the total, each with what the plan does that an index alone does not.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drizzle } from 'drizzle-orm/postgres-js'
import { connect } from '../src/db/connect.ts'
import { migrate } from '../src/db/migrate.ts'
import { startPostgres } from '../src/embedded/postgres.ts'
import { createFilmRepository, type Filter, type Listing } from '../src/modules/films/repository.ts'
import type { Sort } from '../src/modules/films/schemas.ts'
import { findMatch } from '../src/modules/films/title-match.ts'
import { seed } from './seed.ts'

const [, , size = '1000000', folder] = process.argv
const dataDir = folder ?? (await mkdtemp(join(tmpdir(), 'kinoteka-bench-')))
const isNew = !existsSync(join(dataDir, 'postgres'))
const server = await startPostgres({ dataDir, settings: { fsync: 'off' } })
const { sql, close } = connect(server.url, { deadlineMs: Number.POSITIVE_INFINITY })
let last: { query: string; params: unknown[] } = { query: '', params: [] }
const logQuery = (query: string, params: unknown[]) => {
  last = { query, params }
}
const db = drizzle(sql, { logger: { logQuery } })
const films = createFilmRepository(db, () => null)

try {
  if (isNew) {
    await migrate(server.url)
    await seed(server.url, Number(size))
  }
  await measure()
} finally {
  await close()
  await server.stop()
  if (!folder) await rm(dataDir, { recursive: true, force: true })
}

async function measure(): Promise<void> {
  const sorts: Sort[] = ['id', 'rate', '-rate', 'year', '-year', 'minutes', '-minutes', 'name', '-name']
  const genre = async (name: string) => ({ genreIds: await films.findGenreIds([name]) })
  const common = await genre('genre 1')
  const middle = await genre('genre 20')
  const rare = await genre('genre 40')
  const matchOf = async (text: string) => {
    const words = await films.readWords(text)
    return words === '' ? { signs: text } : findMatch(films, words)
  }
  for (const q of [
    'матрица',
    'матирца',
    'звездные воины',
    'the godfater',
    'ма',
    'щщ',
    '%',
    'абракадабрище',
    'genre',
    'ван',
  ]) {
    const [ms, match] = await timed(5, () => matchOf(q))
    print([`resolve q=${q}`, ms, JSON.stringify(match).slice(0, 60)])
  }
  const q = async (text: string) => ({ match: (await matchOf(text)) ?? { ids: [] } })
  const cases: [string, Filter, Sort[]][] = [
    ['all', {}, sorts],
    ['common genre', common, sorts],
    ['middle genre', middle, sorts],
    ['rare genre', rare, sorts],
    ['common or rare genre', { genreIds: [...common.genreIds, ...rare.genreIds] }, ['id', '-rate', 'name']],
    ['min_rate=9', { minRate: 9 }, sorts],
    ['min_rate=7', { minRate: 7 }, ['id', 'rate', '-rate', 'name']],
    ['years 1990-1999', { yearFrom: 1990, yearTo: 1999 }, ['id', 'year', '-year', '-rate', 'name']],
    ['director', { directorId: 77 }, ['id', '-rate', 'name']],
    ['q=матрица', await q('матрица'), ['id', '-rate', 'name']],
    ['q=матирца', await q('матирца'), ['id', '-rate', 'name']],
    ['q=ра (common)', await q('ра'), ['id', '-rate', 'name']],
    ['q=щщ (none)', await q('щщ'), ['id', '-rate', 'name']],
    ['q=% (none)', await q('%'), ['id', 'name']],
    ['common genre, min_rate=9', { ...common, minRate: 9 }, ['id', '-rate', '-year']],
    ['common genre, 1990-1999', { ...common, yearFrom: 1990, yearTo: 1999 }, ['id', '-rate', '-year']],
    ['rare genre, q=ра', { ...rare, ...(await q('ра')) }, ['id', '-rate']],
  ]
  print(['listing', 'sort', 'total', 'count', 'first page', 'by cursor', 'page 1000'])
  for (const [name, filter, orders] of cases) {
    const [counting, total] = await timed(3, () => films.count(filter))
    const countPlan = await explain()
    for (const sort of orders) {
      const listing = { filter, sort, limit: 20, offset: 0 }
      const first = await page(listing)
      const deep = await behindOf(listing, Math.min(500_000, Math.floor(total / 2)))
      const cursor = deep ? await page({ ...listing, position: deep }) : '-'
      const far = total > 999 * 20 ? await page({ ...listing, offset: 999 * 20 }) : '-'
      print([name, sort, String(total), `${counting} ${countPlan}`, first, cursor, far])
    }
  }
}

async function behindOf(listing: Listing, offset: number) {
  const row = (await films.list({ ...listing, offset })).at(0)
  return row && { key: listing.sort === 'id' ? row.id : row.sort_key, id: row.id }
}

async function page(listing: Listing): Promise<string> {
  const [ms] = await timed(7, () => films.list(listing))
  return `${ms} ${await explain()}`
}

async function timed<T>(times: number, work: () => Promise<T>): Promise<[string, T]> {
  const spent: number[] = []
  let result = await work()
  for (let i = 0; i < times; i++) {
    const start = performance.now()
    result = await work()
    spent.push(performance.now() - start)
  }
  return [(spent.toSorted((a, b) => a - b)[Math.floor(times / 2)] ?? 0).toFixed(1), result]
}

interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  Plans?: Plan[]
}

/** What the last statement did: scans of whole tables, sorts of more than 2000 rows, blocks read. */
async function explain(): Promise<string> {
  const { query, params } = last
  const explained = `explain (analyze, buffers, format json) ${query}`
  const rows = await sql.unsafe<{ 'QUERY PLAN': [{ Plan: Plan & Record<string, number> }] }[]>(
    explained,
    params as never[],
  )
  const root = rows[0]?.['QUERY PLAN'][0].Plan
  if (!root) return ''
  const nodes = flatten(root)
  const whole = nodes.filter((node) => node['Node Type'] === 'Seq Scan' && /^film/.test(node['Relation Name'] ?? ''))
  const sorts = nodes.filter(
    (node) => /Sort|Hash/.test(node['Node Type']) && (node.Plans?.[0]?.['Actual Rows'] ?? 0) > 2000,
  )
  const indexes = nodes
    .map((node) => node['Index Name']?.replace('films_', ''))
    .filter((name) => name && !/pkey$/.test(name))
  return [
    `(${[...new Set(indexes)].join('+') || 'pkey'}`,
    ...whole.map((node) => `SEQ ${node['Relation Name']}`),
    ...sorts.map((node) => `${node['Node Type'].toUpperCase()} ${node.Plans?.[0]?.['Actual Rows']}`),
    `${(root['Shared Hit Blocks'] ?? 0) + (root['Shared Read Blocks'] ?? 0)} blocks)`,
  ].join(', ')
}

function flatten(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(flatten)]
}

function print(cells: string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}
