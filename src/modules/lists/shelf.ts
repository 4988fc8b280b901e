import type { Memory } from '../../db/memory.ts'
import type { KeptRepository } from './kept-repository.ts'

export type ListShelf = ReturnType<typeof createListShelf>

/** The lists of the users who were here lately, in memory: a set of films each, the newest first. */
export function createListShelf({ kept, memory }: { kept: KeptRepository; memory: Memory }) {
  const of = (list: 'favourites' | 'wishlist') => {
    const shelf = memory.shelf<number, ReadonlySet<number>>({
      name: list,
      sizeOf: ({ size }) => 40 * size,
      dropped: { list: 'one' },
    })
    return (userId: number) => shelf.find(userId, async () => new Set(await kept.find(list, userId)))
  }
  const none: ReadonlySet<number> = new Set()
  const favourites = of('favourites')
  const wishlist = of('wishlist')
  return {
    favourites: async (userId: number) => (await favourites(userId)) ?? none,
    wishlist: async (userId: number) => (await wishlist(userId)) ?? none,
    /** Both of a user. */
    async both(userId: number) {
      const [favourite, wished] = await Promise.all([favourites(userId), wishlist(userId)])
      return { favourites: favourite ?? none, wishlist: wished ?? none }
    },
  }
}
