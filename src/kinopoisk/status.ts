import type { CircuitBreakers } from './layers/circuit-breakers.ts'
import { type GatewayMetrics, type Result, results } from './metrics.ts'
import type { Probe } from './probe.ts'
import type { Usage } from './quota/usage.ts'
import { ofEndpoints } from './request.ts'
import type { ResponseRepository } from './store/responses.ts'

export type GatewayStatus = Awaited<ReturnType<ReturnType<typeof createStatus>>>

interface Options {
  sandbox: boolean
  usage(): Promise<Usage>
  breakers: CircuitBreakers
  probe: Pick<Probe, 'trouble'>
  responses: ResponseRepository
  metrics: Pick<GatewayMetrics, 'results'>
  now(): Date
}

/** The status for operators: the key and the stored responses for all replicas, circuits and counts for this one. */
export function createStatus({ sandbox, usage, breakers, probe, responses, metrics, now }: Options) {
  return async () => {
    const [{ limit, spent, left, resetsAt, checkedAt, blocked }, stored, trouble] = await Promise.all([
      usage(),
      responses.count(now()),
      probe.trouble(),
    ])
    return {
      sandbox,
      quota: { limit, spent, left, resets_at: resetsAt, checked_at: checkedAt },
      blocked,
      distrusted: trouble ? { reason: trouble.reason, since: trouble.since, checked_at: trouble.checkedAt } : null,
      circuits: breakers.states(),
      kept: stored,
      answered: await countResults(metrics),
    }
  }
}

async function countResults(metrics: Pick<GatewayMetrics, 'results'>) {
  const { values } = await metrics.results.get()
  return ofEndpoints((endpoint) => {
    const count = (result: Result) =>
      values.find(({ labels }) => labels.endpoint === endpoint && labels.result === result)?.value ?? 0
    const counts = Object.fromEntries(results.map((result) => [result, count(result)])) as Record<Result, number>
    const { hit, negative, stale, miss, error } = counts
    const all = hit + negative + stale + miss + error
    return { ...counts, hit_ratio: all === 0 ? null : (hit + negative + stale) / all }
  })
}
