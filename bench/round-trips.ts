import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { connect } from '../src/db/connect.ts'
import { migrate } from '../src/db/migrate.ts'
import { startPostgres } from '../src/embedded/postgres.ts'
import { bigWorld, type Host, roundTripCatalogue, roundTripLists, type World, worlds } from '../tools/round-trips.ts'

// node bench/round-trips.ts [runs] [seed]: lists and catalogues made at random, so many of each, and large ones, go out as CSV,
// in again and out again. Every byte must come back, whatever delimiter and mark; what does not is printed, and fails it.
const [, , runs = '200', seed = '20261129'] = process.argv
const sizes = [19_000, 19_000, 19_000]
const port = 4297
const password = 'correct horse battery staple'

const folder = await mkdtemp(join(tmpdir(), 'kinoteka-round-trips-'))
await chmod(folder, 0o711)
const postgres = await startPostgres({ dataDir: join(folder, 'data'), settings: { fsync: 'off' } })
await migrate(postgres.url)
const { sql, close } = connect(postgres.url, { max: 1, deadlineMs: Number.POSITIVE_INFINITY })
const child = start()
try {
  const host = await openHost()
  await tryAll(host, 'lists', roundTripLists)
  await tryAll(host, 'catalogue', roundTripCatalogue)
} finally {
  child.kill('SIGTERM')
  await once(child, 'exit')
  await close()
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}

async function tryAll(host: Host, name: string, roundTrip: (host: Host, world: World) => Promise<number>) {
  let [rows, passed] = [0, 0]
  const property = fc.asyncProperty(worlds(60), async (world) => {
    rows += await roundTrip(host, world)
    passed += 1
  })
  const outcome = await fc.check(property, { seed: Number(seed), numRuns: Number(runs) })
  print({ of: name, 'made at random': passed, rows, 'byte for byte': !outcome.failed })
  if (outcome.failed) fail(outcome.errorInstance, outcome.counterexample)
  for (const [i, size] of sizes.entries()) {
    const began = performance.now()
    const large = await roundTrip(host, bigWorld(size, Number(seed) + i)).catch(fail)
    print({ of: name, rows: large, seconds: Math.round(performance.now() - began) / 1000, 'byte for byte': true })
  }
}

/** As a process of its own. Without a quota nothing is fetched in the background, so that nothing else writes. */
function start() {
  return spawn(process.execPath, ['src/server.ts'], {
    cwd: new URL('..', import.meta.url),
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      DATABASE_URL: postgres.url,
      JWT_SECRET: 'a secret of the bench that has more than 32 bytes',
      PORT: String(port),
      ADMIN_LOGIN: 'admin',
      ADMIN_PASSWORD: password,
      ACCESS_TTL: '1d',
      KINOPOISK_DAILY_QUOTA: '0',
      LOG_LEVEL: 'error',
    },
  })
}

async function openHost(): Promise<Host> {
  const base = `http://127.0.0.1:${port}`
  const send = async <T>(path: string, login: string): Promise<T> => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(base + path, { method: 'POST', headers, body: JSON.stringify({ login, password }) })
    return (await response.json()) as T
  }
  const logIn = async (login: string) => {
    const { access_token } = await send<{ access_token: string }>('/login', login)
    return { authorization: `Bearer ${access_token}` }
  }
  const user = async (login: string) => {
    const { id } = await send<{ id: number }>('/register', login)
    return { id, headers: await logIn(login) }
  }
  while (!(await fetch(`${base}/readyz`).catch(() => undefined))?.ok) await sleep(200)
  return { base, sql, admin: await logIn('admin'), owner: await user('owner'), heir: await user('heir') }
}

function print(figures: object): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}

function fail(...reasons: unknown[]): never {
  throw new Error(reasons.map((each) => (each instanceof Error ? each.message : JSON.stringify(each))).join('\n'))
}
