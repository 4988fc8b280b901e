import { type SQL, sql } from 'drizzle-orm'
import { newestFirst, sentTime } from '../../catalogue/user-lists.ts'
import type { Db } from '../../db/connect.ts'
import { favourites, wishlist } from '../../db/schema/lists.ts'
import { ratings } from '../../db/schema/ratings.ts'

export function createListIdsRepository(db: Db) {
  const of = <V>(table: typeof favourites | typeof wishlist | typeof ratings, value: SQL<V>) =>
    db
      .select({ id: table.film_id, value })
      .from(table)
      .where(sql`${table.user_id} = ${sql.placeholder('userId')}`)
  const readFavourites = of(favourites, sentTime(favourites.created_at))
    .orderBy(newestFirst('favourites'))
    .prepare('favourites_of_user')
  const readWishlist = of(wishlist, sentTime(wishlist.created_at))
    .orderBy(newestFirst('wishlist'))
    .prepare('wishlist_of_user')
  const readScores = of(ratings, sql<number>`${ratings.value}`).prepare('scores_of_user')
  return {
    /** A user's lists, newest first, by film since when it is there, as it is sent; and the scores. */
    async find(userId: number) {
      const [favourites, wishlist, ratings] = await Promise.all([
        readFavourites.execute({ userId }),
        readWishlist.execute({ userId }),
        readScores.execute({ userId }),
      ])
      return { favourites: byFilm(favourites), wishlist: byFilm(wishlist), ratings: byFilm(ratings) }
    },
  }
}

function byFilm<V>(rows: { id: number; value: V }[]): Map<number, V> {
  return new Map(rows.map(({ id, value }) => [id, value]))
}

export type ListIdsRepository = ReturnType<typeof createListIdsRepository>
