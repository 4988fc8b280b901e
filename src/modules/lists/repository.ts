import { and, eq } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { films } from '../../db/schema/films.ts'
import type { favourites, wishlist } from '../../db/schema/lists.ts'

/** One user list: `table` says which. */
export function createListRepository(db: Db, table: typeof favourites | typeof wishlist) {
  return {
    /** False when it was there already: of concurrent calls exactly one gets true. */
    async add(userId: number, filmId: number): Promise<boolean> {
      const added = await db
        .insert(table)
        .values({ user_id: userId, film_id: filmId })
        .onConflictDoNothing()
        .returning({ film_id: table.film_id })
      return added.length > 0
    },

    async remove(userId: number, filmId: number): Promise<void> {
      await db.delete(table).where(and(eq(table.user_id, userId), eq(table.film_id, filmId)))
    },

    async isFilm(filmId: number): Promise<boolean> {
      const rows = await db.select({ id: films.id }).from(films).where(eq(films.id, filmId))
      return rows.length > 0
    },
  }
}

export type ListRepository = ReturnType<typeof createListRepository>
