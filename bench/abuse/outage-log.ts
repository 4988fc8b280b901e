/**
 * What the log of an outage of the database holds: node bench/abuse/outage-log.ts [seconds] (600). Requests at 200 a second
 * over an outage as long; prints the bytes of the log, and ends with 1 where ten minutes would have 1 MB or more.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { outageOf } from '../../test/support/outage.ts'
import * as processes from '../../test/support/process.ts'

const [seconds = 600] = process.argv.slice(2).map(Number)
const perSecond = 200
const boundBytes = 1_000_000

try {
  const { url } = await processes.startServer(await processes.freshFolder())
  const way = await outageOf(url)
  const port = await processes.freePort()
  const env = {
    DATABASE_URL: way.url,
    DATA_DIR: await processes.freshFolder(),
    PORT: String(port),
    JWT_SECRET: 'a secret of the bench that has more than 32 bytes',
  }
  const service = processes.runNode(['--import', './src/instrument.ts', 'src/server.ts'], { env })
  await service.printed(/listening/)
  await way.cut()
  const before = service.stdout().length
  const statuses = new Map<number, number>()
  const login = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"login":"ann","password":"x"}',
  }
  const began = performance.now()
  const count = (status: number) => statuses.set(status, (statuses.get(status) ?? 0) + 1)
  const ask = () =>
    fetch(`http://127.0.0.1:${port}/login`, login).then(
      (response) => response.arrayBuffer().then(() => count(response.status)),
      () => count(0),
    )
  const asked: Promise<unknown>[] = []
  for (let second = 0; second < seconds; second++) {
    // At this pace, however long an answer takes.
    for (let i = 0; i < perSecond; i++) asked.push(ask())
    await sleep(Math.max(0, began + (second + 1) * 1000 - performance.now()))
  }
  await Promise.all(asked)
  const bytes = service.stdout().length - before
  const took = (performance.now() - began) / 1000
  const inTenMinutes = (bytes / took) * 600
  const kept = inTenMinutes < boundBytes
  process.stdout.write(
    '| requests | statuses | seconds | bytes of log | in ten minutes | kept |\n|---|---|---|---|---|---|\n',
  )
  const of = [...statuses].map(([status, count]) => `${status}: ${count}`).join(', ')
  const cells = [seconds * perSecond, of, took.toFixed(0), bytes, Math.round(inTenMinutes), kept ? 'yes' : 'no']
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
  process.exitCode = kept ? 0 : 1
  await way.close()
} finally {
  await processes.cleanUp()
}
