import { sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { pageSize } from '../../db/page.ts'
import { favourites, wishlist } from '../../db/schema/lists.ts'

export { pageSize }

export function createListIdsRepository(db: Db) {
  const of = (table: typeof favourites | typeof wishlist) =>
    db
      .select({ id: table.film_id })
      .from(table)
      .where(sql`${table.user_id} = ${sql.placeholder('userId')}`)
      // As the index has it, though neither is ever null: otherwise PostgreSQL sorts the list.
      .orderBy(sql`${table.created_at} desc nulls last`, sql`${table.film_id} desc nulls last`)
  const lists = {
    favourites: of(favourites).prepare('favourites_of_user'),
    wishlist: of(wishlist).prepare('wishlist_of_user'),
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
