import { eq, sql } from 'drizzle-orm'
import type { Db } from './connect.ts'
import { filmGenres } from './schema/films.ts'

/**
 * Gives the film these genres, in this order; a genre that is not there yet is made. Names are compared as the database
 * lowers them: JavaScript lowers some letters otherwise.
 */
export async function setGenres(tx: Db, filmId: number, names: string[]): Promise<void> {
  await tx.delete(filmGenres).where(eq(filmGenres.film_id, filmId))
  const wanted = sql`unnest(${sql.param(names)}::text[]) with ordinality as wanted (name, position)`
  // In one order everywhere, so that two transactions can't wait for each other.
  await tx.execute(sql`
    insert into genres (name)
    select distinct on (lower(wanted.name)) wanted.name from ${wanted}
    where not exists (select from genres known where lower(known.name) = lower(wanted.name))
    order by lower(wanted.name), wanted.position
    on conflict do nothing`)
  await tx.execute(sql`
    insert into film_genres (film_id, genre_id, position)
    select ${filmId}, genres.id, min(wanted.position) - 1
    from ${wanted} join genres on lower(genres.name) = lower(wanted.name)
    group by genres.id`)
}
