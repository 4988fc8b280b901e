import type { CacheRegion } from '../cache/cache.ts'
import type { CachedResult, createCacheStatus } from './cache-status.ts'
import { type Clock, type EntryFreshness, parseStored } from './layers/cache.ts'
import type { UpstreamRequest, UpstreamResponse } from './request.ts'
import type { ResponseRepository } from './store/responses.ts'

/** An answer whose value is read where it is needed: who keeps what was made of it does not need it again. */
export interface LazyResult<T> {
  /** Another one for each answer to each question. */
  key: string
  fetchedAt: Date
  read(): Promise<T>
}

/** What is made of an answer's value. */
export type Transform<T, R> = (value: T | null, fetchedAt: Date) => R

interface Options {
  responses: Pick<ResponseRepository, 'find'>
  freshness: Pick<CacheRegion<string, EntryFreshness>, 'get'>
  clock: Clock
  withCacheStatus: ReturnType<typeof createCacheStatus>
  /** Asks upstream, whatever is kept. */
  fetch<T>(request: UpstreamRequest<T>): Promise<UpstreamResponse<T>>
  /** An answer was in memory. */
  count(request: UpstreamRequest<unknown>): void
}

export function createLazyResults({ responses, freshness, clock, withCacheStatus, fetch, count }: Options) {
  /** What was answered; read again where only its times are in memory. */
  async function readValue<T>(request: UpstreamRequest<T>, { value }: UpstreamResponse<T>): Promise<T | null> {
    if (value !== undefined) return value
    const stored = await responses.find(request.path)
    const again = stored && parseStored(request, stored)
    // Behind our back another version of this service may have kept what this one can't read.
    return again ? again.value : readValue(request, await fetch(request))
  }

  function lazyResult<T, R>(
    request: UpstreamRequest<T>,
    response: UpstreamResponse<T>,
    transform: Transform<T, R>,
  ): CachedResult<LazyResult<R>> {
    const { fetchedAt } = response
    const key = `${fetchedAt.getTime()} ${request.path}`
    return withCacheStatus(response, {
      key,
      fetchedAt,
      read: async () => transform(await readValue(request, response), fetchedAt),
    })
  }

  return {
    readValue,
    lazyResult,

    /** The answer without waiting, if one that is fresh and no 404 is in memory. */
    fromMemory<T, R>(request: UpstreamRequest<T>, transform: Transform<T, R>): CachedResult<LazyResult<R>> | undefined {
      const times = freshness.get(request.path)
      if (!times || times.content === 'none' || times.expiresAt <= clock.now()) return undefined
      const { fetchedAt, expiresAt } = times
      count(request)
      return lazyResult(request, { value: undefined, fetchedAt, expiresAt, via: 'hit' }, transform)
    },
  }
}
