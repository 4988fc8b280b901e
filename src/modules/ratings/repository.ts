import { and, eq, sql } from 'drizzle-orm'
import { votesColumns } from '../../catalogue/movie-columns.ts'
import { sortedList } from '../../catalogue/sorted-lists.ts'
import { behind, maxKept, newestFirst, positionOf, roomIn } from '../../catalogue/user-lists.ts'
import type { Db } from '../../db/connect.ts'
import { pageOrAll } from '../../db/page.ts'
import { films } from '../../db/schema/films.ts'
import { ratings } from '../../db/schema/ratings.ts'

export { inBatches, pageOf, pageSize } from '../../db/page.ts'
export { maxKept }

const columns = {
  film_id: ratings.film_id,
  value: ratings.value,
  created_at: ratings.created_at,
  updated_at: ratings.updated_at,
}

export type OwnRating = Pick<typeof ratings.$inferSelect, keyof typeof columns>

/** The users' own scores. Sums and counts of the films follow by triggers of the table, in the same transaction. */
export function createRatingRepository(db: Db) {
  const own = (userId: number, filmId: number) => and(eq(ratings.user_id, userId), eq(ratings.film_id, filmId))

  /** One statement. A score that replaces another needs no room. */
  async function tryToPut(userId: number, filmId: number, value: number) {
    const room = sql`case when exists (select from ratings where user_id = ${userId} and film_id = ${filmId}) then 1
      else ${roomIn('ratings', userId)} end`
    const [row] = await db
      .insert(ratings)
      .select(sql`select ${userId}::int, ${filmId}::int, ${value}::smallint, now(), now() where ${room} > 0`)
      .onConflictDoUpdate({
        target: [ratings.user_id, ratings.film_id],
        set: {
          value: sql`excluded.value`,
          // Not now(): that is when a transaction began, and one that began first may commit last.
          updated_at: sql`
            case when ${ratings.value} = excluded.value then ${ratings.updated_at} else clock_timestamp() end`,
        },
      })
      .returning({
        value: ratings.value,
        created_at: ratings.created_at,
        updated_at: ratings.updated_at,
        // Only a row that replaced another has it set.
        added: sql<boolean>`${ratings}.xmax = 0`,
      })
    return row
  }

  return {
    ...sortedList(db, 'ratings'),

    /** Newest change first: a page, or all in batches. */
    list: (userId: number, page?: number) =>
      pageOrAll<OwnRating & { at: string }>(page, ({ last, limit, offset }) =>
        db
          .select({ ...columns, at: positionOf('ratings') })
          .from(ratings)
          .where(and(eq(ratings.user_id, userId), behind('ratings', last)))
          .orderBy(newestFirst('ratings'))
          .limit(limit)
          .offset(offset),
      ),

    /** The scores of some films, in any order. */
    findMany: (userId: number, filmIds: number[]): Promise<OwnRating[]> =>
      db
        .select(columns)
        .from(ratings)
        .where(and(eq(ratings.user_id, userId), sql`${ratings.film_id} = any(${sql.param(filmIds)}::int[])`)),

    /** The film's mean and count with the user's own score, null where there is none; undefined for an unknown film. */
    async find(userId: number, filmId: number) {
      const [row] = await db
        .select({
          film_id: films.id,
          value: ratings.value,
          created_at: ratings.created_at,
          updated_at: ratings.updated_at,
          ...votesColumns,
        })
        .from(films)
        .leftJoin(ratings, own(userId, filmId))
        .where(eq(films.id, filmId))
      return row
    },

    /** Of concurrent calls exactly one gets `added`. The same value again is no change. Undefined when the list is full. */
    async put(userId: number, filmId: number, value: number) {
      // Again where it was not there: a concurrent call may just have rated the film.
      return (await tryToPut(userId, filmId, value)) ?? tryToPut(userId, filmId, value)
    },

    /** False when there was none. */
    async remove(userId: number, filmId: number): Promise<boolean> {
      const rows = await db.delete(ratings).where(own(userId, filmId)).returning({ film_id: ratings.film_id })
      return rows.length > 0
    },
  }
}

export type RatingRepository = ReturnType<typeof createRatingRepository>
