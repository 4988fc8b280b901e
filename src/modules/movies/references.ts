import type { MaybePromise } from '../../cache/maybe-promise.ts'
import { isUpstream } from '../../errors.ts'
import type { CachedResult, Gateway } from '../../kinopoisk/gateway.ts'
import type { Caller, Purpose } from '../../kinopoisk/request.ts'
import type { FilmReference } from '../../text/film-reference.ts'
import type { CachedMovie } from './cache.ts'
import type { MovieRepository } from './repository.ts'
import type { SearchRepository } from './search/repository.ts'

interface Dependencies {
  movies: Pick<MovieRepository, 'findByImdb'>
  readItems: SearchRepository['readItems']
  kinopoisk: Pick<Gateway, 'imdb' | 'stored' | 'fallback'>
  /** Upstream's result for a film of Kinopoisk, and the movie; neither for an id that upstream is not asked about. */
  sync(
    id: number,
    caller: Caller,
  ): MaybePromise<{ movie?: CachedMovie | undefined; result?: CachedResult<unknown> | undefined }>
}

interface FoundFilms {
  /** Those that are not stored are left out. */
  ids: number[]
  result: CachedResult<unknown>
}

/** Films by an address or id that somebody pasted, without a search of upstream. */
export function createFilmReferences({ movies, readItems, kinopoisk, sync }: Dependencies) {
  async function findByKinopoiskId(id: number, caller: Caller): Promise<FoundFilms> {
    try {
      const { movie, result } = await sync(id, caller)
      return { ids: movie ? [id] : [], result: result ?? kinopoisk.stored(undefined) }
    } catch (error) {
      return { ids: [id], result: unavailable(error) }
    }
  }

  /** Known films first: what upstream said of them is as good as a search. */
  async function findByImdb(imdbId: string, caller: Caller): Promise<FoundFilms> {
    const known = await movies.findByImdb(imdbId)
    if (known[0]) return { ids: known.map(({ id }) => id), result: kinopoisk.stored(known[0].syncedAt) }
    return kinopoisk.imdb(imdbId, caller).then(
      (result) => ({ ids: result.value, result }),
      (error) => ({ ids: [], result: unavailable(error) }),
    )
  }

  function unavailable(error: unknown): CachedResult<null> {
    if (!isUpstream(error)) throw error
    return kinopoisk.fallback('local', undefined, error.code)
  }

  return {
    /** As a search finds films; `page` from 1. */
    async search(reference: FilmReference, page: number, caller: Caller) {
      const { ids, result } =
        'imdbId' in reference
          ? await findByImdb(reference.imdbId, caller)
          : await findByKinopoiskId(reference.kinopoiskId, caller)
      const items = ids.length > 0 ? await readItems(ids) : []
      const pages = items.length > 0 ? 1 : 0
      return { result, found: { total: items.length, pages, items: page === 1 ? items : [] } }
    },

    /** The id of the film with an IMDb id; undefined when neither we nor upstream know one. @throws {AppError} upstream_* */
    async findId(imdbId: string, caller: Caller): Promise<number | undefined> {
      const [known] = await movies.findByImdb(imdbId)
      return known?.id ?? (await kinopoisk.imdb(imdbId, caller)).value[0]
    },

    /** The ids of the films that upstream says an IMDb id is of. @throws {AppError} upstream_* */
    findIds: async (imdbId: string, caller: Caller, purpose: Purpose): Promise<number[]> =>
      (await kinopoisk.imdb(imdbId, caller, purpose)).value,
  }
}
