import type { GatewayMetrics, Result } from './metrics.ts'
import type { Endpoint, Purpose, UpstreamFetch, UpstreamRequest, UpstreamResponse } from './request.ts'

// The calls of an import wait longer for their slots; a response takes no longer than that of any other call.
const importWaitMs = 60_000

/** Gives a request its deadline, and counts its result. */
export function createCountedFetch(metrics: Pick<GatewayMetrics, 'results'>, timeoutMs: number) {
  // Bound once: finding a child by its labels takes longer than all else where a result comes from memory.
  const counters = new Map<string, { inc(): void }>()
  function counterOf(endpoint: Endpoint, result: Result) {
    const key = `${endpoint} ${result}`
    const counter = counters.get(key) ?? metrics.results.labels(endpoint, result)
    counters.set(key, counter)
    return counter
  }

  return {
    countHit: (endpoint: Endpoint) => counterOf(endpoint, 'hit').inc(),

    async fetchCounted<T>(
      fetch: UpstreamFetch,
      request: UpstreamRequest<T>,
      purpose: Purpose,
      newerThan?: Date,
    ): Promise<UpstreamResponse<T>> {
      const waitMs = purpose === 'import' ? importWaitMs : timeoutMs
      try {
        const response = await fetch(request, { purpose, deadline: performance.now() + waitMs, newerThan })
        counterOf(request.endpoint, resultOf(response)).inc()
        return response
      } catch (error) {
        counterOf(request.endpoint, 'error').inc()
        throw error
      }
    },
  }
}

function resultOf({ via, value }: UpstreamResponse<unknown>): Result {
  if (via === 'stale') return 'stale'
  if (via !== 'hit') return 'miss'
  return value === null ? 'negative' : 'hit'
}
