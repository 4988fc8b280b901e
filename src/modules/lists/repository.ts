import { and, eq, sql } from 'drizzle-orm'
import { sortedList } from '../../catalogue/sorted-lists.ts'
import { behind, newestFirst, type Position, positionOf, roomIn, sentTime } from '../../catalogue/user-lists.ts'
import type { Db } from '../../db/connect.ts'
import { pageOrAll } from '../../db/page.ts'
import { films } from '../../db/schema/films.ts'
import { favourites, wishlist } from '../../db/schema/lists.ts'

export type { ListEntry } from '../../catalogue/sorted-lists.ts'
export { maxKept } from '../../catalogue/user-lists.ts'
export { batchSize, inBatches, pageOf } from '../../db/page.ts'

const tables = { favourites, wishlist }

type Added = { added: boolean; favouritesCount: number; addedAt: string }

/** One of the user's lists. */
export function createListRepository(db: Db, list: keyof typeof tables) {
  const table = tables[list]

  /** `kept`: it was in the list before. */
  async function tryToAdd(userId: number, filmId: number): Promise<Added & { kept: boolean }> {
    const keptSince = sql`select created_at from ${table} where user_id = ${userId} and film_id = ${filmId}`
    const kept = sql`exists (select from ${table} where user_id = ${userId} and film_id = ${filmId})`
    // A statement does not see the row it adds, nor one that another has just added for the same user.
    const count = list === 'favourites' ? sql`1 + count(*) filter (where user_id <> ${userId})` : sql`count(*)`
    const [row] = await db.execute<Added & { kept: boolean }>(sql`
      with added as (
        insert into ${table} (user_id, film_id)
        select ${userId}::int, ${filmId}::int where case when ${kept} then false else ${roomIn(list, userId)} > 0 end
        on conflict do nothing returning created_at)
      select exists (select from added) as added, ${kept} as kept, (${count})::int as "favouritesCount",
        ${sentTime(sql`coalesce((select created_at from added), (${keptSince}), now())`)} as "addedAt"
      from ${favourites} where film_id = ${filmId}`)
    if (!row) throw new Error('a count has one row')
    return row
  }

  return {
    ...sortedList(db, list),

    /** The films, newest first, in batches. */
    batches: (userId: number) =>
      pageOrAll<Position>(undefined, ({ last, limit }) =>
        db
          .select({ film_id: table.film_id, at: positionOf(list) })
          .from(table)
          .where(and(eq(table.user_id, userId), behind(list, last)))
          .orderBy(newestFirst(list))
          .limit(limit),
      ),

    /**
     * `added` is false when it was there already: of concurrent calls exactly one gets true. Undefined when the list is
     * full.
     */
    async add(userId: number, filmId: number): Promise<Added | undefined> {
      const first = await tryToAdd(userId, filmId)
      if (first.added || first.kept) return first
      // The list is full, or a concurrent call has just added the film.
      const second = await tryToAdd(userId, filmId)
      return second.added || second.kept ? second : undefined
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
