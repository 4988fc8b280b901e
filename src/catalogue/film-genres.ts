import { inArray, sql } from 'drizzle-orm'
import type { Db } from '../db/connect.ts'
import { filmGenres } from '../db/schema/films.ts'

/** Gives the film these genres, in this order; a genre that is not there yet is made. */
export function setGenres(tx: Db, filmId: number, names: string[]): Promise<void> {
  return setGenresOf(tx, [{ id: filmId, genres: names }])
}

/** The same for many films. Names are compared as the database lowers them: JavaScript lowers some letters otherwise. */
export async function setGenresOf(tx: Db, films: { id: number; genres: string[] }[]): Promise<void> {
  const ids = films.map((film) => film.id)
  await tx.delete(filmGenres).where(inArray(filmGenres.film_id, ids))
  const names = films.flatMap((film) => film.genres)
  const filmIds = films.flatMap((film) => film.genres.map(() => film.id))
  const wanted = sql`unnest(${sql.param(filmIds)}::int[], ${sql.param(names)}::text[])
    with ordinality as wanted (film_id, name, place)`
  // In one order everywhere, so that two transactions can't wait for each other.
  await tx.execute(sql`
    insert into genres (name)
    select distinct on (lower(wanted.name)) wanted.name from ${wanted}
    where not exists (select from genres known where lower(known.name) = lower(wanted.name))
    order by lower(wanted.name), wanted.place
    on conflict do nothing`)
  await tx.execute(sql`
    insert into film_genres (film_id, genre_id, position)
    select wanted.film_id, genres.id, row_number() over (partition by wanted.film_id order by min(wanted.place)) - 1
    from ${wanted} join genres on lower(genres.name) = lower(wanted.name)
    group by wanted.film_id, genres.id`)
}
