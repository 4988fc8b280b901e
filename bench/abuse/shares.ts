/**
 * What one client leaves to others: node bench/abuse/shares.ts [films]
 * Prints, for each kind of attack, how others were served meanwhile. The service is a process of its own behind
 * TRUST_PROXY, with a database of so many films (20,000).
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrate } from '../../src/db/migrate.ts'
import { startPostgres } from '../../src/embedded/postgres.ts'
import { crowd, pausedReader, type Shot, slowUploads, type Tally, tally } from '../../test/support/crowds.ts'
import { seed } from '../seed.ts'

const films = Number(process.argv[2] ?? 20_000)
const port = 4310
const base = `http://127.0.0.1:${port}`
const password = 'correct horse battery staple'
const dataDir = await mkdtemp(join(tmpdir(), 'kinoteka-bench-'))
// For the account that runs the server when we are root.
await chmod(dataDir, 0o711)
const server = await startPostgres({ dataDir: join(dataDir, 'data'), settings: { fsync: 'off' } })
await migrate(server.url)
await seed(server.url, films)
const service = spawn(process.execPath, ['src/server.ts'], {
  cwd: join(import.meta.dirname, '../..'),
  env: {
    DATA_DIR: dataDir,
    DATABASE_URL: server.url,
    JWT_SECRET: randomBytes(32).toString('hex'),
    PORT: String(port),
    TRUST_PROXY: 'true',
    LOG_LEVEL: 'silent',
    DEMO_CATALOGUE: 'false',
    ADMIN_LOGIN: 'admin',
    ADMIN_PASSWORD: password,
  },
  stdio: 'ignore',
})

try {
  while (
    !(await fetch(`${base}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ))
  )
    await sleep(200)
  const [loud, ...others] = await Promise.all([0, 1, 2, 3, 4, 5].map(newUser))
  if (!loud) throw new Error('There are no users')
  const other = (i: number) => others[i % others.length] ?? loud
  print(['attack', 'what others do', 'served', 'p95 ms', 'p95 ms idle', 'statuses'])

  const login = (i: number): Shot => ({ ...from(`203.0.113.${i % 5}`), path: '/login', payload: other(i).account })
  await compare('500 connections register', 'log in from a known network', 300, login, () =>
    crowd(base, 500, (client, i) => ({
      ...from('198.51.100.66'),
      path: '/register',
      payload: { login: `crowd-${client}-${i}`, password },
    })),
  )
  const csv = 'list,film_id,kinopoisk_id,imdb_id,title,original_title,year,rating,added_at,updated_at\r\n'
  const importing = (i: number) => send('/user/lists/import', other(i).headers, csv)
  await alone('10 slow uploads of one account', 'import', importing, () =>
    slowUploads(base, 10, '/user/lists/import', loud.headers),
  )
  const exporting = (i: number) => send('/films/export.csv', other(i).headers)
  await alone('2 paused readers of one account', 'export', exporting, async () => {
    const readers = [0, 1].map(() => pausedReader(base, '/films/export.csv', loud.headers))
    await readers[0]
    return { stop: async () => (await Promise.all(readers)).forEach((reader) => void reader.destroy()) }
  })
  const nonsense = (i: number, headers: Shot['headers'] = {}): Shot => ({ path: `/films?q=${slips(i)}`, headers })
  await compare(
    '120 connections of one account search',
    'GET /films?q=',
    100,
    (i) => nonsense(-1 - i, other(i).headers),
    () => crowd(base, 120, (client, i) => nonsense(client * 1_000_003 + i, loud.headers)),
  )
} finally {
  service.kill('SIGKILL')
  await server.stop()
  await rm(dataDir, { recursive: true, force: true })
}

type Attack = { stop(): void | Promise<void> }

async function compare(attack: string, deed: string, requests: number, shot: (i: number) => Shot, begin: () => Attack) {
  const idle = await tally(base, 40, shot, 2)
  const attackers = begin()
  await sleep(3_000)
  const during = await tally(base, requests, (i) => shot(100 + i), 4)
  await attackers.stop()
  await sleep(2_000)
  printTally(attack, deed, during, idle)
}

/** For what is sent in another way. */
async function alone(
  attack: string,
  deed: string,
  one: (i: number) => Promise<number>,
  begin: () => Attack | Promise<Attack>,
) {
  const attackers = await begin()
  await sleep(1_000)
  const statuses: Record<number, number> = {}
  for (let i = 0; i < 20; i++) {
    const status = await one(i)
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  await attackers.stop()
  print([attack, deed, `${((statuses[200] ?? 0) / 20) * 100} %`, '', '', JSON.stringify(statuses)])
}

function printTally(attack: string, deed: string, { served, p95Ms, statuses }: Tally, idle: Tally): void {
  const percent = `${(served * 100).toFixed(1)} %`
  print([attack, deed, percent, p95Ms.toFixed(0), idle.p95Ms.toFixed(0), JSON.stringify(statuses)])
}

async function send(path: string, headers: Record<string, string>, csv?: string): Promise<number> {
  const body = new FormData()
  if (csv) body.set('file', new File([csv], 'lists.csv', { type: 'text/csv' }))
  const answer = await fetch(`${base}${path}`, csv ? { method: 'POST', headers, body } : { headers })
  await answer.arrayBuffer()
  return answer.status
}

/** Registered and logged in at an address of its own; the second at 203.0.113.0. */
async function newUser(_: unknown, i: number) {
  const account = { login: `reader-${i}`, password }
  const headers = { 'content-type': 'application/json', 'x-forwarded-for': `203.0.113.${(i + 249) % 250}` }
  const post = (path: string) =>
    fetch(`${base}${path}`, { method: 'POST', headers, body: JSON.stringify(account) }).then((answer) => answer.json())
  await post('/register')
  const { access_token } = (await post('/login')) as { access_token: string }
  return { account, headers: { authorization: `Bearer ${access_token}` } }
}

function from(address: string) {
  return { method: 'POST' as const, headers: { 'x-forwarded-for': address } }
}

/** Three words that are in no name, but near to many. */
function slips(n: number): string {
  const syllables = 'ма ра ти ца во ры ко на ле до се вер ный гор од кра сот лун остр мол'.split(' ')
  const word = (m: number) =>
    [0, 1, 2, 3].map((i) => syllables[Math.abs(m * 31 + i * i * 7) % syllables.length]).join('')
  return encodeURIComponent(`${word(n)} ${word(n * 3 + 1)} ${word(n * 5 + 2)} ${Math.abs(n) % 1000}`)
}

function print(cells: string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}
