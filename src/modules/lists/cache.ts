import type { Cache } from '../../cache/cache.ts'
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
    return { get: region.get, find: (id: number) => region.find(id, async () => new Set(await ids.find(list, id))) }
  }
  const none: ReadonlySet<number> = new Set()
  const favourites = of('favourites')
  const wishlist = of('wishlist')
  return {
    favourites: async (userId: number) => (await favourites.find(userId)) ?? none,
    wishlist: async (userId: number) => (await wishlist.find(userId)) ?? none,
    /** Both of a user, if they are in memory. */
    bothCached(userId: number) {
      const [favourite, wished] = [favourites.get(userId), wishlist.get(userId)]
      return favourite && wished ? { favourites: favourite, wishlist: wished } : undefined
    },
    /** Both of a user. */
    async both(userId: number) {
      const [favourite, wished] = await Promise.all([favourites.find(userId), wishlist.find(userId)])
      return { favourites: favourite ?? none, wishlist: wished ?? none }
    },
  }
}
