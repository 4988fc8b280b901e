import type { CacheRegion } from '../cache/cache.ts'
import { AppError } from '../errors.ts'
import type { CachedResult, createCacheStatus } from './cache-status.ts'
import { type Clock, type EntryFreshness, parseStored } from './layers/cache.ts'
import type { WithdrawnFilms } from './layers/withdrawn.ts'
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
  withdrawn: Pick<WithdrawnFilms, 'has' | 'version' | 'withoutRows' | 'withoutFilms'>
  /** Called when a response was in memory. */
  count(request: UpstreamRequest<unknown>, caller: Caller): void
}

export function createLazyResults(options: Options) {
  const { responses, freshness, clock, withCacheStatus, withdrawn, fetch, count } = options

  /** The response's value; read from the database where only its freshness is in memory. */
  async function readValue<T>(request: UpstreamRequest<T>, { value }: UpstreamResponse<T>): Promise<T | null> {
    if (value !== undefined) return withdrawn.withoutRows(value, request.endpoint)
    const stored = await responses.find(request.path)
    const again = stored && parseStored(request, stored)
    // Another version of this service may have stored what this one can't read.
    return again ? withdrawn.withoutRows(again.value, request.endpoint) : readValue(request, await fetch(request))
  }

  /** The response's JSON as upstream sent it; not of a 404. */
  async function readText<T>(request: UpstreamRequest<T>, { text }: UpstreamResponse<T>): Promise<string> {
    const found = text ?? (await responses.find(request.path))?.text ?? (await fetch(request)).text
    // It is gone since.
    if (typeof found !== 'string') throw new AppError('not_found')
    return withdrawn.withoutFilms(found, request.endpoint)
  }

  function lazy<T, R>(request: UpstreamRequest<T>, response: UpstreamResponse<T>, read: () => Promise<R>) {
    const { fetchedAt } = response
    const key = `${fetchedAt.getTime()} ${withdrawn.version()} ${request.path}`
    return withCacheStatus<LazyResult<R>>(response, { key, fetchedAt, read })
  }

  function lazyResult<T, R>(
    request: UpstreamRequest<T>,
    response: UpstreamResponse<T>,
    transform: Transform<T, R>,
  ): CachedResult<LazyResult<R>> {
    return lazy(request, response, async () => transform(await readValue(request, response), response.fetchedAt))
  }

  const lazyText = <T>(request: UpstreamRequest<T>, response: UpstreamResponse<T>) =>
    lazy(request, response, () => readText(request, response))

  /** A fresh response other than a 404, if it is in memory: without its value. */
  function findFresh<T>(request: UpstreamRequest<T>, caller: Caller): UpstreamResponse<T> | undefined {
    const times = freshness.get(request.path)
    if (!times || times.content === 'none' || times.expiresAt <= clock.now()) return undefined
    if (withdrawn.has(request.filmId)) return undefined
    const { fetchedAt, expiresAt } = times
    count(request, caller)
    return { value: undefined, fetchedAt, expiresAt, via: 'hit' }
  }

  return {
    readValue,
    lazyResult,
    lazyText,

    /** The result without waiting, if a fresh response other than a 404 is in memory. */
    fromMemory<T, R>(
      request: UpstreamRequest<T>,
      transform: Transform<T, R>,
      caller: Caller,
    ): CachedResult<LazyResult<R>> | undefined {
      const response = findFresh(request, caller)
      return response && lazyResult(request, response, transform)
    },

    /** The same, as upstream sent it. */
    textFromMemory<T>(request: UpstreamRequest<T>, caller: Caller): CachedResult<LazyResult<string>> | undefined {
      const response = findFresh(request, caller)
      return response && lazyText(request, response)
    },
  }
}
