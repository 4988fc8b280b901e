/**
 * What a host of DATABASE_URL that takes connections and says nothing costs: node bench/silent-host.ts
 * A primary and its streaming standby, and the service as a process of its own. Prints how long a start takes with the
 * silent host in each place; how long after a promotion the first write is acknowledged, where the primary falls silent;
 * and the longest of 480 writes while the standby is silent, 40 at once and all at once. Ends with 1 if one misses its mark:
 * 5 s, 3 s, and no failure within 1 s; all at once may take a fifth more than without a silent host.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { connect } from '../src/db/connect.ts'
import { severalHosts, silentServer } from '../test/support/failover.ts'
import { type Outage, outageOf } from '../test/support/outage.ts'
import * as processes from '../test/support/process.ts'
import { type Pair, startPair } from '../test/support/streaming.ts'
import { admin, isReady, logIn, startReplica } from './rolling-restart/stage.ts'

type Place = (silent: string, other: string) => string
const first: Place = (silent, other) => severalHosts(silent, other)
const last: Place = (silent, other) => severalHosts(other, silent)
const nowhere: Place = (_silent, other) => other
const marks = { readyMs: 5_000, writtenMs: 3_000, burstMs: 1_000 }
/** How long all writes at once take without a silent host: where that is more than a second, it is the machine's. */
const alone = { first: 0, again: 0 }
const users = 24
const films = 20
const writes = users * films
let missed = 0

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => processes.cleanUp().finally(() => process.exit(1)))
print('what', 'the silent host stands', 'ms', 'mark', 'failed')
print('---', '---', '--:', '--:', '---')
try {
  await onPair(measureStarts)
  for (const [name, place] of [
    ['nowhere', nowhere],
    ['first', first],
    ['last', last],
  ] as const) {
    for (const atOnce of [40, writes]) await onPair((pair) => measureWrites(pair, name, place, atOnce))
    if (place !== nowhere) await onPair((pair) => measurePromotion(pair, name, place))
  }
} finally {
  await processes.cleanUp()
}
process.exitCode = missed > 0 ? 1 : 0

async function onPair(work: (pair: Pair) => Promise<void>): Promise<void> {
  const pair = await startPair()
  await work(pair).finally(pair.close)
}

async function measureStarts({ primaryUrl }: Pair): Promise<void> {
  const silent = await silentServer()
  const places = {
    nowhere: primaryUrl,
    first: first(silent.url, primaryUrl),
    last: last(silent.url, primaryUrl),
    'first and last': severalHosts(silent.url, primaryUrl, silent.url),
  }
  for (const [name, url] of Object.entries(places)) {
    const begun = performance.now()
    const service = await start(url)
    report('start until ready', name, performance.now() - begun, marks.readyMs)
    await service.stop()
  }
  silent.close()
}

/** Writes of many users, so many at once and then the next. Just after a start the pool opens its connections for them. */
async function measureWrites(pair: Pair, name: string, place: Place, atOnce: number): Promise<void> {
  const silent = await silentServer()
  const service = await start(place(silent.url, pair.primaryUrl))
  const ids = await makeFilms(pair.primaryUrl)
  const accounts = await register(service.address)
  const ratings = accounts.flatMap((headers) => ids.map((id) => ({ headers, id })))
  const pool = new Pool(service.address, { connections: atOnce })
  for (const [round, value] of [
    ['first', 7],
    ['again', 8],
  ] as const) {
    let longest = 0
    const failed: number[] = []
    const write = async ({ headers, id }: (typeof ratings)[number]) => {
      const begun = performance.now()
      const options = { method: 'PUT', path: `/films/${id}/rating`, headers, body: JSON.stringify({ value }) } as const
      const { statusCode, body } = await pool.request(options)
      await body.dump()
      longest = Math.max(longest, performance.now() - begun)
      if (statusCode >= 300) failed.push(statusCode)
    }
    for (let i = 0; i < writes; i += atOnce) await Promise.all(ratings.slice(i, i + atOnce).map(write))
    const isAll = atOnce === writes
    if (isAll && place === nowhere) alone[round] = longest
    const mark = isAll ? Math.max(marks.burstMs, 1.2 * alone[round]) : marks.burstMs
    report(`${writes} writes, ${atOnce} at once, ${round}`, name, longest, mark, failed)
  }
  await pool.destroy()
  await service.stop()
  silent.close()
}

/** The primary falls silent under the service, and the standby is promoted. */
async function measurePromotion(pair: Pair, name: string, place: Place): Promise<void> {
  const way: Outage = await outageOf(pair.primaryUrl)
  const service = await start(place(way.url, pair.standbyUrl))
  const [id] = await makeFilms(pair.primaryUrl)
  const headers = await logIn(service.address, admin)
  const write = async () => {
    const options = { method: 'PUT', headers, body: '{"value":7}' }
    const response = await fetch(`${service.address}/films/${id}/rating`, options)
    if (!response.ok && response.status !== 503) throw new Error(`${response.status} ${await response.text()}`)
    return response.ok
  }
  if (!(await write())) throw new Error('no write before the fault')
  way.freeze()
  await sleep(5_000)
  const standby = connect(pair.standbyUrl, { max: 1, anyServer: true })
  await standby.sql`select pg_promote()`
  const promoted = performance.now()
  while (!(await write())) await sleep(20)
  report('first write after a promotion', name, performance.now() - promoted, marks.writtenMs)
  await standby.close()
  await service.stop()
  await way.close()
}

async function start(url: string) {
  const port = await processes.freePort()
  const replica = startReplica(url, port, await processes.freshFolder(), { DRAIN_DELAY: '0s' })
  const address = `http://127.0.0.1:${port}`
  while (!(await isReady(`${address}/readyz`))) await sleep(20)
  return {
    address,
    async stop() {
      replica.child.kill('SIGTERM')
      await replica.ended()
    },
  }
}

async function makeFilms(url: string): Promise<number[]> {
  const { sql, close } = connect(url, { max: 1 })
  const rows = await sql<{ id: number }[]>`
    insert into films (name) select 'Film ' || n from generate_series(1, ${films}) n returning id`
  await close()
  return rows.map((row) => row.id)
}

/** One after the other: an address has a share of the registrations. */
async function register(address: string): Promise<Record<string, string>[]> {
  const made: Record<string, string>[] = []
  for (let i = 0; i < users; i++) {
    const account = { login: `user${i}`, password: admin.password }
    const headers = { 'content-type': 'application/json' }
    await fetch(`${address}/register`, { method: 'POST', headers, body: JSON.stringify(account) })
    made.push(await logIn(address, account))
  }
  return made
}

function report(what: string, place: string, ms: number, mark: number, failed: number[] = []): void {
  if (ms > mark || failed.length > 0) missed += 1
  const counts = [...Map.groupBy(failed, (status) => status)].map(([status, all]) => `${all.length} × ${status}`)
  print(what, place, String(Math.round(ms)), String(Math.round(mark)), counts.join(', ') || 'none')
}

function print(...cells: string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}
