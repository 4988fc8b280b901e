import type { MaybePromise } from '../../cache/maybe-promise.ts'
import type { CachedResult, createCacheStatus } from '../cache-status.ts'
import type { createCountedFetch } from '../counted-fetch.ts'
import type { createLazyResults, LazyResult } from '../lazy-result.ts'
import type { Caller, UpstreamFetch, UpstreamRequest } from '../request.ts'
import { readAddress } from './address.ts'
import type { CompatibleRequest } from './table.ts'

/** The part of the gateway for upstream's own addresses. */
export interface CompatibleGateway {
  /** What an address of upstream's own asks for; undefined where it is none. @throws {AppError} invalid_input */
  readAddress(url: string): CompatibleRequest | undefined
  /** A response as upstream sent it. Null: upstream's 404. Without a promise if a fresh response is in memory. */
  text(request: UpstreamRequest<object>, caller: Caller): MaybePromise<CachedResult<LazyResult<string> | null>>
}

interface Options extends Pick<ReturnType<typeof createLazyResults>, 'lazyText' | 'textFromMemory'> {
  fetchCounted: ReturnType<typeof createCountedFetch>['fetchCounted']
  fetchCached: UpstreamFetch
  withCacheStatus: ReturnType<typeof createCacheStatus>
}

export function createCompatibleGateway(options: Options): CompatibleGateway {
  const { fetchCounted, fetchCached, lazyText, textFromMemory, withCacheStatus } = options

  async function fetchText(request: UpstreamRequest<object>, caller: Caller) {
    const found = await fetchCounted(fetchCached, request, 'interactive', caller)
    return found.value === null ? withCacheStatus(found, null) : lazyText(request, found)
  }

  return {
    readAddress,
    text: (request, caller) => textFromMemory(request, caller) ?? fetchText(request, caller),
  }
}
