import { type AnyColumn, type SQL, sql } from 'drizzle-orm'
import { newestFirst } from '../../catalogue/user-lists.ts'
import type { Db } from '../../db/connect.ts'
import { favourites, wishlist } from '../../db/schema/lists.ts'
import { ratings } from '../../db/schema/ratings.ts'

export function createListIdsRepository(db: Db) {
  const of = (table: typeof favourites | typeof wishlist | typeof ratings, value: SQL<number> | AnyColumn) =>
    db
      .select({ id: table.film_id, value: sql<number>`${value}` })
      .from(table)
      .where(sql`${table.user_id} = ${sql.placeholder('userId')}`)
  const since = (column: AnyColumn) => sql<number>`(extract(epoch from ${column}) * 1000)::float8`
  const lists = {
    favourites: of(favourites, since(favourites.created_at))
      .orderBy(newestFirst('favourites'))
      .prepare('favourites_of_user'),
    wishlist: of(wishlist, since(wishlist.created_at)).orderBy(newestFirst('wishlist')).prepare('wishlist_of_user'),
    ratings: of(ratings, ratings.value).prepare('scores_of_user'),
  }
  const find = async (list: keyof typeof lists, userId: number) => {
    const rows = await lists[list].execute({ userId })
    return new Map(rows.map(({ id, value }) => [id, value]))
  }
  return {
    /** A user's lists, newest first, by film since when it is there, in ms since 1970; and the scores. */
    async find(userId: number) {
      const [favourites, wishlist, ratings] = await Promise.all([
        find('favourites', userId),
        find('wishlist', userId),
        find('ratings', userId),
      ])
      return { favourites, wishlist, ratings }
    },
  }
}

export type ListIdsRepository = ReturnType<typeof createListIdsRepository>
