import type { CacheRegion } from '../../cache/cache.ts'
import { AppError, type ErrorCode } from '../../errors.ts'
import { UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import type { CallContext, Endpoint, Layer, UpstreamRequest, UpstreamResponse } from '../request.ts'
import { isCutShort } from '../rows.ts'
import type { ResponseRepository, StoredResponse } from '../store/responses.ts'
import type { createResponseWriter } from '../store/writer.ts'

export interface Clock {
  now(): Date
  /** 0 ≤ x < 1, spreads the expiry of responses that came together. */
  random(): number
}

export const systemClock: Clock = { now: () => new Date(), random: Math.random }

// How long a "nothing" is stored that came once.
const unconfirmedSeconds = 600
// And at most, a list without rows.
const maxEmptySeconds = 24 * 3600

/** The part of a stored response that is in memory. Values are cached by their users, as rendered. */
export interface EntryFreshness {
  fetchedAt: Date
  expiresAt: Date
  /** Upstream's 404, a response without results, or one with a value that can be read again. */
  content: 'none' | 'empty' | 'some'
}

interface Options {
  /** The freshness of responses that were read lately. */
  freshness: Pick<CacheRegion<string, EntryFreshness>, 'find'>
  clock: Clock
  metrics: Pick<GatewayMetrics, 'refreshes'>
  /** Runs work in the background; it never rejects. */
  runInBackground(work: Promise<void>): void
  /** Called with an error in the background that is not upstream's. */
  onUnexpected(error: unknown): void
  /** Whether a page of popular films waits for the day's quota. */
  isPageWaiting(): boolean
}

// While a page of popular films waits, it goes before what is known already, but for one call in an hour.
const hourMs = 3_600_000

/**
 * Serves stored responses. An expired one is served at once while one call renews it (stale-while-revalidate), and
 * stays when that fails (stale-if-error, RFC 5861). Callers wait only for responses that were never stored, and for an
 * expired "no results", which may be the very thing that has changed.
 */
export function cached(
  responses: ResponseRepository,
  { freshness, clock, metrics, runInBackground, onUnexpected, isPageWaiting }: Options,
): Layer {
  // Why the endpoint's last revalidation failed: the reason of a stale response.
  const lastErrors: Partial<Record<Endpoint, ErrorCode>> = {}
  const revalidating = new Set<string>()
  let revalidatedAt = Number.NEGATIVE_INFINITY

  /** With its value where that had to be read anyway. */
  async function findStored<T>(request: UpstreamRequest<T>) {
    let value: T | null | undefined
    const times = await freshness.find(request.path, async () => {
      const stored = await responses.find(request.path)
      const found = stored && parseStored(request, stored)
      if (!found) return undefined
      const { fetchedAt, expiresAt } = found
      value = found.value
      if (found.value === null) return { fetchedAt, expiresAt, content: 'none' }
      return { fetchedAt, expiresAt, content: request.isEmpty?.(found.value) ? 'empty' : 'some' }
    })
    return times && { ...times, value: times.content === 'none' ? null : value }
  }

  return (fetch) => {
    async function revalidate<T>(request: UpstreamRequest<T>, context: CallContext): Promise<void> {
      if (revalidating.has(request.path)) return
      revalidating.add(request.path)
      try {
        await fetch(request, context)
        revalidatedAt = clock.now().getTime()
        delete lastErrors[request.endpoint]
        metrics.refreshes.inc({ trigger: 'expired', outcome: 'ok' })
      } catch (error) {
        if (error instanceof AppError) lastErrors[request.endpoint] = error.code
        else onUnexpected(error)
        const outcome = error instanceof UpstreamFailure ? 'failed' : 'refused'
        metrics.refreshes.inc({ trigger: 'expired', outcome })
      } finally {
        revalidating.delete(request.path)
      }
    }

    return async (request, context) => {
      const found = await findStored(request)
      if (!found) return fetch(request, context)
      const { content, ...entry } = found
      if (entry.expiresAt > clock.now()) return { ...entry, via: 'hit' }
      const newer = { ...context, newerThan: entry.fetchedAt, afterNothing: content !== 'some' }
      if (content !== 'some') {
        return fetch(request, newer).catch((error) => {
          if (error instanceof AppError) return { ...entry, via: 'stale', reason: error.code }
          throw error
        })
      }
      if (isPageWaiting() && clock.now().getTime() < revalidatedAt + hourMs) {
        return { ...entry, via: 'stale', reason: 'upstream_quota_exhausted' }
      }
      runInBackground(revalidate(request, { ...newer, purpose: 'refresh' }))
      return { ...entry, via: 'stale', reason: lastErrors[request.endpoint] ?? 'refreshing' }
    }
  }
}

/** Stores every response and the films in it, for the time that its request says, a tenth more or less. */
export function stored(writer: Pick<ReturnType<typeof createResponseWriter>, 'save'>, clock: Clock): Layer {
  return (fetch) => async (request, context) => {
    const response = await fetch(request, context)
    const jitter = 0.9 + 0.2 * clock.random()
    const expiresAt = new Date(response.fetchedAt.getTime() + lifetime(request, response, context) * 1000 * jitter)
    const { value, text = null, fetchedAt } = response
    const discovery = value ? request.discover?.(value, fetchedAt) : undefined
    await writer.save(request.path, { text, fetchedAt, expiresAt }, discovery)
    return { ...response, expiresAt, via: context.newerThan ? 'revalidated' : 'miss' }
  }
}

/** In seconds. A "nothing" that no reader has asked about twice may be a mistake of the moment. */
function lifetime<T>(
  request: UpstreamRequest<T>,
  { value = null, unexplained }: UpstreamResponse<T>,
  context: CallContext,
) {
  const hasNoRows = (value as { rows?: unknown[] } | null)?.rows?.length === 0
  const seconds = Math.min(request.ttlSeconds(value), hasNoRows ? maxEmptySeconds : Number.POSITIVE_INFINITY)
  const isNothing = value === null || request.isEmpty?.(value)
  const isConfirmed = context.afterNothing && context.purpose !== 'refresh' && !unexplained
  return isNothing && !isConfirmed ? Math.min(seconds, unconfirmedSeconds) : seconds
}

/** A stored response, parsed; undefined for one of an older version of this service that this one can't read. */
export function parseStored<T>(request: UpstreamRequest<T>, { text, ...times }: StoredResponse) {
  const sent: unknown = text === null ? null : JSON.parse(text)
  const value = text === null ? null : request.read(sent)
  return value === undefined || isCutShort(sent, request.path)
    ? undefined
    : ({ value, ...times } satisfies Omit<UpstreamResponse<T>, 'via'>)
}
