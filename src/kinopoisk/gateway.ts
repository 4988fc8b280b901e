import { setTimeout as sleep } from 'node:timers/promises'
import type { Registry } from 'prom-client'
import type { MaybePromise } from '../cache/maybe-promise.ts'
import type { Database } from '../db/connect.ts'
import type { ErrorCode } from '../errors.ts'
import { createBackground } from './background.ts'
import { type CachedResult, createCacheStatus } from './cache-status.ts'
import { type CompatibleGateway, createCompatibleGateway } from './compatible/texts.ts'
import { createCountedFetch } from './counted-fetch.ts'
import { filmRequest, filmsByImdb, imdbRequest, listRequest, votesRequest } from './endpoints.ts'
import { type Clock, systemClock } from './layers/cache.ts'
import { createWarnOnce } from './layers/warnings.ts'
import { createLazyResults, type LazyResult, type Transform } from './lazy-result.ts'
import { createMetrics } from './metrics.ts'
import { type KinopoiskFilm, type KinopoiskVote, normaliseFilm, normaliseVote } from './normalise.ts'
import { createPipeline, type PipelineOptions } from './pipeline.ts'
import { createPrefetchScheduler } from './prefetch/scheduler.ts'
import type { Spending } from './quota/budget.ts'
import type { Caller, Purpose, UpstreamFetch, UpstreamRequest } from './request.ts'
import { pageSize } from './rows.ts'
import type { FilmResponse, SearchResponse } from './schemas.ts'
import { memoizedSearchRequest, type SearchResult, toSearchResult } from './search.ts'
import { createStatus, type GatewayStatus } from './status.ts'
import { createIdRange } from './store/id-range.ts'
import type { Ingest } from './store/writer.ts'
import { type SupplementName, type SupplementQuery, type SupplementResult, supplementOf } from './supplements/table.ts'

export type { CachedResult } from './cache-status.ts'
export type { LazyResult } from './lazy-result.ts'
export type { SearchResult } from './search.ts'

export interface VotesPage {
  total: number
  pages: number
  items: KinopoiskVote[]
  /** How many more the page has, of which upstream does not say the film. */
  unusable: number
}

/**
 * Every call throws upstream_* when upstream is not available and nothing is stored. `caller` is the user that has to
 * have a call left where upstream is called.
 */
export interface Gateway extends CompatibleGateway {
  /** True for a film id that upstream may have; of any other, it is only asked when an answer of its has named it. */
  isInRange(id: number): MaybePromise<boolean>
  /** Null: Kinopoisk knows no such film. Without a promise if a fresh response is in memory. */
  film(
    id: number,
    caller: Caller,
    purpose?: Purpose,
  ): MaybePromise<CachedResult<LazyResult<KinopoiskFilm | null> | null>>
  /** The same, fetched whatever is stored, and however it failed before. */
  refreshFilm(id: number, caller: Caller): Promise<CachedResult<LazyResult<KinopoiskFilm | null> | null>>
  /** Removes what upstream said of a film: until that is fetched again by `refreshFilm`, it is as if there were none. */
  withdrawFilm(id: number): Promise<void>
  /** `page` 1…20, 20 films each. Without a promise if a fresh response is in memory. */
  search(keyword: string, page: number, caller: Caller): MaybePromise<CachedResult<LazyResult<SearchResult>>>
  /** The Kinopoisk ids of the films with an IMDb id, the likeliest first; their films are ingested as from a search. */
  imdb(imdbId: string, caller: Caller, purpose?: Purpose): Promise<CachedResult<number[]>>
  /** `page` 1…100 of a Kinopoisk user's votes, 20 each. Null: Kinopoisk knows no such user. */
  votes(userId: number, page: number, caller: Caller): Promise<CachedResult<VotesPage | null>>
  /** What upstream tells beside details, by the table of supplements. Null: upstream's 404. */
  supplement<N extends SupplementName>(
    name: N,
    query: SupplementQuery<N>,
    caller: Caller,
  ): Promise<CachedResult<SupplementResult<N> | null>>
  /**
   * Source and cache status of what our own films serve instead, because of `reason`: a film as it was stored at
   * `syncedAt`, whole or in part, or the results of a local search (`local`).
   */
  fallback(result: 'stale' | 'partial' | 'local', syncedAt: Date | undefined, reason: ErrorCode): CachedResult<null>
  /**
   * Source and cache status of a film that is served as it is stored, without a request, while upstream is available.
   * `syncedAt` is when upstream sent it; undefined: never, so that upstream may know more.
   */
  stored(syncedAt: Date | undefined): CachedResult<null>
  /**
   * `ingest` stores the films of a response in the transaction that stores the response: once for all replicas, before
   * any caller gets it. When it fails the response is stored without them.
   */
  onDiscovered(ingest: Ingest): void
  /** Stores a film that could not be stored with its response. Rejects when it still can't be. */
  saveFilm(film: KinopoiskFilm): Promise<void>
  /** What callers may spend of the quota, and have spent. */
  spending: Spending
  status(): Promise<GatewayStatus>
  start(): Promise<void>
  /** Resolves when no call is under way in the background. */
  idle(): Promise<void>
  /** Removes expired leases, failures that no longer count, and what was spent long ago; called every hour. */
  cleanup(signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

export interface GatewayOptions
  extends Omit<PipelineOptions, 'clock' | 'metrics' | 'runInBackground' | 'warn' | 'warnOnce'> {
  /** Upstream is the embedded sandbox: Cache-Status says so. */
  sandbox: boolean
  clock?: Clock
  registry?: Registry
  /** Milliseconds between calls of the prefetch. */
  prefetchMs?: number
  /** Called with errors in the background, and with the fields of a line of the log. */
  warn?: (error: unknown, message: string) => void
}

// For the leases of ended calls. What waits for another replica ends with the process.
const maxCloseMs = 2_000
const maxVotePages = 100
// As long as a search with results is fresh.
const storedFilmSeconds = 24 * 3600

export function createGateway(database: Database, options: GatewayOptions): Gateway {
  const { sandbox, registry, clock = systemClock, warn = () => {}, prefetchMs = 60_000, ...limits } = options
  const metrics = createMetrics(registry)
  const withCacheStatus = createCacheStatus(clock, sandbox)
  const { runInBackground, idle } = createBackground()
  const warnOnce = createWarnOnce(warn)
  const pipeline = createPipeline(database, {
    ...{ ...limits, clock, metrics, runInBackground, warn, warnOnce },
    isBootstrapping: () => prefetch.isBootstrapping(),
    isPageWaiting: () => prefetch.isPageWaiting(),
  })
  const { fetchFresh, fetchCached, responses, budget, breakers, leases, failures, probe, upstream } = pipeline
  const fetchForced: UpstreamFetch = (request, context) => fetchFresh(request, { ...context, forced: true })
  const { fetchCounted, count } = createCountedFetch({
    ...{ metrics, timeoutMs: options.timeoutMs },
    noteResult: budget.noteResult,
  })
  const lazyResults = createLazyResults({
    ...{ responses, clock, withCacheStatus, freshness: pipeline.freshness, withdrawn: pipeline.withdrawn },
    fetch: (request) => fetchCounted(fetchFresh, request, 'interactive'),
    count: ({ endpoint }, caller) => count(endpoint, 'hit', caller),
  })
  const { readValue, lazyResult, fromMemory } = lazyResults
  async function lazyFilm(fetch: UpstreamFetch, id: number, purpose: Purpose, caller: Caller, newerThan?: Date) {
    const found = await fetchFilm(fetch, id, purpose, caller, newerThan)
    if (found.value === null) return withCacheStatus(found, null)
    return lazyResult(filmRequest(id), found, filmOf)
  }
  const filmOf: Transform<FilmResponse, KinopoiskFilm | null> = (film, fetchedAt) =>
    film && normaliseFilm(film, fetchedAt)
  const fetchFilm = (fetch: UpstreamFetch, id: number, purpose: Purpose, caller?: Caller, newerThan?: Date) =>
    fetchCounted(fetch, filmRequest(id), purpose, caller, newerThan)
  const fetchInBackground = async <T>(request: UpstreamRequest<T>) =>
    readValue(request, await fetchCounted(fetchFresh, request, 'refresh', undefined, clock.now()))
  const prefetch = createPrefetchScheduler({
    db: database.db,
    responses,
    failures,
    metrics,
    now: clock.now,
    everyMs: prefetchMs,
    fetchFilm: (id) => fetchInBackground(filmRequest(id)),
    fetchPage: (list, page) => fetchInBackground(listRequest(list, page)),
    runInBackground,
    onUnexpected: pipeline.onUnexpected,
  })

  return {
    ...createCompatibleGateway({ ...lazyResults, fetchCounted, fetchCached, withCacheStatus }),
    isInRange: createIdRange(database.db, clock).includes,
    film: (id, caller, purpose = 'interactive') =>
      fromMemory(filmRequest(id), filmOf, caller) ?? lazyFilm(fetchCached, id, purpose, caller),
    async refreshFilm(id, caller) {
      await pipeline.withdrawn.restore(id)
      return lazyFilm(fetchForced, id, 'interactive', caller, clock.now())
    },
    withdrawFilm: pipeline.withdrawn.withdraw,
    search(keyword, page, caller) {
      const request = memoizedSearchRequest(keyword, page)
      const transform: Transform<SearchResponse, SearchResult> = (value) => toSearchResult(value, page)
      const fetched = async () =>
        lazyResult(request, await fetchCounted(fetchCached, request, 'interactive', caller), transform)
      return fromMemory(request, transform, caller) ?? fetched()
    },
    async imdb(imdbId, caller, purpose = 'interactive') {
      const request = imdbRequest(imdbId)
      const found = await fetchCounted(fetchCached, request, purpose, caller)
      const value = await readValue(request, found)
      return withCacheStatus(found, value ? filmsByImdb(value, imdbId) : [])
    },
    async votes(userId, page, caller) {
      const request = votesRequest(userId, page)
      const found = await fetchCounted(fetchCached, request, 'import', caller)
      const value = await readValue(request, found)
      if (!value) return withCacheStatus(found, null)
      const { rows, total, sent, unusable } = value
      // Without a total, only a page that is not full is known to be the last.
      const pages = total === undefined ? page + (sent < pageSize ? 0 : 1) : Math.ceil(total / pageSize)
      return withCacheStatus(found, {
        total: total ?? (page - 1) * pageSize + sent,
        pages: Math.min(maxVotePages, pages),
        items: rows.map(normaliseVote),
        unusable,
      })
    },
    async supplement(name, query, caller) {
      const { request, resultOf } = supplementOf(name, query)
      const found = await fetchCounted(fetchCached, request, 'interactive', caller)
      const value = await readValue(request, found)
      return withCacheStatus(found, value && resultOf(value))
    },
    fallback(result, syncedAt, reason) {
      const endpoint = result === 'local' ? 'search' : 'film'
      if (result !== 'stale') metrics.results.inc({ endpoint, result })
      metrics.fallbacks.inc({ endpoint, reason })
      warnOnce(`fallback ${endpoint} ${reason}`, { endpoint, result, code: reason }, 'served from our own films')
      const fetchedAt = syncedAt ?? clock.now()
      const stored = withCacheStatus({ value: null, fetchedAt, via: 'stale', reason }, null)
      return result === 'local' ? { ...stored, source: 'local' } : stored
    },
    stored(syncedAt) {
      const now = clock.now()
      if (!syncedAt) return { ...withCacheStatus({ value: null, fetchedAt: now, via: 'stale' }, null), source: 'local' }
      count('imdb', 'hit')
      const expiresAt = new Date(syncedAt.getTime() + storedFilmSeconds * 1000)
      return withCacheStatus(
        { value: null, fetchedAt: syncedAt, expiresAt, via: expiresAt > now ? 'hit' : 'stale' },
        null,
      )
    },
    onDiscovered: pipeline.writer.onDiscovered,
    saveFilm: (film) => pipeline.writer.saveFilms({ film }),
    spending: budget.spending,
    status: createStatus({ sandbox, usage: budget.usage, breakers, probe, responses, metrics, now: clock.now }),
    async start() {
      // Without it the ends of calls are seen a little later.
      await leases.listen().catch((error) => warn(error, 'notifications of other replicas cannot be had'))
      await pipeline.withdrawn.start()
      runInBackground(budget.start())
    },
    idle,
    async cleanup(signal) {
      await leases.deleteExpired(signal)
      await budget.cleanup(signal)
      await failures.cleanup(signal)
    },
    async close() {
      budget.close()
      prefetch.close()
      // The calls that nobody waits for end with it.
      await upstream.close()
      await Promise.race([idle(), sleep(maxCloseMs, undefined, { ref: false })])
      await budget.writeResults().catch((error) => warn(error, 'the last results were not counted'))
    },
  }
}
