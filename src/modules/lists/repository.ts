import { and, eq, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { movieColumns, withGenre } from '../../db/movies.ts'
import { paged } from '../../db/page.ts'
import { films } from '../../db/schema/films.ts'
import type { favourites, wishlist } from '../../db/schema/lists.ts'

/** One user list: `table` says which. */
export function createListRepository(db: Db, table: typeof favourites | typeof wishlist) {
  return {
    /** Newest first; all of them without a page. */
    async find(userId: number, page?: number) {
      const all = db
        .select(movieColumns)
        .from(table)
        .innerJoin(films, eq(films.id, table.film_id))
        .where(eq(table.user_id, userId))
        // As the index has it, though neither is ever null: otherwise PostgreSQL sorts the whole list for a page.
        .orderBy(sql`${table.created_at} desc nulls last`, sql`${table.film_id} desc nulls last`)
        .$dynamic()
      const rows = await paged(all, page)
      return rows.map(withGenre)
    },

    /** False when it was there already: of many at once exactly one is told true. */
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
