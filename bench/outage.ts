/**
 * What readers notice of an outage: node bench/outage.ts [requests]
 * Prints p50 and p99 (ms, 32 connections) of a film and of a search that are kept: while upstream is well, and while it
 * hangs, then also when what is kept has expired.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'undici'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config/config.ts'
import { migrate } from '../src/db/migrate.ts'
import { startPostgres } from '../src/embedded/postgres.ts'
import { startSandbox } from '../src/embedded/sandbox/server.ts'

const requests = Number(process.argv[2] ?? 10_000)
const connections = 32
const dataDir = await mkdtemp(join(tmpdir(), 'kinoteka-bench-'))
// For the account that runs the server when we are root.
await chmod(dataDir, 0o711)
const server = await startPostgres({ dataDir, settings: { fsync: 'off' } })
await migrate(server.url)
const sandbox = await startSandbox()
const app = await buildApp(loadConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'silent', KINOPOISK_TIMEOUT: '5s' }), {
  databaseUrl: server.url,
  jwtSecrets: ['a secret of the bench, of more than 32 bytes'],
  kinopoisk: { url: sandbox.url, apiKey: 'bench', sandbox: true },
  version: 'bench',
})
const pool = new Pool(await app.listen({ port: 0, host: '127.0.0.1' }), { connections })

try {
  const account = { login: 'bench', password: 'correct horse battery staple' }
  await app.inject({ method: 'POST', url: '/register', payload: account })
  const { access_token } = (await app.inject({ method: 'POST', url: '/login', payload: account })).json()
  const headers = { authorization: `Bearer ${access_token}` }
  const paths = ['/movies/301', `/movies/search?${new URLSearchParams({ query: 'матрица' })}`]
  const measure = async (upstream: string, kept: string) => {
    for (const path of paths) print([upstream, kept, decodeURI(path), ...(await times(path, headers))])
  }
  for (const path of paths) await times(path, headers)
  print(['upstream', 'kept', 'path', 'p50', 'p99', 'not 200'])
  await measure('well', 'fresh')
  sandbox.fail('hang')
  await measure('hangs', 'fresh')
  await app.database.sql`update kinopoisk_answers set expires_at = fetched_at`
  await measure('hangs', 'expired')
} finally {
  await pool.destroy()
  await app.close()
  await sandbox.close()
  await server.stop()
  await rm(dataDir, { recursive: true, force: true })
}

async function times(path: string, headers: Record<string, string>): Promise<string[]> {
  const spent: number[] = []
  let failed = 0
  const one = async () => {
    const start = performance.now()
    const { statusCode, body } = await pool.request({ method: 'GET', path, headers })
    await body.dump()
    spent.push(performance.now() - start)
    if (statusCode !== 200) failed += 1
  }
  const many = async () => {
    for (let count = 0; count < requests / connections; count += 1) await one()
  }
  await Promise.all(Array.from({ length: connections }, many))
  const sorted = spent.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1)
  return [at(0.5), at(0.99), String(failed)]
}

function print(cells: string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}
