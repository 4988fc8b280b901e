/**
 * What users notice of a replica that freezes: node bench/frozen-replica.ts [requests per second] [haproxy]
 * Two replicas over one embedded PostgreSQL behind HAProxy with deploy/haproxy.cfg; users read and write at a steady rate, while one
 * replica gets SIGSTOP for eight seconds. Needs Debian's haproxy. Prints the longest request and what failed; ends with 1 if a
 * request took more than 3 s.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import * as processes from '../test/support/process.ts'
import { createLoad } from './rolling-restart/load.ts'
import { admin, isReady, startProxy, startReplica } from './rolling-restart/stage.ts'

const rate = Number(process.argv[2] ?? 200)
const haproxy = process.argv[3] ?? '/usr/sbin/haproxy'
const longestMs = 3_000
const folder = await processes.freshFolder()
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => processes.cleanUp().finally(() => process.exit(1)))

try {
  const { url } = await processes.startServer(folder)
  const [front, health, ...ports] = await Promise.all(Array.from({ length: 4 }, processes.freePort))
  const replicas = ports.map((port) => startReplica(url, port, folder))
  for (const port of ports) await processes.until(() => isReady(`http://127.0.0.1:${port}/readyz`))
  const proxy = await startProxy({ front, health }, ports, folder, haproxy)
  const load = await createLoad(`http://127.0.0.1:${front}`, admin)
  const stop = load.start(rate)
  await sleep(3_000)
  replicas[1]?.child.kill('SIGSTOP')
  await proxy.printed(/r1 is DOWN/)
  await sleep(5_000)
  replicas[1]?.child.kill('SIGCONT')
  await proxy.printed(/r1 is UP/)
  await sleep(2_000)
  await stop()
  const longest = Math.max(...load.spent)
  const kinds = Map.groupBy(load.failures, (failure) => failure.replace(/^\S+ (\w+) \S+: (\S+).*/s, '$1 $2'))
  const failures = [...kinds].map(([kind, all]) => `${all.length} × ${kind}`).join(', ') || 'none'
  process.stdout.write(`${load.spent.length} requests, longest ${Math.round(longest)} ms; failed: ${failures}\n`)
  process.exitCode = longest <= longestMs ? 0 : 1
  await load.close()
} finally {
  await processes.cleanUp()
}
