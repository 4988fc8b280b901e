import { and, desc, eq, sql } from 'drizzle-orm'
import { movieColumns, withGenre } from '../../catalogue/movie-columns.ts'
import type { Db } from '../../db/connect.ts'
import { paged } from '../../db/page.ts'
import { films } from '../../db/schema/films.ts'
import { ratings } from '../../db/schema/ratings.ts'

/** The users' own scores. Sums and counts of the films follow by triggers of the table, in the same transaction. */
export function createRatingRepository(db: Db) {
  const own = (userId: number, filmId: number) => and(eq(ratings.user_id, userId), eq(ratings.film_id, filmId))
  return {
    /** Newest change first; all of them without a page. */
    async list(userId: number, page?: number) {
      const all = db
        .select({
          film_id: ratings.film_id,
          value: ratings.value,
          created_at: ratings.created_at,
          updated_at: ratings.updated_at,
          movie: movieColumns,
        })
        .from(ratings)
        .innerJoin(films, eq(films.id, ratings.film_id))
        .where(eq(ratings.user_id, userId))
        .orderBy(desc(ratings.updated_at), desc(ratings.film_id))
        .$dynamic()
      const rows = await paged(all, page)
      return rows.map(({ movie, ...rating }) => ({ ...rating, movie: withGenre(movie) }))
    },

    /** The film's mean and count with the user's own score, null where there is none; undefined for an unknown film. */
    async find(userId: number, filmId: number) {
      const [row] = await db
        .select({
          film_id: films.id,
          value: ratings.value,
          created_at: ratings.created_at,
          updated_at: ratings.updated_at,
          user_rate: movieColumns.user_rate,
          user_votes: films.user_votes,
        })
        .from(films)
        .leftJoin(ratings, own(userId, filmId))
        .where(eq(films.id, filmId))
      return row
    },

    /** One statement, so of concurrent calls exactly one gets `added`. The same value again is no change. */
    async put(userId: number, filmId: number, value: number) {
      const [row] = await db
        .insert(ratings)
        .values({ user_id: userId, film_id: filmId, value })
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
      return row as NonNullable<typeof row>
    },

    /** False when there was none. */
    async remove(userId: number, filmId: number): Promise<boolean> {
      const rows = await db.delete(ratings).where(own(userId, filmId)).returning({ film_id: ratings.film_id })
      return rows.length > 0
    },
  }
}

export type RatingRepository = ReturnType<typeof createRatingRepository>
