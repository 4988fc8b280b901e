import { ShareRefusal } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import type { Layer, UpstreamResponse } from '../request.ts'

/**
 * Equal requests of one process at one time are one call, charged to the first caller; a failure is shared by all waiting
 * callers, and not stored. Where the first caller has no call left, the next one makes it.
 */
export function coalesced(metrics: Pick<GatewayMetrics, 'coalesced'>): Layer {
  return (fetch) => {
    const inFlight = new Map<string, Promise<UpstreamResponse<unknown>>>()
    return async (request, context) => {
      // A request that one purpose's share of the quota can't pay, another's may; a forced one is sent regardless.
      const key = `${context.purpose}${context.forced ? ' forced' : ''} ${request.path}`
      for (let flight = inFlight.get(key); flight; flight = inFlight.get(key)) {
        metrics.coalesced.inc({ endpoint: request.endpoint, scope: 'process' })
        try {
          // The same path is the same request, so its response is of the same type.
          return { ...((await flight) as UpstreamResponse<never>), collapsed: true }
        } catch (error) {
          if (!(error instanceof ShareRefusal) || error.userId === context.userId) throw error
        }
      }
      const own = fetch(request, context)
      inFlight.set(key, own)
      return own.finally(() => inFlight.delete(key))
    }
  }
}
