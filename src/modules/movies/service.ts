import { chain, type MaybePromise } from '../../cache/maybe-promise.ts'
import { isOwnId } from '../../catalogue/film-ids.ts'
import { AppError, isUpstream } from '../../errors.ts'
import { type OwnStates, withOwnState } from '../../http/own-state.ts'
import type { CachedResult, Gateway, LazyResult, SearchResult } from '../../kinopoisk/gateway.ts'
import type { KinopoiskFilm } from '../../kinopoisk/normalise.ts'
import type { Caller, Purpose } from '../../kinopoisk/request.ts'
import { type FilmReference, readFilmReference } from '../../text/film-reference.ts'
import { toVisible } from '../../text/search-key.ts'
import type { CachedMovie, MovieCache } from './cache.ts'
import { toKnownFilm } from './ingest.ts'
import { createFilmReferences } from './references.ts'
import type { KnownFilm, MovieRepository } from './repository.ts'
import type { LocalSearch } from './search/local-search.ts'
import type { SearchRepository } from './search/repository.ts'
import { type RenderedSearch, type SearchCache, searchPayload } from './search/result-json.ts'

export type MovieService = ReturnType<typeof createMovieService>

interface Dependencies {
  movies: MovieRepository
  movieCache: MovieCache
  searchCache: SearchCache
  ownStates: OwnStates
  searchLocally: LocalSearch
  readItems: SearchRepository['readItems']
  kinopoisk: Pick<
    Gateway,
    'isInRange' | 'film' | 'refreshFilm' | 'withdrawFilm' | 'saveFilm' | 'search' | 'imdb' | 'stored' | 'fallback'
  >
}

interface Found {
  movie?: CachedMovie | undefined
  result?: CachedResult<unknown> | undefined
}

export function createMovieService({
  movies,
  movieCache,
  searchCache,
  ownStates,
  searchLocally,
  readItems,
  kinopoisk,
}: Dependencies) {
  /** Upstream's result for a film, and the movie, which the gateway has stored with it. */
  const sync = (id: number, caller: Caller, purpose?: Purpose) =>
    chain(kinopoisk.film(id, caller, purpose), (result) =>
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

  function syncOrStored(id: number, caller: Caller, purpose?: Purpose): MaybePromise<Found> {
    const synced = sync(id, caller, purpose)
    return synced instanceof Promise ? synced.catch((error) => findStored(id, error)) : synced
  }

  /** True for a film of Kinopoisk that is known here, or may well exist: an id that somebody made up costs no call. */
  const isOfKinopoisk = (id: number): MaybePromise<boolean> =>
    !isOwnId(id) &&
    chain(kinopoisk.isInRange(id), (inRange) => inRange || chain(movieCache.find(id), (movie) => movie !== undefined))

  const find = (id: number, caller: Caller, purpose?: Purpose) =>
    chain(
      chain(isOfKinopoisk(id), (ofKinopoisk) =>
        ofKinopoisk ? syncOrStored(id, caller, purpose) : chain(movieCache.find(id), (movie): Found => ({ movie })),
      ),
      ({ movie = movieNotFound(id), result }) => ({ movie, result }),
    )

  const references = createFilmReferences({
    ...{ movies, readItems, kinopoisk },
    sync: (id, caller) => chain(isOfKinopoisk(id), (ofKinopoisk) => (ofKinopoisk ? sync(id, caller) : {})),
  })

  async function fallbackSearch(userId: number, query: string, page: number, error: unknown) {
    if (!isUpstream(error)) throw error
    const local = await searchLocally(query, page, userId)
    const result = kinopoisk.fallback('local', undefined, error.code)
    return { result, found: searchCache.render(inputOf(query, page, result), local) }
  }

  function searchTitles(caller: Caller, query: string, page: number) {
    const render = (result: CachedResult<LazyResult<SearchResult>>) =>
      chain(searchCache.find(result.value, inputOf(query, page, result)), (found) => ({ result, found }))
    const response = kinopoisk.search(query, page, caller)
    return response instanceof Promise
      ? response.then(render, (error) => fallbackSearch(caller.userId, query, page, error))
      : render(response)
  }

  async function searchReference(reference: FilmReference, caller: Caller, query: string, page: number) {
    const { result, found } = await references.search(reference, page, caller)
    return { result, found: searchCache.render(inputOf(query, page, result), found) }
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
    async refresh(id: number, caller: Caller) {
      if (!(await isOfKinopoisk(id))) movieNotFound(id)
      const { value } = await kinopoisk.refreshFilm(id, caller)
      if (!value) movieNotFound(id)
      return (await reload(id, value)) ?? movieNotFound(id)
    },

    /** Removes what upstream said of it, until it is fetched again by `refresh`. @throws {AppError} movie_not_found */
    async withdraw(id: number): Promise<void> {
      if (isOwnId(id)) movieNotFound(id)
      await kinopoisk.withdrawFilm(id)
      await movieCache.reload(id)
    },

    /** The movie with what it is to the user. */
    own: (movie: CachedMovie, userId: number) =>
      chain(ownStates.of(userId), (own) => withOwnState(movie.json, own, movie.id)),

    /** The stored movies among `ids`, in their order. */
    findAll: movieCache.findMany,

    /** The movie of an IMDb id, as `find`. */
    async findByImdb(imdbId: string, caller: Caller) {
      const id = await references.findId(imdbId, caller)
      return id === undefined ? movieNotFound(imdbId) : find(id, caller)
    },

    /** The ids of the films with an IMDb id, by upstream. @throws {AppError} upstream_* */
    findIdsByImdb: references.findIds,

    /** The listed movie of an id, or of an IMDb id, as it is stored, without upstream; undefined when it is not listed. */
    async findListed(id: number | string) {
      if (typeof id === 'string') {
        const ids = (await movies.findByImdb(id)).map((film) => film.id)
        return (await movieCache.findMany(ids)).find((movie) => movie.listed)
      }
      const movie = await movieCache.find(id)
      return movie?.listed ? movie : undefined
    },

    isOfKinopoisk,

    /** The films known here by title, and by an IMDb id, whatever upstream has. @throws {AppError} overloaded */
    searchKnown: searchLocally,
    async findItemsByImdb(imdbId: string) {
      const found = await movies.findByImdb(imdbId)
      return readItems(found.map(({ id }) => id))
    },

    /** Whether anything is stored of the film; upstream is not asked. */
    isKnown: (id: number) => chain(movieCache.find(id), (movie) => movie !== undefined),

    /** Kinopoisk's film as it would be stored; null when Kinopoisk has no such film. Throws upstream_*. */
    async fetch(id: number, caller: Caller): Promise<KnownFilm | null> {
      if (!(await isOfKinopoisk(id))) return null
      const { value } = await kinopoisk.film(id, caller)
      const film = await value?.read()
      return film ? toKnownFilm(film) : null
    },

    /** The movie; upstream is used only for one that is not known, or partially. Throws as `find`. */
    async findKnown(id: number, caller: Caller, purpose?: Purpose) {
      const known = await movieCache.find(id)
      return known && !isPartial(known) ? known : (await find(id, caller, purpose)).movie
    },

    /**
     * Without a promise if all of it is in memory.
     * @throws {AppError} overloaded, when upstream is not available and too many local searches run
     */
    search(caller: Caller, query: string, page: number) {
      const reference = readFilmReference(toVisible(query))
      const searched: MaybePromise<{ result: CachedResult<unknown>; found: RenderedSearch }> = reference
        ? searchReference(reference, caller, query, page)
        : searchTitles(caller, query, page)
      return chain(searched, ({ result, found }) =>
        chain(ownStates.of(caller.userId), (own) => ({
          result,
          json: searchPayload(inputOf(query, page, result), found, own),
        })),
      )
    },
  }
}

function inputOf(query: string, page: number, { source }: Pick<CachedResult<unknown>, 'source'>) {
  return { query, page, source }
}

/** True for a film of which only a search or a vote is known. */
function isPartial(movie: CachedMovie): boolean {
  return !isOwnId(movie.id) && !movie.complete
}

function isNewer(result: { fetchedAt: Date }, known: CachedMovie | undefined): boolean {
  return known?.syncedAt === undefined || !known.complete || known.syncedAt < result.fetchedAt.getTime()
}

function movieNotFound(id: number | string): never {
  throw new AppError('movie_not_found', { detail: `There is no movie with the id ${id}` })
}
