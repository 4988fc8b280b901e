import type { ErrorCode } from '../errors.ts'
import type { Discovery } from './normalise.ts'

/**
 * A request to upstream: one row per endpoint in endpoints.ts. `path` (with its query) names the response wherever it
 * is stored.
 */
export interface UpstreamRequest<T> {
  endpoint: Endpoint
  path: string
  maxBytes: number
  /** The schema check. A response that fails it is never stored and never served. */
  accepts(value: unknown): value is T
  /** How long a response is fresh; null is upstream's 404. */
  ttlSeconds(value: T | null): number
  /** True for a response without results; absent: only the 404 is one. */
  isEmpty?(value: T): boolean
  /** The films of a new response that are worth storing. */
  discover?(value: T, fetchedAt: Date): Discovery | undefined
}

/** The endpoints about films and people; `account` is about our key. */
export const dataEndpoints = ['film', 'list', 'search', 'staff', 'votes'] as const
export const endpoints = [...dataEndpoints, 'account'] as const
export type Endpoint = (typeof endpoints)[number]

export const purposes = ['interactive', 'refresh', 'import'] as const
/** Which share of the day's quota pays: a user waits, a response is refreshed in the background, a list is imported. */
export type Purpose = (typeof purposes)[number]

/** One use of a request. */
export interface CallContext {
  purpose: Purpose
  /** When the caller stops waiting, in ms of performance.now(). */
  deadline: number
  /** When the caller's present response was fetched: only a newer one is useful. */
  newerThan?: Date | undefined
  /** The user behind it; absent: the service itself. */
  userId?: number | undefined
  /** Ends the call before its deadline. */
  signal?: AbortSignal
  /** Set by the layers while upstream is being called, by this replica or another: then it is upstream that takes long. */
  called?: boolean
}

export interface UpstreamResponse<T> {
  /** Null: upstream's 404. Undefined: it is stored, but not in memory. */
  value: T | null | undefined
  /** The JSON as upstream sent it, null with 404; only with what has just been read. */
  text?: string | null
  fetchedAt: Date
  /**
   * How it came: fetched now because nothing (`miss`) or only an expired response (`revalidated`) was stored, stored
   * and fresh (`hit`), or stored and expired but served, because upstream is not available or is being called (`stale`,
   * with the reason).
   */
  via: 'miss' | 'revalidated' | 'hit' | 'stale'
  expiresAt?: Date
  reason?: ErrorCode | 'refreshing'
  /** From the call of another caller. */
  collapsed?: boolean
}

/** @throws {AppError} one of the upstream_* codes when there is no response */
export type UpstreamFetch = <T>(request: UpstreamRequest<T>, context: CallContext) => Promise<UpstreamResponse<T>>

/** Wraps every fetch, written once for all endpoints. */
export type Layer = (fetch: UpstreamFetch) => UpstreamFetch

/** The first layer is the outermost. */
export function compose(fetch: UpstreamFetch, layers: Layer[]): UpstreamFetch {
  return layers.reduceRight((inner, layer) => layer(inner), fetch)
}

/** The time until the caller's deadline, in ms; not below 0. */
export function timeLeft(context: CallContext): number {
  return Math.max(0, Math.ceil(context.deadline - performance.now()))
}
