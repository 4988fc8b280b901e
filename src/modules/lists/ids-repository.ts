import { sql } from 'drizzle-orm'
import { newestFirst } from '../../catalogue/user-lists.ts'
import type { Db } from '../../db/connect.ts'
import { favourites, wishlist } from '../../db/schema/lists.ts'

export { batchSize, pageSize } from '../../db/page.ts'

export function createListIdsRepository(db: Db) {
  const of = (table: typeof favourites | typeof wishlist, list: 'favourites' | 'wishlist') =>
    db
      .select({ id: table.film_id })
      .from(table)
      .where(sql`${table.user_id} = ${sql.placeholder('userId')}`)
      .orderBy(newestFirst(list))
  const lists = {
    favourites: of(favourites, 'favourites').prepare('favourites_of_user'),
    wishlist: of(wishlist, 'wishlist').prepare('wishlist_of_user'),
  }
  return {
    /** The ids of the films in a user's list, newest first. */
    async find(list: keyof typeof lists, userId: number): Promise<number[]> {
      const rows = await lists[list].execute({ userId })
      return rows.map((row) => row.id)
    },
  }
}

export type ListIdsRepository = ReturnType<typeof createListIdsRepository>
