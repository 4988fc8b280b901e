import { LRUCache } from 'lru-cache'
import { isPassing, UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import type { Endpoint, Layer, UpstreamRequest } from '../request.ts'
import type { FailureRepository, OwnFailure } from '../store/failures.ts'

interface Options {
  failures: FailureRepository
  metrics: Pick<GatewayMetrics, 'failuresRepeated'>
  /** Whether the endpoint's circuit is closed: upstream answers other requests. */
  isClosed(endpoint: Endpoint): boolean
}

interface Failed {
  outcome: OwnFailure
  /** In ms of performance.now(). */
  until: number
}

// For so long the database is not asked again; another replica may have had a response meanwhile.
const keptMs = 1_000
const always = 1_000_000

/**
 * A request's own failure is remembered, over all replicas: it is not sent again for a minute, then for two, up to an
 * hour. A response that can't be used counts at once; what may pass (no connection, a timeout, a 5xx) from the second
 * failure in a row on, and only while the circuit is closed with a growing pause.
 */
export function createFailedRequests({ failures, metrics, isClosed }: Options) {
  const known = new LRUCache<string, Failed>({ max: 1_000 })

  function repeated({ endpoint }: UpstreamRequest<unknown>, outcome: OwnFailure, pauseLeftMs: number) {
    metrics.failuresRepeated.inc({ endpoint })
    return new UpstreamFailure(outcome, new Error('it failed a short time ago'), Math.ceil(pauseLeftMs / 1000))
  }

  function keep(path: string, outcome: OwnFailure, pauseLeftMs: number): void {
    known.set(path, { outcome, until: performance.now() + Math.min(keptMs, pauseLeftMs) })
  }

  /** The failure as the caller gets it: with when a retry is useful. */
  async function record(request: UpstreamRequest<unknown>, failure: UpstreamFailure): Promise<UpstreamFailure> {
    const { outcome, cause, retryAfterSeconds = 0, isGeneral } = failure
    if (!isOwn(outcome)) return failure
    const most = isPassing(outcome) && !isClosed(request.endpoint) ? 2 : always
    // Without the database it is remembered the next time.
    const pauseLeftMs = await failures
      .record(request.path, outcome, {
        free: isPassing(outcome) ? 1 : 0,
        most: isGeneral ? 0 : most,
        pauseMs: isGeneral ? retryAfterSeconds * 1000 : undefined,
      })
      .catch(() => 0)
    if (pauseLeftMs <= 0) return failure
    keep(request.path, outcome, pauseLeftMs)
    const seconds = Math.max(retryAfterSeconds, Math.ceil(pauseLeftMs / 1000))
    return new UpstreamFailure(outcome, cause, seconds, isGeneral)
  }

  /** Before the queue: rejects at once what is known in this process to have failed. */
  const failFast: Layer = (fetch) => async (request, context) => {
    const failed = context.forced ? undefined : known.get(request.path)
    const pauseLeftMs = (failed?.until ?? 0) - performance.now()
    if (failed && pauseLeftMs > 0) throw repeated(request, failed.outcome, pauseLeftMs)
    return fetch(request, context)
  }

  /** Within the lease, so that no replica calls between another's failure and its record. */
  const remembered: Layer = (fetch) => async (request, context) => {
    const failed = await failures.find(request.path)
    if (failed && failed.pauseLeftMs > 0 && !context.forced) {
      keep(request.path, failed.outcome, failed.pauseLeftMs)
      throw repeated(request, failed.outcome, failed.pauseLeftMs)
    }
    try {
      const response = await fetch(request, context)
      if (failed) await failures.remove(request.path)
      known.delete(request.path)
      return response
    } catch (error) {
      throw error instanceof UpstreamFailure ? await record(request, error) : error
    }
  }

  return { failFast, remembered }
}

function isOwn(outcome: UpstreamFailure['outcome']): outcome is OwnFailure {
  return outcome === 'bad_response' || isPassing(outcome)
}
