import type { OwnStates } from '../../../http/own-state.ts'
import type { CachedResult, Gateway } from '../../../kinopoisk/gateway.ts'
import type { Caller } from '../../../kinopoisk/request.ts'
import type { SupplementName, SupplementQuery } from '../../../kinopoisk/supplements/table.ts'
import type { MovieService } from '../service.ts'

export type SupplementService = ReturnType<typeof createSupplementService>

type Selection = 'premieres' | 'collections'
/** What Kinopoisk has about one film, beside its details. */
export type FilmSupplement = Exclude<SupplementName, Selection | 'person'>

interface Dependencies {
  movies: Pick<MovieService, 'find' | 'isOfKinopoisk' | 'isKnown'>
  ownStates: OwnStates
  kinopoisk: Pick<Gateway, 'supplement'>
}

/** What a list says where there is nothing. */
const nothing = {
  ...{ total: 0, pages: 0, total_positive: 0, total_negative: 0, total_neutral: 0 },
  items: [] as object[],
}

export function createSupplementService({ movies, ownStates, kinopoisk }: Dependencies) {
  /** The items that are films, with whether they are in the user's lists. */
  async function withFlags(userId: number, items: object[]) {
    const { favourites, wishlist, ratings } = await ownStates.of(userId)
    return items.map((item) => {
      const id = 'kinopoisk_id' in item ? Number(item.kinopoisk_id) : undefined
      if (id === undefined) return item
      const lists = { is_favorite: favourites.has(id), in_wishlist: wishlist.has(id) }
      return { ...item, ...lists, my_rating: ratings.get(id) ?? null }
    })
  }

  async function respond(query: object, result: CachedResult<object | null>, { userId }: Caller) {
    const { items, ...rest } = { ...nothing, ...result.value }
    const list = { ...query, ...rest, items: await withFlags(userId, items), source: result.source }
    return { list, result }
  }

  return {
    /**
     * A list about a film, and how it came (undefined for a film made here: Kinopoisk has nothing about it).
     * @throws {AppError} movie_not_found, or upstream_* when it is not stored and upstream is not available
     */
    async ofFilm(name: FilmSupplement, query: SupplementQuery<FilmSupplement>, caller: Caller) {
      if (!(await movies.isOfKinopoisk(query.id))) {
        await movies.find(query.id, caller)
        return { list: { ...query, ...nothing, source: 'local' }, result: undefined }
      }
      const result = await kinopoisk.supplement(name, query, caller)
      // Nothing about a film that exists, or no such film?
      const isEmpty = !result.value || result.value.items.length === 0
      if (isEmpty && !(await movies.isKnown(query.id))) await movies.find(query.id, caller)
      return respond(query, result, caller)
    },

    /** The films of a month or a collection. @throws {AppError} upstream_* when they are not stored and it is not available */
    async select<N extends Selection>(name: N, query: SupplementQuery<N>, caller: Caller) {
      return respond(query, await kinopoisk.supplement<Selection>(name, query, caller), caller)
    },
  }
}
