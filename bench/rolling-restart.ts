/**
 * What users notice of a rolling restart: node bench/rolling-restart.ts [rounds] [requests per second] [haproxy]
 * Two replicas over one embedded PostgreSQL behind HAProxy with deploy/haproxy.cfg; users read and write at a steady rate,
 * whether or not they have been answered, while each replica in turn gets SIGTERM and is started anew on its port. Needs Debian's
 * haproxy. Prints sent, rate and lost; ends with 1 if one was lost or fewer than 500 a second were answered.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import * as processes from '../test/support/process.ts'
import { createLoad } from './rolling-restart/load.ts'
import { admin, isReady, startProxy, startReplica } from './rolling-restart/stage.ts'

const [rounds = 1, rate = 600] = process.argv.slice(2, 4).map(Number)
const haproxy = process.argv[4] ?? '/usr/sbin/haproxy'
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
  const begun = performance.now()
  const stop = load.start(rate)
  await sleep(3000)
  for (let round = 1; round <= rounds; round++) {
    for (const [i, port] of ports.entries()) {
      replicas[i]?.child.kill('SIGTERM')
      const code = await replicas[i]?.ended()
      if (code !== 0) load.failures.push(`A replica ended with ${code}: ${replicas[i]?.stderr()}`)
      replicas[i] = startReplica(url, port, folder)
      await proxy.printed(new RegExp(`(?:r${i} is UP[\\s\\S]*){${round}}`))
      await sleep(5000)
    }
  }
  await stop()
  report(load, (performance.now() - begun) / 1000)
  await load.close()
} finally {
  await processes.cleanUp()
}

function report({ spent, failures }: Awaited<ReturnType<typeof createLoad>>, seconds: number): void {
  const answered = spent.length / seconds
  const sorted = spent.toSorted((a, b) => a - b)
  const at = (part: number) => `${Math.round(sorted[Math.ceil(sorted.length * part) - 1] ?? 0)} ms`
  const lines = [
    `${2 * rounds} restarts, ${spent.length} requests in ${seconds.toFixed(1)} s: ${answered.toFixed(0)} a second`,
    `p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}; lost ${failures.length}`,
    ...failures.slice(0, 20),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  process.exitCode = failures.length === 0 && answered >= 500 ? 0 : 1
}
