import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { startClusterService } from '../support/cluster-service.ts'
import { cloneDatabase } from '../support/databases.ts'
import { drive } from '../support/load.ts'
import { podTimes, settings } from '../support/manifests.ts'
import { cleanUp, freshFolder, type Program, until } from '../support/process.ts'
import { addressOf, startReplica } from '../support/replica.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await cleanUp()
})

const times = podTimes()
// Until kube-proxy has learnt of it, on a cluster that is busy.
const lagMs = 2000

interface Pod {
  program: Program
  address: string
}

/** As the Deployment starts one: it is ready when its probe says so. */
async function startPod(url: string, folder: string): Promise<Pod> {
  const program = startReplica(url, folder, { DRAIN_DELAY: settings().DRAIN_DELAY ?? '' })
  const address = await addressOf(program)
  while (!(await fetch(`${address}/readyz`)).ok) await sleep(times.probeMs)
  return { program, address }
}

/** As the kubelet ends one, while its endpoint is removed from the Service. Gives its exit code. */
async function endPod({ program }: Pod, removeEndpoint: () => void): Promise<unknown> {
  const kill = setTimeout(() => program.child.kill('SIGKILL'), times.graceMs)
  const removed = sleep(lagMs).then(removeEndpoint)
  await sleep(times.preStopMs)
  program.child.kill('SIGTERM')
  const code = await program.ended()
  clearTimeout(kill)
  await removed
  return code
}

test('three replicas are updated with the times of the manifest under load, and no request is lost', {
  timeout: 180_000,
}, async () => {
  expect(times.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 })
  expect(lagMs).toBeLessThan(times.preStopMs)
  const [url, folder] = [await cloneDatabase(), await freshFolder()]
  const service = await startClusterService()
  closers.push(service.close)
  const old = await Promise.all([1, 2, 3].map(() => startPod(url, folder)))
  for (const { address } of old) service.add(address)
  const load = await drive(service.address, 50)
  const fresh: Pod[] = []
  const ends: Promise<unknown>[] = []
  for (const pod of old) {
    // A pod that is ending does not count: the next one starts beside it.
    const next = await startPod(url, folder)
    service.add(next.address)
    fresh.push(next)
    ends.push(endPod(pod, () => service.remove(pod.address)))
  }
  expect(await Promise.all(ends)).toEqual([0, 0, 0])
  const before = load.answers()
  await until(() => load.answers() > before + 500)
  expect(await load.stop()).toEqual([])
  const served = [...old, ...fresh].map(({ program }) => program.stdout().split('"msg":"request"').length - 1)
  expect(Math.min(...served)).toBeGreaterThan(100)
})
