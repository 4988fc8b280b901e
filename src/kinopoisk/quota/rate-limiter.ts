import { setTimeout as sleep } from 'node:timers/promises'
import { startOwnTimer } from '../../db/pool/own-time.ts'
import { AppError } from '../../errors.ts'
import { defaultPauseSeconds, refusal, UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { type CallContext, type Endpoint, type Layer, timeLeft } from '../request.ts'
import { callsPerSecond, type Rate, type RateRepository, windowMs } from './rate-windows.ts'

type LimiterMetrics = Pick<GatewayMetrics, 'queueWait' | 'queueRefused'>

const isRate = (endpoint: Endpoint | Rate): endpoint is Rate => endpoint in callsPerSecond

/** Upstream allows as many of each as searches; together with these they are surely not too many. */
const shared: Partial<Record<Endpoint, Rate>> = {
  ...({ imdb: 'search', list: 'search', persons: 'search' } as const),
  ...({ premieres: 'search', releases: 'search', collections: 'search' } as const),
}

/** Keeps the rates that upstream allows, over all replicas: calls wait for a slot, or are rejected at once. */
export function createRateLimiter(rates: RateRepository, metrics: LimiterMetrics) {
  const queues: Record<Rate, WaitQueue> = {
    overall: createWaitQueue('overall', rates),
    search: createWaitQueue('search', rates),
    votes: createWaitQueue('votes', rates),
    account: createWaitQueue('account', rates),
  }
  const queueOf = (endpoint: Endpoint) => queues[isRate(endpoint) ? endpoint : (shared[endpoint] ?? 'overall')]

  /** Before the queue: rejects a call at once when its slot would come too late. */
  const failFast: Layer = (fetch) => async (request, context) => {
    const late = queueOf(request.endpoint).tooLate(context)
    if (late) throw counted(request.endpoint, late)
    return fetch(request, context)
  }

  /**
   * Rejects before charging when the queue, including callers that are being charged, is too long: a charge and its
   * refund would look like an exhausted quota.
   */
  const reserveSlot: Layer = (fetch) => async (request, context) => {
    const queue = queueOf(request.endpoint)
    const late = queue.tooLate(context)
    if (late) throw counted(request.endpoint, late)
    queue.pending.add(context)
    return fetch(request, context).finally(() => queue.pending.delete(context))
  }

  const limited: Layer = (fetch) => async (request, context) => {
    const { endpoint } = request
    const { reservation } = context
    const since = performance.now()
    const isSent = await queueOf(endpoint)
      .acquire(context)
      .catch((error) => {
        throw counted(endpoint, error)
      })
    if (reservation !== undefined && !isSent && !(await rates.setSent(reservation))) throw lost()
    metrics.queueWait.observe({ endpoint }, (performance.now() - since) / 1000)
    try {
      return await fetch(request, context)
    } catch (error) {
      if (error instanceof UpstreamFailure && error.outcome === 'rate_limited') {
        // Without the database the other replicas learn it from their own 429.
        await rates.pause(error.retryAfterSeconds ?? defaultPauseSeconds).catch(() => {})
      }
      throw error
    }
  }

  function counted(endpoint: Endpoint, error: AppError): AppError {
    if (error.code === 'upstream_rate_limited') metrics.queueRefused.inc({ endpoint })
    return error
  }
  return { failFast, reserveSlot, limited }
}

interface Waiter {
  giveUpAt: number
  reservation: number | undefined
  /** `isSent`: its own reservation counts as sent. */
  grant(isSent: boolean): void
  reject(error: unknown): void
}

type WaitQueue = ReturnType<typeof createWaitQueue>

/** Calls of this process that wait for a slot under one rate; only the first one tries. */
function createWaitQueue(rate: Rate, rates: RateRepository) {
  const waiting: Waiter[] = []
  // Calls that will wait as soon as they are charged.
  const pending = new Set<CallContext>()
  let nextSlotAt = 0
  let advancing = false
  // Of the running query: a stall of our own is no slowness of the database.
  let queryTime: ReturnType<typeof startOwnTimer> | undefined

  /** Until the slot of a call with `ahead` calls before it, if no other replica takes slots. */
  function expectedMs(ahead: number): number {
    const windows = Math.floor(ahead / callsPerSecond[rate])
    return Math.max(0, nextSlotAt - performance.now()) + windows * windowMs
  }

  function tooLate(context: CallContext, ahead = waiting.length + pending.size): AppError | undefined {
    const ms = expectedMs(ahead)
    return ms > maxWaitMs(context) ? refusal('upstream_rate_limited', ms / 1000) : undefined
  }

  async function advance(): Promise<void> {
    if (advancing) return
    advancing = true
    while (waiting.length > 0) {
      try {
        queryTime = startOwnTimer()
        const first = waiting[0] as Waiter
        const taken = await rates.take(rate, first.reservation).finally(() => {
          queryTime?.stop()
          queryTime = undefined
        })
        if (taken === 'lost') first.reject(lost())
        // The first one may have given up meanwhile: then the next one has its slot.
        else if (taken <= 0) waiting[0]?.grant(waiting[0] === first)
        else await waitOut(taken)
      } catch (error) {
        waiting[0]?.reject(error)
      }
    }
    advancing = false
  }

  function timeoutError(maxWait: number): AppError {
    // The database was slow, and not the rate.
    const isSlow = queryTime !== undefined && queryTime.ms() > maxWait / 2
    return isSlow
      ? new AppError('database_unavailable')
      : refusal('upstream_rate_limited', expectedMs(waiting.length) / 1000)
  }

  async function waitOut(ms: number): Promise<void> {
    nextSlotAt = performance.now() + ms
    for (const waiter of waiting.filter(({ giveUpAt }) => giveUpAt < nextSlotAt)) {
      waiter.reject(refusal('upstream_rate_limited', ms / 1000))
    }
    if (waiting.length > 0) await sleep(Math.min(ms, windowMs))
  }

  return {
    pending,
    tooLate,

    /** Resolves when the call may be sent: true where its reservation counts as sent with that. */
    async acquire(context: CallContext): Promise<boolean> {
      pending.delete(context)
      // Calls behind this one no longer count.
      const late = tooLate(context, waiting.length)
      if (late) throw late
      const maxWait = maxWaitMs(context)
      return new Promise((resolve, reject) => {
        const remove = () => {
          clearTimeout(timer)
          const place = waiting.indexOf(waiter)
          if (place >= 0) waiting.splice(place, 1)
        }
        const waiter: Waiter = {
          giveUpAt: performance.now() + maxWait,
          reservation: context.reservation,
          grant(isSent) {
            remove()
            resolve(isSent)
          },
          reject(error) {
            remove()
            reject(error)
          },
        }
        const timer = setTimeout(() => waiter.reject(timeoutError(maxWait)), maxWait)
        waiting.push(waiter)
        void advance()
      })
    },
  }
}

/** Nothing was written of this process for so long that its calls were refunded, as if it had died. */
function lost(): AppError {
  return new AppError('database_unavailable')
}

/** The rest of the time is for the response. Background refreshes wait less, and so leave room in the queue for users. */
function maxWaitMs(context: CallContext): number {
  return timeLeft(context) / (context.purpose === 'refresh' ? 4 : 2)
}
