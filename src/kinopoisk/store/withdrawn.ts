import { eq, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { films } from '../../db/schema/films.ts'
import { kinopoiskFailures as failures, kinopoiskAnswers as responses } from '../../db/schema/kinopoisk.ts'
import { favourites, wishlist } from '../../db/schema/lists.ts'
import { ratings } from '../../db/schema/ratings.ts'
import { paths } from '../endpoints.ts'

// No response is fresh for so long, so that a 404 that is so is none of upstream's.
const forEver = '9999-01-01T00:00:00Z'
const longest = '9000-01-01T00:00:00Z'

/** Films that an operator wants withdrawn: stored as a 404 that never expires. */
export function createWithdrawnRepository(db: Db) {
  return {
    async findAll(): Promise<number[]> {
      const rows = await db.execute<{ id: number }>(sql`
        select substr(path, ${paths.film.length + 1}::integer)::integer as id from ${responses}
        where expires_at > ${longest} and status = 404`)
      return rows.map((row) => row.id)
    },

    /** Nothing of what upstream said of it stays, except its name where users keep it or it is in the catalogue. */
    async add(id: number): Promise<void> {
      const path = `${paths.film}${id}`
      await db.transaction(async (tx) => {
        const isOfFilm = sql`path in (${path}, ${`/api/v1/staff?filmId=${id}`})
          or starts_with(path, ${`${path}/`}) or starts_with(path, ${`/api/v2.1/films/${id}/`})`
        await tx.delete(responses).where(isOfFilm)
        await tx.delete(failures).where(isOfFilm)
        await tx.insert(responses).values({
          path,
          status: 404,
          fetched_at: new Date(),
          expires_at: new Date(forEver),
        })
        const isKept = [favourites, wishlist, ratings].map(
          (list) => sql`exists (select from ${list} where film_id = ${id})`,
        )
        await tx.delete(films).where(sql`id = ${id} and not listed and not (${sql.join(isKept, sql` or `)})`)
        await tx.execute(sql`
          update ${films} set kinopoisk = null, kinopoisk_synced_at = null, updated_at = now(),
            description = case when listed then description end, poster_url = case when listed then poster_url end,
            rate = case when listed then rate end
          where id = ${id}`)
      })
    },

    /** Upstream may be asked about it again. */
    async remove(id: number): Promise<void> {
      await db.delete(responses).where(sql`${eq(responses.path, `${paths.film}${id}`)} and expires_at > ${longest}`)
    },
  }
}

export type WithdrawnRepository = ReturnType<typeof createWithdrawnRepository>
