import type { GatewayMetrics, Result } from './metrics.ts'
import type { Caller, Endpoint, Purpose, UpstreamFetch, UpstreamRequest, UpstreamResponse } from './request.ts'

// The many calls of an import wait for their turns; a response takes no longer than of any other call.
const importWaitMs = 60_000

interface Options {
  metrics: Pick<GatewayMetrics, 'results'>
  timeoutMs: number
}

/** How a caller enters the layers: with a deadline by its purpose, and counted by how the request was answered. */
export function createCountedFetch({ metrics, timeoutMs }: Options) {
  // Bound once: finding a child by its labels takes longer than all else where a response comes from memory.
  const counters = new Map<string, { inc(): void }>()
  function count(endpoint: Endpoint, result: Result): void {
    const key = `${endpoint} ${result}`
    const counter = counters.get(key) ?? metrics.results.labels(endpoint, result)
    counters.set(key, counter)
    counter.inc()
  }

  async function fetchCounted<T>(
    fetch: UpstreamFetch,
    request: UpstreamRequest<T>,
    purpose: Purpose,
    caller?: Caller,
    newerThan?: Date,
  ): Promise<UpstreamResponse<T>> {
    const deadline = performance.now() + (purpose === 'import' ? importWaitMs : timeoutMs)
    try {
      const response = await fetch(request, { purpose, deadline, newerThan, ...caller })
      count(request.endpoint, resultOf(response))
      return response
    } catch (error) {
      count(request.endpoint, 'error')
      throw error
    }
  }
  return { fetchCounted, count }
}

function resultOf({ via, value }: UpstreamResponse<unknown>): Result {
  if (via === 'stale') return 'stale'
  if (via !== 'hit') return 'miss'
  return value === null ? 'negative' : 'hit'
}
