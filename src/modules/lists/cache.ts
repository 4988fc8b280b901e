import type { Cache } from '../../cache/cache.ts'
import { chain, type MaybePromise } from '../../cache/maybe-promise.ts'
import type { OwnState } from '../../http/own-state.ts'
import type { ListIdsRepository } from './ids-repository.ts'

export type ListCache = ReturnType<typeof createListCache>

const none: ReadonlyMap<number, number> = new Map()

/** The lists and scores of recent users, in memory: by film, the newest first, since when it is there; or the score. */
export function createListCache({ ids, cache }: { ids: ListIdsRepository; cache: Cache }) {
  const of = (list: keyof OwnState, topic: 'list' | 'rating') => {
    const region = cache.region<number, ReadonlyMap<number, number>>({
      name: list,
      sizeOf: ({ size }) => 50 * size,
      invalidatedBy: { [topic]: 'one' },
    })
    return (userId: number) => region.find(userId, async () => new Map(await ids.find(list, userId)))
  }
  const favourites = of('favourites', 'list')
  const wishlist = of('wishlist', 'list')
  const ratings = of('ratings', 'rating')
  return {
    /** All of a user. Without a promise if it is in memory. */
    of(userId: number): MaybePromise<OwnState> {
      // All are begun before one is waited for.
      const [favourite, wished, rated] = [favourites(userId), wishlist(userId), ratings(userId)]
      return chain(favourite, (favourites = none) =>
        chain(wished, (wishlist = none) => chain(rated, (ratings = none) => ({ favourites, wishlist, ratings }))),
      )
    },
  }
}
