import { DelegateBackoff, handleWhen, retry } from 'cockatiel'
import { UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { type CallContext, type Layer, timeLeft } from '../request.ts'
import type { Clock } from './cache.ts'

const minPauseMs = 100
const jitterMs = 400

/**
 * Retries once after a broken connection, a 429 or a 5xx, after a pause or when upstream says, if the caller's deadline
 * leaves as much time for the response.
 */
export function retried(metrics: Pick<GatewayMetrics, 'retries'>, clock: Pick<Clock, 'random'>): Layer {
  return (fetch) => async (request, context) => {
    let pause = 0
    const policy = retry(
      handleWhen((error) => {
        if (!isTransient(error)) return false
        pause = Math.max(minPauseMs + jitterMs * clock.random(), (error.retryAfterSeconds ?? 0) * 1000)
        return fitsDeadline(pause, context)
      }),
      { maxAttempts: 1, backoff: new DelegateBackoff(() => pause) },
    )
    policy.onRetry(() => metrics.retries.inc({ endpoint: request.endpoint }))
    return policy.execute(() => fetch(request, context))
  }
}

function isTransient(error: unknown): error is UpstreamFailure {
  if (!(error instanceof UpstreamFailure) || error.abandoned) return false
  return ['connection', 'rate_limited', 'server_error'].includes(error.outcome)
}

function fitsDeadline(pauseMs: number, context: CallContext): boolean {
  return pauseMs * 2 < timeLeft(context)
}
