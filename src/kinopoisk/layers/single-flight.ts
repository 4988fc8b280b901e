import type { GatewayMetrics } from '../metrics.ts'
import type { Layer, UpstreamResponse } from '../request.ts'

/** Equal requests of one process at one time are one call; a failure is shared by all waiting callers, and not stored. */
export function coalesced(metrics: Pick<GatewayMetrics, 'coalesced'>): Layer {
  return (fetch) => {
    const inFlight = new Map<string, Promise<UpstreamResponse<unknown>>>()
    return async (request, context) => {
      // A request that one purpose's share of the quota can't pay, another's may; a forced one is sent regardless.
      const key = `${context.purpose}${context.forced ? ' forced' : ''} ${request.path}`
      const flight = inFlight.get(key)
      if (!flight) {
        const own = fetch(request, context)
        inFlight.set(key, own)
        return own.finally(() => inFlight.delete(key))
      }
      metrics.coalesced.inc({ endpoint: request.endpoint, scope: 'process' })
      // The same path is the same request, so its response is of the same type.
      return { ...((await flight) as UpstreamResponse<never>), collapsed: true }
    }
  }
}
