import type { ErrorCode } from '../errors.ts'
import type { Discovery } from './normalise.ts'

/**
 * What is asked of upstream: one row per endpoint in endpoints.ts. `path` (with its query) names the answer wherever
 * it is kept.
 */
export interface UpstreamRequest<T> {
  endpoint: Endpoint
  path: string
  maxBytes: number
  /** The schema check. An answer that fails it is never kept and never served. */
  accepts(value: unknown): value is T
  /** How long an answer stays true; null is upstream's 404. */
  ttlSeconds(value: T | null): number
  /** An answer that says there is nothing; absent: none but the 404 does. */
  isEmpty?(value: T): boolean
  /** The films that a new answer tells of. */
  discover?(value: T, fetchedAt: Date): Discovery | undefined
}

/** What is asked about films and people; `account` is about our key. */
export const dataEndpoints = ['film', 'list', 'search', 'staff', 'votes'] as const
export const endpoints = [...dataEndpoints, 'account'] as const
export type Endpoint = (typeof endpoints)[number]

export const purposes = ['interactive', 'refresh', 'import'] as const
/** Whose share of the day's quota pays: somebody waits, an answer is renewed unasked, a list is imported. */
export type Purpose = (typeof purposes)[number]

/** One asking of a question. */
export interface CallContext {
  purpose: Purpose
  /** When the caller stops waiting, in ms of performance.now(). */
  deadline: number
  /** When the answer that the caller has already was fetched: only a newer one is worth having. */
  newerThan?: Date | undefined
}

export interface UpstreamResponse<T> {
  /** Null: upstream knows no such thing (404). Undefined: it is kept, but not in memory. */
  value: T | null | undefined
  /** The JSON as upstream sent it, null with 404; only with what has just been read. */
  text?: string | null
  fetchedAt: Date
  /**
   * How it came: asked now because nothing (`miss`) or only an expired answer (`revalidated`) was kept, kept and fresh
   * (`hit`), or kept and expired but served, because upstream could not be asked or is being asked (`stale`, with the
   * reason).
   */
  via: 'miss' | 'revalidated' | 'hit' | 'stale'
  expiresAt?: Date
  reason?: ErrorCode | 'refreshing'
  /** Another caller's asking brought it. */
  collapsed?: boolean
}

/** @throws {AppError} one of the upstream_* codes when there is no answer */
export type UpstreamFetch = <T>(request: UpstreamRequest<T>, context: CallContext) => Promise<UpstreamResponse<T>>

/** Something done around every call, written once for all endpoints. */
export type Layer = (fetch: UpstreamFetch) => UpstreamFetch

/** The first layer is the outermost. */
export function compose(fetch: UpstreamFetch, layers: Layer[]): UpstreamFetch {
  return layers.reduceRight((inner, layer) => layer(inner), fetch)
}

/** What is left until the caller's deadline, in ms; not below 0. */
export function timeLeft(context: CallContext): number {
  return Math.max(0, Math.ceil(context.deadline - performance.now()))
}
