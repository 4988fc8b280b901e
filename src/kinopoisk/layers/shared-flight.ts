import { randomUUID } from 'node:crypto'
import { AppError } from '../../errors.ts'
import { type Failed, UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { type CallContext, type Layer, timeLeft, type UpstreamRequest, type UpstreamResponse } from '../request.ts'
import type { LeaseRepository } from '../store/leases.ts'
import type { ResponseRepository } from '../store/responses.ts'
import { parseStored } from './cache.ts'

interface Options {
  responses: ResponseRepository
  leases: LeaseRepository
  metrics: Pick<GatewayMetrics, 'coalesced'>
  /** How long a dead replica blocks the others; a live one extends its lease. */
  leaseMs: number
}

// A notification may be lost: how long it takes to see the end without it.
const pollMs = 200

/**
 * Equal requests of all replicas at one time are one call: by the holder of the lease, while the others wait for the
 * stored response. If upstream fails, all waiting callers get that failure; if the holder dies or may not call, another
 * one does.
 */
export function sharedFlight({ responses, leases, metrics, leaseMs }: Options): Layer {
  /** A response that was stored since the caller read its own. */
  async function findNewer<T>(
    request: UpstreamRequest<T>,
    context: CallContext,
  ): Promise<UpstreamResponse<T> | undefined> {
    const found = await responses.find(request.path)
    if (!found || (context.newerThan && found.fetchedAt <= context.newerThan)) return undefined
    const response = parseStored(request, found)
    return response && { ...response, via: context.newerThan ? 'revalidated' : 'miss', collapsed: true }
  }

  /** Each holder in this process, with its path. */
  const held = new Map<string, string>()
  let heartbeat: NodeJS.Timeout | undefined
  let isExtending = false

  /** One statement for all, and the next one behind it: on a slow database they would pile up. */
  async function extendHeld(): Promise<void> {
    if (isExtending) return
    isExtending = true
    await leases.extend(held, leaseMs).catch(() => {})
    isExtending = false
  }

  /** Keeps a lease from running out, until the result is called. */
  function hold(path: string, holder: string): () => void {
    held.set(holder, path)
    heartbeat ??= setInterval(extendHeld, leaseMs / 3)
    return () => {
      held.delete(holder)
      if (held.size > 0) return
      clearInterval(heartbeat)
      heartbeat = undefined
    }
  }

  return (fetch) => {
    async function lead<T>(
      request: UpstreamRequest<T>,
      context: CallContext,
      holder: string,
    ): Promise<UpstreamResponse<T>> {
      const { path } = request
      const letGo = hold(path, holder)
      try {
        const response = (await findNewer(request, context)) ?? (await fetch(request, context))
        if (response.collapsed) metrics.coalesced.inc({ endpoint: request.endpoint, scope: 'replica' })
        // It has been stored: without the database the others find it when the lease is over.
        await leases.release(path, holder).catch(() => {})
        return response
      } catch (error) {
        // The lease ends by itself if the database is not available.
        await leases.release(path, holder, failureOf(error)).catch(() => {})
        throw error
      } finally {
        letGo()
      }
    }

    return async (request, context) => {
      const holder = randomUUID()
      let leader: string | undefined
      while (timeLeft(context) > 0) {
        const row = leader === undefined ? undefined : await leases.find(request.path)
        if (row?.failure && row.holder === leader) throw sharedFailure(row.failure, row.retryAfter)
        if (!row?.isHeld && (await leases.take(request.path, holder, leaseMs))) return lead(request, context, holder)
        leader = row?.holder ?? (await leases.find(request.path))?.holder
        context.called ||= leader !== undefined
        await leases.untilReleased(request.path, Math.min(pollMs, timeLeft(context)))
      }
      if (leader === undefined) throw new AppError('database_unavailable')
      throw new UpstreamFailure('timeout', new Error('another replica asked, and did not end in time'))
    }
  }
}

/** Only upstream's failures are shared; a refusal of our own, or our end, concerns this replica or purpose. */
function failureOf(error: unknown) {
  if (!(error instanceof UpstreamFailure) || error.abandoned) return undefined
  return { outcome: error.outcome, retryAfter: error.retryAfterSeconds ?? null }
}

function sharedFailure(outcome: Failed, retryAfter: number | null): UpstreamFailure {
  return new UpstreamFailure(outcome, new Error('another replica asked, and failed'), retryAfter ?? undefined)
}
