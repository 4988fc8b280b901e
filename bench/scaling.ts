/**
 * What accounts cost the database: node bench/scaling.ts [users] [films] [requests of each kind]
 * Fills an embedded PostgreSQL with a tenth of the accounts, then with all of them; the service, without its memory, serves users in
 * random order. Prints bytes of a row, and for each request its statements, the processor's time of PostgreSQL and of the service (not
 * the clock's: other work on the machine does not count), the blocks it touches and the WAL it writes. deploy/SCALING.md has its tables.
 */
import { randomInt } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { FastifyInstance, InjectOptions } from 'fastify'
import type postgres from 'postgres'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config/config.ts'
import { connect } from '../src/db/connect.ts'
import { migrate } from '../src/db/migrate.ts'
import { startPostgres } from '../src/embedded/postgres.ts'
import { startSandbox } from '../src/embedded/sandbox/server.ts'
import { createUsageRepository } from '../src/modules/users/usage-repository.ts'
import { fill, measureTables, type TableSize } from './scaling/fill.ts'
import { jwtSecret, requestsOf, sessionOf } from './scaling/requests.ts'
import { seed } from './seed.ts'

const [users = 50_000, films = 20_000, times = 300] = process.argv.slice(2).map(Number)
const dataDir = await mkdtemp(join(tmpdir(), 'kinoteka-scaling-'))
await chmod(dataDir, 0o711)
const print = (line: string) => void process.stdout.write(`${line}\n`)

interface Cost {
  statements: number
  postgresUs: number
  serviceUs: number
  blocks: number
  walBytes: number
}

const server = await startWithStatistics()
const sandbox = await startSandbox()
try {
  await migrate(server.url)
  await seed(server.url, films)
  const sizes = [Math.round(users / 10), users]
  const costs: Map<string, Cost>[] = []
  let tables: TableSize[] = []
  for (const [i, size] of sizes.entries()) {
    await fill(server.url, sizes[i - 1] ?? 0, size)
    const app = await openApp()
    costs.push(await measure(app, size))
    tables = await measureTables(app.database.sql)
    await app.close()
  }
  printTables(tables)
  printCosts(sizes, costs)
} finally {
  await sandbox.close()
  await server.stop()
  await rm(dataDir, { recursive: true, force: true })
}

async function startWithStatistics() {
  const statistics = { shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.track_planning': 'on' }
  const server = await startPostgres({ dataDir, settings: { fsync: 'off', shared_buffers: '512MB', ...statistics } })
  const { sql, close } = connect(server.url, { max: 1 })
  await sql`create extension pg_stat_statements`
  await close()
  return server
}

async function openApp(): Promise<FastifyInstance> {
  const config = loadConfig({ DATA_DIR: dataDir, MEMORY_CACHE_MB: '0', LOG_LEVEL: 'error' })
  const app = await buildApp(config, {
    databaseUrl: server.url,
    jwtSecrets: [jwtSecret],
    kinopoisk: { url: sandbox.url, apiKey: 'bench', sandbox: true },
    version: 'bench',
    logStream: new PassThrough().resume(),
  })
  await app.ready()
  return app
}

async function measure(app: FastifyInstance, size: number): Promise<Map<string, Cost>> {
  const { sql } = app.database
  const [range] = await sql<{ first: number; films: number }[]>`
    select min(id)::int as first, count(*)::int as films from films where listed`
  const requests = requestsOf(app, { firstFilm: range?.first ?? 0, films: range?.films ?? 0 })
  const costs = new Map<string, Cost>()
  for (const [name, request] of Object.entries(requests)) {
    const draw = async (count: number) => {
      const sent: InjectOptions[] = []
      for (let i = 0; i < count; i++) {
        const user = randomInt(1, size + 1)
        const { headers } = await sessionOf(app, user)
        sent.push({ ...(await request(user, headers)), headers })
      }
      return sent
    }
    const send = async (all: InjectOptions[]) => {
      for (const each of all) {
        const { statusCode, body } = await app.inject(each)
        if (statusCode >= 300) throw new Error(`${name}: ${statusCode} ${body}`)
      }
    }
    // Connections prepare their statements, and the service is compiled.
    await send(await draw(times))
    const drawn = await draw(times)
    costs.set(name, await costOf(app, times, () => send(drawn)))
  }
  costs.set('accounts counted, once a minute', await costOf(app, 1, createUsageRepository(app.database.db).count))
  return costs
}

/** Of one of `count` requests. What a replica asks beside them, such as for changes, is no statement of theirs. */
async function costOf(
  { database: { sql } }: FastifyInstance,
  count: number,
  work: () => Promise<unknown>,
): Promise<Cost> {
  await sql`select pg_stat_statements_reset()`
  const [before, usage] = [await postgresUs(sql), process.cpuUsage()]
  await work()
  const service = process.cpuUsage(usage)
  const after = await postgresUs(sql)
  const [row] = await sql<Pick<Cost, 'statements' | 'blocks' | 'walBytes'>[]>`
    select sum(calls)::float8 as statements, sum(shared_blks_hit + shared_blks_read)::float8 as blocks,
      sum(wal_bytes)::float8 as "walBytes"
    from pg_stat_statements
    where query !~ 'pg_stat_(statements|activity)|from \"?changes|pg_current_snapshot' and query !~* 'kinopoisk_'`
  const { statements = 0, blocks = 0, walBytes = 0 } = row ?? {}
  const each = [statements, after - before, service.user + service.system, blocks, walBytes].map((sum) => sum / count)
  const [perStatement = 0, pg = 0, own = 0, perBlocks = 0, perWal = 0] = each
  return { statements: perStatement, postgresUs: pg, serviceUs: own, blocks: perBlocks, walBytes: perWal }
}

/** Processor's time of all backends until now. */
async function postgresUs(sql: postgres.Sql): Promise<number> {
  const backends = await sql<{ pid: number }[]>`select pid from pg_stat_activity where backend_type = 'client backend'`
  const times = await Promise.all(
    backends.map(({ pid }) => readFile(`/proc/${pid}/schedstat`, 'utf8').catch(() => '0')),
  )
  return times.reduce((sum, text) => sum + Number(text.split(' ', 1)[0]) / 1000, 0)
}

function printTables(tables: TableSize[]): void {
  print('\n| table | rows | bytes of a row | of its indexes | together |\n|---|--:|--:|--:|--:|')
  for (const { table, rows, rowBytes, indexBytes } of tables)
    print(`| \`${table}\` | ${rows} | ${[rowBytes, indexBytes, rowBytes + indexBytes].map(Math.round).join(' | ')} |`)
}

function printCosts(sizes: number[], costs: Map<string, Cost>[]): void {
  const [few, many] = sizes.map((size) => `${size} accounts`)
  print(`\n| request | statements | blocks, ${few} | ${many} | PostgreSQL, ${few} | ${many} | service | WAL |`)
  print('|---|--:|--:|--:|--:|--:|--:|--:|')
  for (const [name, large] of costs[1] ?? []) {
    const small = costs[0]?.get(name) ?? large
    const us = [small.postgresUs, large.postgresUs, large.serviceUs].map((value) => `${Math.round(value)} µs`)
    const blocks = [small.blocks, large.blocks].map(Math.round)
    print(`| ${[name, large.statements.toFixed(1), ...blocks, ...us, `${Math.round(large.walBytes)} B`].join(' | ')} |`)
  }
}
