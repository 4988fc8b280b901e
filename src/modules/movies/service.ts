import { chain, type MaybePromise } from '../../cache/maybe-promise.ts'
import { maxKinopoiskId, minOwnId } from '../../catalogue/film-ids.ts'
import { AppError, inputFault } from '../../errors.ts'
import type { JsonPayload } from '../../http/json-payload.ts'
import type { CachedResult, Gateway, LazyResult, SearchResult } from '../../kinopoisk/gateway.ts'
import type { KinopoiskFilm } from '../../kinopoisk/normalise.ts'
import type { Purpose } from '../../kinopoisk/request.ts'
import type { CachedMovie, MovieCache } from './cache.ts'
import { toKnownFilm } from './ingest.ts'
import type { ListMembership } from './list-membership.ts'
import type { KnownFilm, MovieRepository } from './repository.ts'
import type { LocalSearch } from './search/local-search.ts'
import { renderSearch, type SearchCache, searchPayload } from './search/result-json.ts'

export type MovieService = ReturnType<typeof createMovieService>

interface Dependencies {
  movies: MovieRepository
  movieCache: MovieCache
  searchCache: SearchCache
  membership: { both(userId: number): MaybePromise<ListMembership> }
  searchLocally: LocalSearch
  kinopoisk: Pick<Gateway, 'film' | 'refreshFilm' | 'saveFilm' | 'search' | 'fallback'>
}

interface Found {
  movie?: CachedMovie | undefined
  result?: CachedResult<unknown> | undefined
}

export function createMovieService({
  movies,
  movieCache,
  searchCache,
  membership,
  searchLocally,
  kinopoisk,
}: Dependencies) {
  /** Upstream's result for a film, and the movie, which the gateway has stored with it. */
  const sync = (id: number, purpose?: Purpose) =>
    chain(kinopoisk.film(id, purpose), (result) =>
      chain(movieCache.find(id), (known): MaybePromise<Found> => {
        if (!result.value || !isNewer(result.value, known)) return { movie: known, result }
        return reload(id, result.value).then((movie) => ({ movie, result }))
      }),
    )

  /** The movie with all of `result`. It was stored with the response; if that failed, this is another chance. */
  async function reload(id: number, result: LazyResult<KinopoiskFilm | null>) {
    const movie = await movieCache.reload(id)
    const film = isNewer(result, movie) ? await result.read() : null
    if (!film) return movie
    await kinopoisk.saveFilm(film)
    return movieCache.reload(id)
  }

  /** The stored movie, when upstream is not available. */
  async function findStored(id: number, error: unknown): Promise<Found> {
    const movie = error instanceof AppError ? await movieCache.find(id) : undefined
    if (!(error instanceof AppError) || !movie) throw error
    const syncedAt = movie.syncedAt === undefined ? undefined : new Date(movie.syncedAt)
    return { movie, result: kinopoisk.fallback(isPartial(movie) ? 'partial' : 'stale', syncedAt, error.code) }
  }

  function syncOrStored(id: number, purpose?: Purpose): MaybePromise<Found> {
    const synced = sync(id, purpose)
    return synced instanceof Promise ? synced.catch((error) => findStored(id, error)) : synced
  }

  const find = (id: number, purpose?: Purpose) =>
    chain(
      isKinopoiskId(id) ? syncOrStored(id, purpose) : chain(movieCache.find(id), (movie): Found => ({ movie })),
      ({ movie = movieNotFound(id), result }) => ({ movie, result }),
    )

  async function fallbackSearch(userId: number, query: string, page: number, error: unknown) {
    if (!isUpstream(error)) throw error
    const local = await searchLocally(query, page, userId)
    const result = kinopoisk.fallback('local', undefined, error.code)
    return { result, found: renderSearch(inputOf(query, page, result), local) }
  }

  return {
    /**
     * The movie by either kind of id, and how its Kinopoisk part came (undefined where upstream has no part in it); without
     * a promise if all of it is in memory. A partially known movie stays so when upstream is not available, and when
     * upstream has no details of it.
     * @throws {AppError} movie_not_found, or upstream_* when it is not known at all and upstream is not available
     */
    find,

    /** The movie of a Kinopoisk id, fetched again. @throws {AppError} movie_not_found, upstream_* */
    async refresh(id: number) {
      if (!isKinopoiskId(id)) movieNotFound(id)
      const { value } = await kinopoisk.refreshFilm(id)
      if (!value) movieNotFound(id)
      await reload(id, value)
      return (await movies.find(id)) ?? movieNotFound(id)
    },

    /** The JSON of the stored movies among `ids`, in their order. */
    async findAll(ids: number[]): Promise<JsonPayload[]> {
      return (await movieCache.findMany(ids)).map((movie) => movie.json)
    },

    /** The listed movie as it is stored, without upstream; undefined when it is not listed. */
    async findListed(id: number) {
      isKinopoiskId(id)
      const movie = await movieCache.find(id)
      return movie?.listed ? movie : undefined
    },

    /** Kinopoisk's film as it would be stored; null when Kinopoisk has no such film. Throws upstream_*. */
    async fetch(id: number): Promise<KnownFilm | null> {
      const { value } = await kinopoisk.film(id)
      const film = await value?.read()
      return film ? toKnownFilm(film) : null
    },

    /** The movie; upstream is used only for one that is not known, or partially. Throws as `find`. */
    async findKnown(id: number, purpose?: Purpose) {
      const known = await movieCache.find(id)
      return known && !isPartial(known) ? known : (await find(id, purpose)).movie
    },

    /**
     * Without a promise if all of it is in memory.
     * @throws {AppError} overloaded, when upstream is not available and too many local searches run
     */
    search(userId: number, query: string, page: number) {
      const render = (result: CachedResult<LazyResult<SearchResult>>) =>
        chain(searchCache.find(result.value, inputOf(query, page, result)), (found) => ({ result, found }))
      const response = kinopoisk.search(query, page)
      const searched =
        response instanceof Promise
          ? response.then(render, (error) => fallbackSearch(userId, query, page, error))
          : render(response)
      return chain(searched, ({ result, found }) =>
        chain(membership.both(userId), (listed) => ({
          result,
          json: searchPayload(inputOf(query, page, result), found, listed),
        })),
      )
    },
  }
}

function inputOf(query: string, page: number, { source }: Pick<CachedResult<unknown>, 'source'>) {
  return { query, page, source }
}

function isUpstream(error: unknown): error is AppError {
  return error instanceof AppError && error.code.startsWith('upstream_')
}

/** True for 1…10 000 000, false for a film made here; other numbers are no film's id. */
function isKinopoiskId(id: number): boolean {
  if (id <= maxKinopoiskId) return true
  if (id >= minOwnId) return false
  throw inputFault(
    'id',
    `must be a Kinopoisk id (1 to ${maxKinopoiskId}) or one of a film made here (from ${minOwnId})`,
  )
}

/** True for a film of which only a search or a vote is known. */
function isPartial(movie: CachedMovie): boolean {
  return isKinopoiskId(movie.id) && !movie.complete
}

function isNewer(result: { fetchedAt: Date }, known: CachedMovie | undefined): boolean {
  return known?.syncedAt === undefined || !known.complete || known.syncedAt < result.fetchedAt.getTime()
}

function movieNotFound(id: number): never {
  throw new AppError('movie_not_found', { detail: `There is no movie with the id ${id}` })
}
