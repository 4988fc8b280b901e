import type { Cache } from '../../cache/cache.ts'
import { chainBoth } from '../../cache/maybe-promise.ts'
import type { ListIdsRepository } from './ids-repository.ts'

export type ListCache = ReturnType<typeof createListCache>

/** The lists of recent users, in memory: a set of film ids each, the newest first. */
export function createListCache({ ids, cache }: { ids: ListIdsRepository; cache: Cache }) {
  const of = (list: 'favourites' | 'wishlist') => {
    const region = cache.region<number, ReadonlySet<number>>({
      name: list,
      sizeOf: ({ size }) => 40 * size,
      invalidatedBy: { list: 'one' },
    })
    return (id: number) => region.find(id, async () => new Set(await ids.find(list, id)))
  }
  const none: ReadonlySet<number> = new Set()
  const favourites = of('favourites')
  const wishlist = of('wishlist')
  return {
    favourites: async (userId: number) => (await favourites(userId)) ?? none,
    wishlist: async (userId: number) => (await wishlist(userId)) ?? none,
    /** Both of a user. */
    both(userId: number) {
      return chainBoth(favourites(userId), wishlist(userId), (favourites = none, wishlist = none) => ({
        favourites,
        wishlist,
      }))
    },
  }
}
