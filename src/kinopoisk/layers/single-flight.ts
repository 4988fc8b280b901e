import type { GatewayMetrics } from '../metrics.ts'
import type { Layer, UpstreamResponse } from '../request.ts'

/** Equal questions of one process at one time are asked once; a failure is shared by those who waited, and forgotten. */
export function coalesced(metrics: Pick<GatewayMetrics, 'coalesced'>): Layer {
  return (fetch) => {
    const inFlight = new Map<string, Promise<UpstreamResponse<unknown>>>()
    return async (request, context) => {
      // What one purpose's share of the quota can't pay, another's may.
      const key = `${context.purpose} ${request.path}`
      const flight = inFlight.get(key)
      if (!flight) {
        const own = fetch(request, context)
        inFlight.set(key, own)
        return own.finally(() => inFlight.delete(key))
      }
      metrics.coalesced.inc({ endpoint: request.endpoint, scope: 'process' })
      // The same path is the same question, so its answer is of the same type.
      return { ...((await flight) as UpstreamResponse<never>), collapsed: true }
    }
  }
}
