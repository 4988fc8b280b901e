import { AppError } from '../errors.ts'
import type { GatewayMetrics, Result } from './metrics.ts'
import type { ResultKind } from './quota/results.ts'
import type { Caller, Endpoint, Purpose, UpstreamFetch, UpstreamRequest, UpstreamResponse } from './request.ts'

// The many calls of an import wait for their turns; a response takes no longer than of any other call.
const importWaitMs = 60_000

interface Options {
  metrics: Pick<GatewayMetrics, 'results'>
  /** Called with how a request ended, for the figures of its caller. */
  noteResult(endpoint: Endpoint, kind: ResultKind, caller?: Pick<Caller, 'userId' | 'keyId'>): void
  timeoutMs: number
}

/** How a caller enters the layers: with a deadline by its purpose, and counted by how the request was answered. */
export function createCountedFetch({ metrics, noteResult, timeoutMs }: Options) {
  // Bound once: finding a child by its labels takes longer than all else where a response comes from memory.
  const counters = new Map<string, { inc(): void }>()
  function count(endpoint: Endpoint, result: Result, caller?: Caller): void {
    const key = `${endpoint} ${result}`
    const counter = counters.get(key) ?? metrics.results.labels(endpoint, result)
    counters.set(key, counter)
    counter.inc()
    if (result !== 'error') noteResult(endpoint, kinds[result], caller)
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
      count(request.endpoint, resultOf(response), caller)
      return response
    } catch (error) {
      count(request.endpoint, 'error')
      noteResult(request.endpoint, isSpent(error) ? 'refused' : 'failed', caller)
      throw error
    }
  }
  return { fetchCounted, count }
}

const kinds = {
  hit: 'hits',
  negative: 'hits',
  stale: 'stale',
  miss: 'fetched',
  local: 'failed',
  partial: 'failed',
} as const

function isSpent(error: unknown): boolean {
  return error instanceof AppError && ['upstream_quota_exhausted', 'upstream_budget_spent'].includes(error.code)
}

function resultOf({ via, value }: UpstreamResponse<unknown>): Result {
  if (via === 'stale') return 'stale'
  if (via !== 'hit') return 'miss'
  return value === null ? 'negative' : 'hit'
}
