import type { ErrorCode } from '../errors.ts'
import type { Discovery } from './normalise.ts'
import { type DataEndpoint, pathForms } from './path-forms.ts'
import type { Reader } from './reader.ts'

/**
 * A request to upstream: one row per endpoint in endpoints.ts. `path` (with its query) names the response wherever it
 * is stored.
 */
export interface UpstreamRequest<T> {
  endpoint: Endpoint
  path: string
  /** The film that it is about. */
  filmId?: number
  maxBytes: number
  /** Reads what upstream sent. What cannot be read is never stored and never served. */
  read: Reader<T>
  /** How long a response is fresh; null is upstream's 404. */
  ttlSeconds(value: T | null): number
  /** True for a response without results; absent: only the 404 is one. */
  isEmpty?(value: T): boolean
  /** The films of a new response that are worth storing. */
  discover?(value: T, fetchedAt: Date): Discovery | undefined
}

/** All but `account`, which is about our key. */
export const dataEndpoints = Object.keys(pathForms) as DataEndpoint[]
export type Endpoint = DataEndpoint | 'account'
export const endpoints: readonly Endpoint[] = [...dataEndpoints, 'account']

/** A value for each of them. */
export function ofEndpoints<T>(valueFor: (endpoint: DataEndpoint) => T): Record<DataEndpoint, T> {
  return Object.fromEntries(dataEndpoints.map((endpoint) => [endpoint, valueFor(endpoint)])) as Record<DataEndpoint, T>
}

export const purposes = ['interactive', 'refresh', 'import'] as const
/** Which share of the day's quota pays: a user waits, a response is refreshed in the background, a list is imported. */
export type Purpose = (typeof purposes)[number]

/** The user that a call is made for, with a share of the quota, the personal key, and the network of the request. */
export interface Caller {
  userId: number
  /** Null: with an access token. */
  keyId: number | null
  network: string
}

/** One use of a request. */
export interface CallContext {
  purpose: Purpose
  /** Undefined: nobody's call, as in the background. */
  userId?: number | undefined
  keyId?: number | null | undefined
  network?: string | undefined
  /** When the caller stops waiting, in ms of performance.now(). */
  deadline: number
  /** When the caller's present response was fetched: only a newer one is useful. */
  newerThan?: Date | undefined
  /** The caller's present response is "nothing": a 404, or one without results. */
  afterNothing?: boolean
  /** An administrator asks: earlier failures and doubts do not count. */
  forced?: boolean
  /** Ends the call before its deadline. */
  signal?: AbortSignal
  /** Set by the layers while upstream is being called, by this replica or another: then it is upstream that takes long. */
  called?: boolean
  /** Of the charge of its call. */
  reservation?: number
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
  /** A 404 without upstream's own text: a page of a server before it, or of nobody. */
  unexplained?: boolean
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
