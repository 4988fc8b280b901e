import { UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { type Endpoint, type Layer, timeLeft, type UpstreamResponse } from '../request.ts'

const maxOverdue = 20
/** One in five. */
const maxOverdueOfUser = 4

interface Options {
  /** How long a caller waits, and from when on a call is overdue. */
  timeoutMs: number
  /** How long a call may take. */
  patienceMs: number
  metrics: Pick<GatewayMetrics, 'overdue'>
  /** Called when an overdue call brought a response. */
  onResponse(endpoint: Endpoint): void
}

/**
 * A call that its caller no longer waits for goes on, because it has been charged: its response is stored as always, and
 * those who come meanwhile wait for it. Two layers, on both sides of the circuit breakers, which see the call time out.
 */
export function createPatience({ timeoutMs, patienceMs, metrics, onResponse }: Options) {
  const takePlace = createPlaces(patienceMs > timeoutMs ? maxOverdue : 0)

  /** Next to the call: rejects with an OverdueCall when the caller's time is over. */
  const timed: Layer = (fetch) => async (request, context) => {
    context.called = true
    const abort = new AbortController()
    const dueMs = Math.min(timeLeft(context), timeoutMs)
    const deadline = performance.now() + Math.max(patienceMs, dueMs)
    const response = fetch(request, { ...context, deadline, signal: abort.signal }).finally(() => {
      context.called = false
    })
    const overdue = Promise.withResolvers<never>()
    const timer = setTimeout(() => overdue.reject(new OverdueCall(response, () => abort.abort())), dueMs)
    return Promise.race([response, overdue.promise]).finally(() => clearTimeout(timer))
  }

  /** Goes on with an overdue call while there is a place for it, or else ends it. */
  const patient: Layer = (fetch) => async (request, context) => {
    const { endpoint } = request
    try {
      return await fetch(request, context)
    } catch (error) {
      if (!(error instanceof OverdueCall)) throw error
      const freePlace = takePlace(context.userId)
      let outcome: 'response' | 'failed' | 'aborted' = freePlace ? 'failed' : 'aborted'
      try {
        if (!freePlace) error.abort()
        // The response of the very request.
        const response = (await error.response) as UpstreamResponse<never>
        outcome = 'response'
        onResponse(endpoint)
        return response
      } finally {
        freePlace?.()
        metrics.overdue.inc({ endpoint, outcome })
      }
    }
  }
  return { timed, patient }
}

/** A timeout as far as circuits are concerned. */
class OverdueCall extends UpstreamFailure {
  readonly response: Promise<UpstreamResponse<unknown>>
  readonly abort: () => void

  constructor(response: Promise<UpstreamResponse<unknown>>, abort: () => void) {
    super('timeout', new Error('upstream did not respond in time'))
    this.response = response
    this.abort = abort
  }
}

/** Takes a place, and returns how to free it; undefined when all are taken, or those of the user. */
function createPlaces(max: number) {
  const taken = new Map<number | undefined, number>()
  let all = 0
  return (userId: number | undefined): (() => void) | undefined => {
    const own = taken.get(userId) ?? 0
    // The service itself is no user.
    if (all >= max || (userId !== undefined && own >= maxOverdueOfUser)) return undefined
    all += 1
    taken.set(userId, own + 1)
    return () => {
      all -= 1
      const left = (taken.get(userId) ?? 1) - 1
      if (left > 0) taken.set(userId, left)
      else taken.delete(userId)
    }
  }
}
