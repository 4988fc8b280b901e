import { setTimeout as sleep } from 'node:timers/promises'
import type { Registry } from 'prom-client'
import type { MaybePromise } from '../cache/maybe-promise.ts'
import type { Database } from '../db/connect.ts'
import type { ErrorCode } from '../errors.ts'
import { type CachedResult, createCacheStatus } from './cache-status.ts'
import { createCountedFetch } from './counted-fetch.ts'
import { filmRequest, isFilmId, listRequest, staffRequest, votesRequest } from './endpoints.ts'
import { type Clock, systemClock } from './layers/cache.ts'
import { createLazyResults, type LazyResult, type Transform } from './lazy-result.ts'
import { createMetrics } from './metrics.ts'
import {
  type KinopoiskFilm,
  type KinopoiskPerson,
  type KinopoiskVote,
  normaliseFilm,
  normalisePerson,
  normaliseVote,
} from './normalise.ts'
import { createPipeline, type PipelineOptions } from './pipeline.ts'
import { createPrefetchScheduler } from './prefetch/scheduler.ts'
import type { Purpose, UpstreamFetch } from './request.ts'
import type { FilmResponse, SearchResponse } from './schemas.ts'
import { memoizedSearchRequest, type SearchResult, toSearchResult } from './search.ts'
import { createStatus, type GatewayStatus } from './status.ts'
import type { Ingest } from './store/writer.ts'

export type { CachedResult } from './cache-status.ts'
export type { LazyResult } from './lazy-result.ts'
export type { SearchResult } from './search.ts'

export interface VotesPage {
  total: number
  pages: number
  items: KinopoiskVote[]
}

/** Every call throws upstream_* when upstream is not available and nothing is stored. */
export interface Gateway {
  /** Null: Kinopoisk knows no such film. Without a promise if a fresh response is in memory. */
  film(id: number, purpose?: Purpose): MaybePromise<CachedResult<LazyResult<KinopoiskFilm | null> | null>>
  /** The same, fetched whatever is stored. */
  refreshFilm(id: number, purpose?: Purpose): Promise<CachedResult<LazyResult<KinopoiskFilm | null> | null>>
  /** `page` 1…20, 20 films each. Without a promise if a fresh response is in memory. */
  search(keyword: string, page: number): MaybePromise<CachedResult<LazyResult<SearchResult>>>
  /** `page` 1…100 of a Kinopoisk user's votes, 20 each. Null: Kinopoisk knows no such user. */
  votes(userId: number, page: number): Promise<CachedResult<VotesPage | null>>
  /** The staff of a film, directors first; empty when Kinopoisk does not know. */
  staff(filmId: number): Promise<CachedResult<KinopoiskPerson[]>>
  /**
   * Source and cache status of what our own films serve instead, because of `reason`: a film as it was stored at
   * `syncedAt`, whole or in part, or the results of a local search (`local`).
   */
  fallback(result: 'stale' | 'partial' | 'local', syncedAt: Date | undefined, reason: ErrorCode): CachedResult<null>
  /**
   * `ingest` stores the films of a response in the transaction that stores the response: once for all replicas, before
   * any caller gets it. When it fails the response is stored without them.
   */
  onDiscovered(ingest: Ingest): void
  /** Stores a film that could not be stored with its response. Rejects when it still can't be. */
  saveFilm(film: KinopoiskFilm): Promise<void>
  status(): Promise<GatewayStatus>
  start(): Promise<void>
  /** Resolves when no call is under way in the background. */
  idle(): Promise<void>
  /** Removes expired leases; called every hour. */
  cleanup(): Promise<void>
  close(): Promise<void>
}

export interface GatewayOptions extends Omit<PipelineOptions, 'clock' | 'metrics' | 'runInBackground' | 'warn'> {
  /** Upstream is the embedded sandbox: Cache-Status says so. */
  sandbox: boolean
  clock?: Clock
  registry?: Registry
  /** Milliseconds between calls of the prefetch. */
  prefetchMs?: number
  /** Called with errors in the background. */
  warn?: (error: unknown, message: string) => void
}

const pageSize = 20
// For the leases of ended calls. What waits for another replica ends with the process.
const maxCloseMs = 2_000
const maxVotePages = 100

export function createGateway(database: Database, options: GatewayOptions): Gateway {
  const { sandbox, registry, clock = systemClock, warn = () => {}, prefetchMs = 60_000, ...limits } = options
  const metrics = createMetrics(registry)
  const withCacheStatus = createCacheStatus(clock, sandbox)
  const { runInBackground, idle } = createBackground()
  const isBootstrapping = () => prefetch.isBootstrapping()
  const pipeline = createPipeline(database, { ...limits, clock, metrics, isBootstrapping, runInBackground, warn })
  const { fetchFresh, fetchCached, responses, freshness, budget, breakers, leases, upstream } = pipeline
  const { fetchCounted, count } = createCountedFetch({ metrics, timeoutMs: options.timeoutMs })
  const { readValue, lazyResult, fromMemory } = createLazyResults({
    ...{ responses, freshness, clock, withCacheStatus },
    fetch: (request) => fetchCounted(fetchFresh, request, 'interactive'),
    count: ({ endpoint }) => count(endpoint, 'hit'),
  })
  async function lazyFilm(fetch: UpstreamFetch, id: number, purpose: Purpose, newerThan?: Date) {
    const found = await fetchFilm(fetch, id, purpose, newerThan)
    if (found.value === null) return withCacheStatus(found, null)
    return lazyResult(filmRequest(id), found, filmOf)
  }
  const filmOf: Transform<FilmResponse, KinopoiskFilm | null> = (film, fetchedAt) =>
    film && normaliseFilm(film, fetchedAt)
  const fetchFilm = (fetch: UpstreamFetch, id: number, purpose: Purpose, newerThan?: Date) =>
    fetchCounted(fetch, filmRequest(id), purpose, newerThan)

  const prefetch = createPrefetchScheduler({
    db: database.db,
    metrics,
    now: clock.now,
    everyMs: prefetchMs,
    fetchFilm: (id) => fetchFilm(fetchFresh, id, 'refresh', clock.now()),
    fetchPage: (year, page) => fetchCounted(fetchFresh, listRequest(year, page), 'refresh', clock.now()),
    runInBackground,
    onUnexpected: pipeline.onUnexpected,
  })

  return {
    film: (id, purpose = 'interactive') => fromMemory(filmRequest(id), filmOf) ?? lazyFilm(fetchCached, id, purpose),
    refreshFilm: (id, purpose = 'interactive') => lazyFilm(fetchFresh, id, purpose, clock.now()),
    search(keyword, page) {
      const request = memoizedSearchRequest(keyword, page)
      const transform: Transform<SearchResponse, SearchResult> = (value) => toSearchResult(value, page)
      const fetched = async () =>
        lazyResult(request, await fetchCounted(fetchCached, request, 'interactive'), transform)
      return fromMemory(request, transform) ?? fetched()
    },
    async votes(userId, page) {
      const request = votesRequest(userId, page)
      const found = await fetchCounted(fetchCached, request, 'import')
      const value = await readValue(request, found)
      if (!value) return withCacheStatus(found, null)
      const { total, items } = value
      const pages = Math.min(maxVotePages, Math.ceil(total / pageSize))
      return withCacheStatus(found, {
        total,
        pages,
        items: items.filter((vote) => isFilmId(vote.kinopoiskId)).map(normaliseVote),
      })
    },
    async staff(filmId) {
      const request = staffRequest(filmId)
      const found = await fetchCounted(fetchCached, request, 'interactive')
      return withCacheStatus(found, ((await readValue(request, found)) ?? []).map(normalisePerson))
    },
    fallback(result, syncedAt, reason) {
      if (result !== 'stale') metrics.results.inc({ endpoint: result === 'local' ? 'search' : 'film', result })
      const fetchedAt = syncedAt ?? clock.now()
      const stored = withCacheStatus({ value: null, fetchedAt, via: 'stale', reason }, null)
      return result === 'local' ? { ...stored, source: 'local' } : stored
    },
    onDiscovered: pipeline.writer.onDiscovered,
    saveFilm: (film) => pipeline.writer.saveFilms({ film }),
    status: createStatus({ sandbox, usage: budget.usage, breakers, responses, metrics, now: clock.now }),
    async start() {
      // Without it the ends of calls are seen a little later.
      await leases.listen().catch((error) => warn(error, 'notifications of other replicas cannot be had'))
      runInBackground(budget.start())
    },
    idle,
    cleanup: leases.deleteExpired,
    async close() {
      budget.close()
      prefetch.close()
      // The calls that nobody waits for end with it.
      await upstream.close()
      await Promise.race([idle(), sleep(maxCloseMs, undefined, { ref: false })])
    },
  }
}

/** Work that no caller waits for. */
function createBackground() {
  const works = new Set<Promise<void>>()
  return {
    runInBackground(work: Promise<void>): void {
      works.add(work)
      void work.finally(() => works.delete(work))
    },
    idle: async () => void (await Promise.allSettled(works)),
  }
}
