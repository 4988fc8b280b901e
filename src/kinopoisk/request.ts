import type { ErrorCode } from '../errors.ts'
import type { News } from './normalise.ts'

/**
 * What is asked of upstream: one row per endpoint in endpoints.ts. `path` (with its query) names the answer wherever
 * it is kept.
 */
export interface Question<T> {
  endpoint: Endpoint
  path: string
  maxBytes: number
  /** The schema check. An answer that fails it is never kept and never served. */
  accepts(value: unknown): value is T
  /** How long an answer stays true; null is upstream's 404. */
  ttlSeconds(value: T | null): number
  /** An answer that says there is nothing; absent: none but the 404 does. */
  isEmpty?(value: T): boolean
  /** What of a new answer is worth being told about. */
  news?(value: T, fetchedAt: Date): News | undefined
}

/** What is asked about films and people; `account` is about our key. */
export const askedEndpoints = ['film', 'list', 'search', 'staff', 'votes'] as const
export const endpoints = [...askedEndpoints, 'account'] as const
export type Endpoint = (typeof endpoints)[number]

export const purposes = ['interactive', 'refresh', 'import'] as const
/** Whose share of the day's quota pays: somebody waits, an answer is renewed unasked, a list is imported. */
export type Purpose = (typeof purposes)[number]

/** One asking of a question. */
export interface Call {
  purpose: Purpose
  /** When the caller stops waiting, in ms of performance.now(). */
  deadline: number
  /** When the answer that the caller has already was fetched: only a newer one is worth having. */
  seen?: Date | undefined
}

export interface Answer<T> {
  /** Null: upstream knows no such thing (404). Undefined: it is kept, but not in memory. */
  value: T | null | undefined
  /** The JSON as upstream sent it, null with 404; only with what has just been read. */
  text?: string | null
  fetchedAt: Date
  /**
   * How it came: asked now because nothing (`miss`) or only an expired answer (`expired`) was kept, kept and fresh
   * (`hit`), or kept and expired but served, because upstream could not be asked or is being asked (`stale`, with the
   * reason).
   */
  via: 'miss' | 'expired' | 'hit' | 'stale'
  expiresAt?: Date
  reason?: ErrorCode | 'refreshing'
  /** Another caller's asking brought it. */
  collapsed?: boolean
}

/** @throws {AppError} one of the upstream_* codes when there is no answer */
export type Ask = <T>(question: Question<T>, call: Call) => Promise<Answer<T>>

/** Something done around every call, written once for all endpoints. */
export type Layer = (ask: Ask) => Ask

/** The first layer is the outermost. */
export function compose(ask: Ask, layers: Layer[]): Ask {
  return layers.reduceRight((inner, layer) => layer(inner), ask)
}

/** What is left until the caller's deadline, in ms; not below 0. */
export function timeLeft(call: Call): number {
  return Math.max(0, Math.ceil(call.deadline - performance.now()))
}
