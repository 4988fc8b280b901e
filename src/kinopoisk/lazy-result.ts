import type { CacheRegion } from '../cache/cache.ts'
import type { CachedResult, createCacheStatus } from './cache-status.ts'
import { type Clock, type EntryFreshness, parseStored } from './layers/cache.ts'
import type { Caller, UpstreamRequest, UpstreamResponse } from './request.ts'
import type { ResponseRepository } from './store/responses.ts'

/** A response whose value is parsed lazily: callers with a cached rendering never need it. */
export interface LazyResult<T> {
  /** Unique for each response to each request. */
  key: string
  fetchedAt: Date
  read(): Promise<T>
}

/** Turns a response's value into a result. */
export type Transform<T, R> = (value: T | null, fetchedAt: Date) => R

interface Options {
  responses: Pick<ResponseRepository, 'find'>
  freshness: Pick<CacheRegion<string, EntryFreshness>, 'get'>
  clock: Clock
  withCacheStatus: ReturnType<typeof createCacheStatus>
  /** Fetches from upstream, whatever is stored. */
  fetch<T>(request: UpstreamRequest<T>): Promise<UpstreamResponse<T>>
  /** Called when a response was in memory. */
  count(request: UpstreamRequest<unknown>, caller: Caller): void
}

export function createLazyResults({ responses, freshness, clock, withCacheStatus, fetch, count }: Options) {
  /** The response's value; read from the database where only its freshness is in memory. */
  async function readValue<T>(request: UpstreamRequest<T>, { value }: UpstreamResponse<T>): Promise<T | null> {
    if (value !== undefined) return value
    const stored = await responses.find(request.path)
    const again = stored && parseStored(request, stored)
    // Another version of this service may have stored what this one can't read.
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

    /** The result without waiting, if a fresh response other than a 404 is in memory. */
    fromMemory<T, R>(
      request: UpstreamRequest<T>,
      transform: Transform<T, R>,
      caller: Caller,
    ): CachedResult<LazyResult<R>> | undefined {
      const times = freshness.get(request.path)
      if (!times || times.content === 'none' || times.expiresAt <= clock.now()) return undefined
      const { fetchedAt, expiresAt } = times
      count(request, caller)
      return lazyResult(request, { value: undefined, fetchedAt, expiresAt, via: 'hit' }, transform)
    },
  }
}
