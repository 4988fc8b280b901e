import { and, eq, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { films } from '../../db/schema/films.ts'
import { favourites, type wishlist } from '../../db/schema/lists.ts'

/** One user list: `table` says which. */
export function createListRepository(db: Db, table: typeof favourites | typeof wishlist) {
  return {
    /** `added` is false when it was there already: of concurrent calls exactly one gets true. */
    async add(userId: number, filmId: number): Promise<{ added: boolean; favouritesCount: number }> {
      // A statement does not see the row it adds, nor one that another has just added for the same user.
      const count = table === favourites ? sql`1 + count(*) filter (where user_id <> ${userId})` : sql`count(*)`
      const [row] = await db.execute<{ added: boolean; favouritesCount: number }>(sql`
        with added as (
          insert into ${table} (user_id, film_id) values (${userId}, ${filmId}) on conflict do nothing returning film_id)
        select exists (select from added) as added, (${count})::int as "favouritesCount"
        from ${favourites} where film_id = ${filmId}`)
      if (!row) throw new Error('a count has one row')
      return row
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
