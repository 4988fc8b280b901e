import type { Cache } from '../../cache/cache.ts'
import type { MaybePromise } from '../../cache/maybe-promise.ts'
import type { OwnState } from '../../http/own-state.ts'
import type { ListIdsRepository } from './ids-repository.ts'

export type ListCache = ReturnType<typeof createListCache>

/** The lists and scores of recent users, in memory: all of a user as one, since every film that a user gets asks for all. */
export function createListCache({ ids, cache }: { ids: ListIdsRepository; cache: Cache }) {
  const region = cache.region<number, OwnState>({
    name: 'own state',
    sizeOf: ({ favourites, wishlist, ratings }) => 80 * (favourites.size + wishlist.size) + 50 * ratings.size,
    invalidatedBy: { list: 'one', rating: 'one' },
  })
  return {
    /** Of a user without any, empty. Without a promise if it is in memory. */
    of: (userId: number) => region.find(userId, () => ids.find(userId)) as MaybePromise<OwnState>,
  }
}
