/**
 * All movies of a catalogue of a million: node bench/movies.ts [films] [folder to keep the database in]
 * Prints, for both orders, seconds, megabytes and by how much the service's memory (RSS) grew at most; then the same for
 * a reader who stops reading, with the connections that the service keeps busy meanwhile.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config/config.ts'
import { migrate } from '../src/db/migrate.ts'
import { startPostgres } from '../src/embedded/postgres.ts'
import { seed } from './seed.ts'

const [, , size = '1000000', folder] = process.argv
const dataDir = folder ?? (await mkdtemp(join(tmpdir(), 'kinoteka-bench-')))
const isNew = !existsSync(join(dataDir, 'postgres'))
const server = await startPostgres({ dataDir, settings: { fsync: 'off' } })
if (isNew) {
  await migrate(server.url)
  await seed(server.url, Number(size))
}
const app = await buildApp(loadConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'warn', PUBLIC_CATALOGUE: 'true' }), {
  databaseUrl: server.url,
  jwtSecrets: ['a secret of the bench, of more than 32 bytes'],
  kinopoisk: { url: 'http://127.0.0.1:9', apiKey: 'none', sandbox: true },
  version: 'bench',
})

try {
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  await (await fetch(`${base}/movies?page=1`)).text()
  for (const path of ['/movies', '/movies?status=new']) print(path, await measured(() => read(base + path)))
  print('/movies, stalled for 5 s', await measured(() => stall(`${base}/movies`)))
} finally {
  await app.close()
  await server.stop()
  if (!folder) await rm(dataDir, { recursive: true, force: true })
}

/** Reads in a process of its own, so that this one's memory is the service's; gives the megabytes. */
async function read(url: string): Promise<string> {
  const script =
    "let n = 0; for await (const part of (await fetch(process.argv[1])).body) n += part.length; process.stdout.write(n / 1e6 + '')"
  const reader = spawn(process.execPath, ['--input-type=module', '-e', script, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let told = ''
  reader.stdout.on('data', (text) => {
    told += text
  })
  await once(reader, 'close')
  return `${Math.round(Number(told))} MB`
}

async function stall(url: string): Promise<string> {
  const stop = new AbortController()
  const { body } = await fetch(url, { signal: stop.signal })
  await body?.getReader().read()
  await sleep(5000)
  const [row] = await app.database.sql`select count(*)::int as busy from pg_stat_activity
    where application_name = 'kinoteka' and state <> 'idle' and pid <> pg_backend_pid()`
  stop.abort()
  return `${row?.busy} connections busy`
}

async function measured<T>(work: () => Promise<T>): Promise<string> {
  const before = process.memoryUsage.rss()
  let peak = before
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, 20)
  const start = performance.now()
  const result = await work()
  clearInterval(watch)
  const seconds = (performance.now() - start) / 1000
  return `${seconds.toFixed(1)} s | ${result} | RSS ${mb(before)} + ${mb(peak - before)}`
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}

function print(what: string, told: string): void {
  process.stdout.write(`| ${what} | ${told} |\n`)
}
