import { DelegateBackoff, handleWhen, retry } from 'cockatiel'
import { UpstreamFailure } from '../failures.ts'
import type { Meter } from '../metrics.ts'
import { type Call, type Layer, timeLeft } from '../request.ts'
import type { Clock } from './cache.ts'

const shortestPauseMs = 100
const jitterMs = 400

/**
 * Asks once more after a broken connection, a 429 or a 5xx, a little later or when upstream says, if the caller's
 * deadline leaves as much time for the answer.
 */
export function retried(meter: Pick<Meter, 'retries'>, clock: Pick<Clock, 'random'>): Layer {
  return (ask) => async (question, call) => {
    let pause = 0
    const policy = retry(
      handleWhen((error) => {
        if (!isPassing(error)) return false
        pause = Math.max(shortestPauseMs + jitterMs * clock.random(), (error.retryAfterSeconds ?? 0) * 1000)
        return fits(pause, call)
      }),
      { maxAttempts: 1, backoff: new DelegateBackoff(() => pause) },
    )
    policy.onRetry(() => meter.retries.inc({ endpoint: question.endpoint }))
    return policy.execute(() => ask(question, call))
  }
}

function isPassing(error: unknown): error is UpstreamFailure {
  return error instanceof UpstreamFailure && ['connection', 'rate_limited', 'server_error'].includes(error.outcome)
}

function fits(pauseMs: number, call: Call): boolean {
  return pauseMs * 2 < timeLeft(call)
}
