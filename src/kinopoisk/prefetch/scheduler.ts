import type { Db } from '../../db/connect.ts'
import { AppError } from '../../errors.ts'
import type { PopularList } from '../endpoints.ts'
import type { GatewayMetrics } from '../metrics.ts'
import type { ListResponse } from '../schemas.ts'
import type { FailureRepository } from '../store/failures.ts'
import type { ResponseRepository } from '../store/responses.ts'
import { createFavouritesPrefetch } from './favourites.ts'
import { createPopularFilmsPrefetch } from './popular-films.ts'

interface Options {
  db: Db
  responses: Pick<ResponseRepository, 'find'>
  failures: Pick<FailureRepository, 'findTooRecent'>
  metrics: Pick<GatewayMetrics, 'refreshes'>
  now(): Date
  everyMs: number
  fetchFilm(id: number): Promise<unknown>
  fetchPage(list: PopularList, page: number): Promise<ListResponse | null>
  runInBackground(work: Promise<void>): void
  onUnexpected(error: unknown): void
}

/** Prefetching: one call at a time that no user waits for. Expired favourites first, then popular films. */
export function createPrefetchScheduler({
  fetchFilm,
  fetchPage,
  everyMs,
  runInBackground,
  onUnexpected,
  ...rest
}: Options) {
  const refreshFavourite = createFavouritesPrefetch({ ...rest, refresh: fetchFilm })
  const popularFilms = createPopularFilmsPrefetch({ ...rest, fetchPage })

  let isRunning = false

  async function runNext(): Promise<void> {
    if (isRunning) return
    isRunning = true
    try {
      if (!(await refreshFavourite())) await popularFilms.fetchNext()
    } catch (error) {
      if (!(error instanceof AppError)) onUnexpected(error)
    } finally {
      isRunning = false
    }
  }
  const timer = setInterval(() => runInBackground(runNext()), everyMs).unref()
  const { isBootstrapping, isPageWaiting } = popularFilms
  return { isBootstrapping, isPageWaiting, close: () => clearInterval(timer) }
}
