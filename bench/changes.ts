/**
 * The change feed under millions of changes: node bench/changes.ts [changes a second] [seconds of them]
 * Prints for each phase how many rows `changes` has, p50 and p99 of writes of users (ms), and whether memory was current
 * throughout: before, while the changes come, while they are kept, while they are removed, and after.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config/config.ts'
import { connect } from '../src/db/connect.ts'
import { migrate } from '../src/db/migrate.ts'
import { startPostgres } from '../src/embedded/postgres.ts'
import { startSandbox } from '../src/embedded/sandbox/server.ts'

const [perSecond = 50_000, seconds = 60] = process.argv.slice(2).map(Number)
const statementRows = 1_000
const writesPerSecond = 20
const quietSeconds = 15
const dataDir = await mkdtemp(join(tmpdir(), 'kinoteka-bench-'))
// For the account that runs the server when we are root.
await chmod(dataDir, 0o711)
const server = await startPostgres({ dataDir })
await migrate(server.url)
const sandbox = await startSandbox()
const app = await buildApp(loadConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'warn' }), {
  databaseUrl: server.url,
  jwtSecrets: ['a secret of the bench, of more than 32 bytes'],
  kinopoisk: { url: sandbox.url, apiKey: 'bench', sandbox: true },
  version: 'bench',
})
const load = connect(server.url, { max: 4 })
let phase = { times: [] as number[], failed: 0, gaps: 0 }
let stopped = false

try {
  await app.ready()
  const account = { login: 'bench', password: 'correct horse battery staple' }
  await app.inject({ method: 'POST', url: '/register', payload: account })
  const { access_token } = (await app.inject({ method: 'POST', url: '/login', payload: account })).json()
  await load.sql`insert into films (name, listed) select 'Фильм ' || n, false from generate_series(1, 5000) n`
  const ids = (await load.sql`select id from films order by id`).map(({ id }) => id)
  const work = [writeOnAndOn(ids, { authorization: `Bearer ${access_token}` }), watch()]
  print(['phase', 's', 'rows', 'writes', 'p50', 'p99', 'not 2xx', 'not current'])
  await sleep(2_000)
  await measure('before', () => sleep(quietSeconds * 1000))
  const began = performance.now()
  await measure('changes come', addChanges)
  await measure('they are removed', async () => {
    while ((await rows()) > 10_000) await sleep(250)
  })
  await measure('after', () => sleep(quietSeconds * 1000))
  const total = Math.round((performance.now() - began) / 1000 - quietSeconds)
  process.stdout.write(`${total} s from the first change to below 10,000 rows
`)
  stopped = true
  await Promise.all(work)
} finally {
  await load.close()
  await app.close()
  await sandbox.close()
  await server.stop()
  await rm(dataDir, { recursive: true, force: true })
}

/** At an even pace, as the triggers write them. */
async function addChanges(): Promise<void> {
  const began = performance.now()
  const statements = (perSecond * seconds) / statementRows
  let next = 0
  const add = async () => {
    while (next < statements) {
      const n = next++
      const due = began + (n * statementRows * 1000) / perSecond
      if (due > performance.now()) await sleep(due - performance.now())
      await load.sql`insert into changes (topic, key) select 'film', (${n} * 1000 + g)::text
        from generate_series(1, ${statementRows}) g`
    }
  }
  await Promise.all([add(), add(), add()])
}

async function rows(): Promise<number> {
  const [row] = await load.sql`select count(*)::int as count from changes`
  return row?.count
}

/** Favourites of a user, on and off: each answer waits for the change feed. */
async function writeOnAndOn(ids: number[], headers: Record<string, string>): Promise<void> {
  for (let i = 0; !stopped; i++) {
    const began = performance.now()
    const url = `/favorites/movies/${ids[i % ids.length]}`
    const method = Math.floor(i / ids.length) % 2 === 0 ? 'POST' : 'DELETE'
    const { statusCode } = await app.inject({ method, url, headers })
    phase.times.push(performance.now() - began)
    if (statusCode >= 300) phase.failed++
    await sleep(Math.max(0, 1000 / writesPerSecond - (performance.now() - began)))
  }
}

async function watch(): Promise<void> {
  while (!stopped) {
    if (!app.changeFeed.isCurrent()) phase.gaps++
    await sleep(100)
  }
}

async function measure(name: string, work: () => Promise<unknown>): Promise<void> {
  phase = { times: [], failed: 0, gaps: 0 }
  const began = performance.now()
  await work()
  const { times, failed, gaps } = phase
  const sorted = times.toSorted((a, b) => a - b)
  const quantile = (q: number) => (sorted[Math.floor(q * sorted.length)] ?? 0).toFixed(1)
  const took = ((performance.now() - began) / 1000).toFixed(0)
  print([name, took, await rows(), times.length, quantile(0.5), quantile(0.99), failed, gaps])
}

function print(cells: (string | number)[]): void {
  process.stdout.write(`${cells.map((cell) => String(cell).padEnd(17)).join('')}\n`)
}
