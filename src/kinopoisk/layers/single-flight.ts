import { ShareRefusal, UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { type CallContext, type Layer, timeLeft, type UpstreamResponse } from '../request.ts'

const recheckMs = 100

interface Flight {
  response: Promise<UpstreamResponse<unknown>>
  /** Of its first caller; its deadline is that of the last one. */
  context: CallContext
}

interface Options {
  metrics: Pick<GatewayMetrics, 'coalesced'>
  /** Runs what goes on when no caller waits any more; it never rejects. */
  runInBackground(work: Promise<void>): void
}

/**
 * Equal requests of one process at one time are one call, charged to the first caller; a failure is shared by all waiting
 * callers, and not stored. Where the first caller has no call left, the next one makes it. Each caller waits until its own
 * deadline, while the flight goes on.
 */
export function coalesced({ metrics, runInBackground }: Options): Layer {
  return (fetch) => {
    const inFlight = new Map<string, Flight>()
    return async (request, context) => {
      // A request that one purpose's share of the quota can't pay, another's may; a forced one is sent regardless.
      const key = `${context.purpose}${context.forced ? ' forced' : ''} ${request.path}`
      for (let joined = inFlight.get(key); joined; joined = inFlight.get(key)) {
        metrics.coalesced.inc({ endpoint: request.endpoint, scope: 'process' })
        joined.context.deadline = Math.max(joined.context.deadline, context.deadline)
        try {
          return { ...(await untilDeadline<never>(joined, context)), collapsed: true }
        } catch (error) {
          if (!(error instanceof ShareRefusal) || error.concerns(context)) throw error
        }
      }
      const own = { ...context }
      const response = fetch(request, own).finally(() => inFlight.delete(key))
      const flight = { response, context: own }
      inFlight.set(key, flight)
      runInBackground(
        response.then(
          () => {},
          () => {},
        ),
      )
      return untilDeadline<never>(flight, context)
    }
  }
}

/**
 * The same path is the same request, so its response is of the type that the caller wants. At the deadline only upstream is
 * no longer waited for: our own database has limits of its own.
 */
async function untilDeadline<T>(
  { response, context: live }: Flight,
  context: CallContext,
): Promise<UpstreamResponse<T>> {
  const overdue = Promise.withResolvers<never>()
  const part = () => {
    if (live.called) overdue.reject(new UpstreamFailure('timeout', new Error('the call goes on without this caller')))
    else timer = setTimeout(part, recheckMs)
  }
  let timer = setTimeout(part, timeLeft(context))
  try {
    return (await Promise.race([response, overdue.promise])) as UpstreamResponse<T>
  } finally {
    clearTimeout(timer)
  }
}
