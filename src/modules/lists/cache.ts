import type { Memory } from '../../cache/cache.ts'
import type { KeptRepository } from './ids-repository.ts'

export type ListShelf = ReturnType<typeof createListShelf>

/** The lists of the users who were here lately, in memory: a set of films each, the newest first. */
export function createListShelf({ kept, memory }: { kept: KeptRepository; memory: Memory }) {
  const of = (list: 'favourites' | 'wishlist') => {
    const shelf = memory.shelf<number, ReadonlySet<number>>({
      name: list,
      sizeOf: ({ size }) => 40 * size,
      dropped: { list: 'one' },
    })
    return { get: shelf.get, find: (id: number) => shelf.find(id, async () => new Set(await kept.find(list, id))) }
  }
  const none: ReadonlySet<number> = new Set()
  const favourites = of('favourites')
  const wishlist = of('wishlist')
  return {
    favourites: async (userId: number) => (await favourites.find(userId)) ?? none,
    wishlist: async (userId: number) => (await wishlist.find(userId)) ?? none,
    /** Both of a user, if they are in memory. */
    bothAtHand(userId: number) {
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
