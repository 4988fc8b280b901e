/**
 * What is asked of upstream: one row per endpoint in endpoints.ts. `path` (with its query) names the answer wherever
 * it is kept.
 */
export interface Question<T> {
  endpoint: 'film' | 'search' | 'staff' | 'votes'
  path: string
  maxBytes: number
  /** The schema check. An answer that fails it is never kept and never served. */
  accepts(value: unknown): value is T
  /** How long an answer stays true; null is upstream's 404. */
  ttlSeconds(value: T | null): number
}

export interface Answer<T> {
  /** Null: upstream knows no such thing (404). */
  value: T | null
  /** The JSON as upstream sent it, null with 404. */
  text: string | null
  fetchedAt: Date
  /**
   * How it came: asked now because nothing (`miss`) or only an expired answer (`expired`) was kept, kept and fresh
   * (`hit`), or kept and expired but served because upstream could not be asked (`stale`, with the reason).
   */
  via: 'miss' | 'expired' | 'hit' | 'stale'
  expiresAt?: Date
  reason?: string
}

/** @throws {AppError} one of the upstream_* codes when there is no answer */
export type Ask = <T>(question: Question<T>) => Promise<Answer<T>>

/** Something done around every call, written once for all endpoints. */
export type Layer = (ask: Ask) => Ask

/** The first layer is the outermost. */
export function compose(ask: Ask, layers: Layer[]): Ask {
  return layers.reduceRight((inner, layer) => layer(inner), ask)
}
