import type { Clock } from './layers/cache.ts'
import type { Answer } from './request.ts'

/** A value with how it came: `source` for the body, the other two for the Age and Cache-Status (RFC 9211) headers. */
export interface Told<T> {
  value: T
  source: 'kinopoisk' | 'cache' | 'local'
  ageSeconds: number
  cacheStatus: string
}

/** Puts with a value how the answer came that it was taken from. */
export function createTeller(clock: Pick<Clock, 'now'>, sandbox: boolean) {
  return <V>(answer: Answer<unknown>, value: V): Told<V> => ({
    value,
    source: answer.via === 'stale' ? 'cache' : 'kinopoisk',
    ageSeconds: Math.max(0, Math.round((clock.now().getTime() - answer.fetchedAt.getTime()) / 1000)),
    cacheStatus: cacheStatus(answer, clock.now(), sandbox),
  })
}

function cacheStatus(answer: Answer<unknown>, now: Date, sandbox: boolean): string {
  const ttl = answer.expiresAt ? Math.floor((answer.expiresAt.getTime() - now.getTime()) / 1000) : 0
  const how = {
    miss: 'fwd=miss; stored',
    expired: 'fwd=stale; stored',
    hit: `hit; ttl=${ttl}`,
    stale: `hit; ttl=${ttl}`,
  }
  const details = [sandbox && 'sandbox', answer.reason].filter(Boolean).join(' ')
  return `kinoteka; ${how[answer.via]}${answer.collapsed ? '; collapsed' : ''}${details && `; detail="${details}"`}`
}
