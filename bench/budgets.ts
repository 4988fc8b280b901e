/**
 * Whether budgets hold when a replica dies: node bench/budgets.ts [seconds]
 * Three replicas over one embedded PostgreSQL and a Kinopoisk that counts; a thousand keys of twenty users, whose requests for
 * films that nobody knows come a hundred at once, some keys more often than others. After a third of the time a replica is killed.
 * Prints what was charged, what Kinopoisk has counted and what was refused; ends with 1 unless overspend, leaked reservations and
 * wrong refusals are 0, and the ledger is above Kinopoisk's count by no more than the calls under way at the kill.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import * as processes from '../test/support/process.ts'
import { openLedger } from './budgets/ledger.ts'
import { createLoad } from './budgets/load.ts'

const [seconds = 45] = process.argv.slice(2).map(Number)
const apiKey = 'a-key-of-the-bench'
// A reservation of a dead process is given back within this time.
const givenBackMs = 60_000
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => processes.cleanUp().finally(() => process.exit(1)))

try {
  const folder = await processes.freshFolder()
  const { url } = await processes.startServer(folder)
  const upstream = await startUpstream()
  const ports = await Promise.all(Array.from({ length: 3 }, processes.freePort))
  const replicas = ports.map((port) => startReplica(url, port, folder, upstream.port))
  await Promise.all(replicas.map((replica) => replica.printed(/listening/)))
  const ledger = await openLedger(url)
  const load = createLoad(ports, await ledger.makeKeys())
  const stop = load.start(100)
  await sleep((seconds * 1000) / 3)
  const underWay = load.underWay(2)
  replicas[2]?.child.kill('SIGKILL')
  load.leave(2)
  const killedAt = performance.now()
  await sleep((seconds * 1000 * 2) / 3)
  await stop()
  process.stdout.write(`${load.answers.length} answers; waiting until a minute after the kill\n`)
  await sleep(Math.max(0, givenBackMs - (performance.now() - killedAt)))
  const found = await ledger.judge(load.answers, upstream.calls)
  const { overspent, leaked, wrong, charged } = found
  const above = charged - upstream.calls.length
  const rows = { ...found, kinopoisk: upstream.calls.length, above, underWay, ...load.statuses() }
  for (const [name, value] of Object.entries(rows)) process.stdout.write(`${name.padEnd(24)} ${value}\n`)
  process.exitCode = overspent + leaked + wrong === 0 && above >= 0 && above <= underWay ? 0 : 1
  await ledger.close()
  upstream.close()
} finally {
  await processes.cleanUp()
}

function startReplica(url: string, port: number, folder: string, upstreamPort: number): processes.Program {
  const env = {
    PORT: String(port),
    DATABASE_URL: url,
    DATA_DIR: folder,
    JWT_SECRET: 'a secret of the bench that has more than 32 bytes',
    KINOPOISK_URL: `http://127.0.0.1:${upstreamPort}`,
    KINOPOISK_API_KEY: apiKey,
    KINOPOISK_DAILY_QUOTA: '100000',
    KINOPOISK_TIMEOUT: '10s',
    LOG_LEVEL: 'info',
  }
  return processes.runNode(['--import', './src/instrument.ts', 'src/server.ts'], { env })
}

/** Knows no film, says so after 50 ms, and notes which it was asked for. */
async function startUpstream() {
  const calls: number[] = []
  const server = createServer(async ({ url = '' }, response) => {
    const [, film] = /\/films\/(\d+)$/.exec(url) ?? []
    response.setHeader('content-type', 'application/json')
    if (!film) {
      const quota = { value: -1, used: 0 }
      return void response.end(JSON.stringify({ totalQuota: quota, dailyQuota: quota, accountType: 'UNLIMITED' }))
    }
    calls.push(Number(film))
    await sleep(50)
    response.writeHead(404).end('{"message":"not found"}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { calls, port: (server.address() as AddressInfo).port, close: () => server.close() }
}
