import type { Clock } from './layers/cache.ts'
import type { UpstreamResponse } from './request.ts'

/** A value and how it came: `source` for the body, the other two for the Age and Cache-Status (RFC 9211) headers. */
export interface CachedResult<T> {
  value: T
  source: 'kinopoisk' | 'cache' | 'local'
  ageSeconds: number
  cacheStatus: string
}

/** Adds to a value how its response came. */
export function createCacheStatus(clock: Pick<Clock, 'now'>, sandbox: boolean) {
  return <V>(response: UpstreamResponse<unknown>, value: V): CachedResult<V> => ({
    value,
    source: response.via === 'stale' ? 'cache' : 'kinopoisk',
    ageSeconds: Math.max(0, Math.round((clock.now().getTime() - response.fetchedAt.getTime()) / 1000)),
    cacheStatus: cacheStatus(response, clock.now(), sandbox),
  })
}

function cacheStatus(response: UpstreamResponse<unknown>, now: Date, sandbox: boolean): string {
  const ttl = response.expiresAt ? Math.floor((response.expiresAt.getTime() - now.getTime()) / 1000) : 0
  const how = {
    miss: 'fwd=miss; stored',
    revalidated: 'fwd=stale; stored',
    hit: `hit; ttl=${ttl}`,
    stale: `hit; ttl=${ttl}`,
  }
  const details = [sandbox && 'sandbox', response.reason].filter(Boolean).join(' ')
  return `kinoteka; ${how[response.via]}${response.collapsed ? '; collapsed' : ''}${details && `; detail="${details}"`}`
}
