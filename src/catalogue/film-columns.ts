import { sql } from 'drizzle-orm'
import { directors } from '../db/schema/directors.ts'
import { films } from '../db/schema/films.ts'
import { kinopoiskIdSql } from './film-ids.ts'
import { type PosterOf, votesColumns } from './movie-columns.ts'

/** The film vocabulary over a row joined with its director; expressions name their table themselves, as in catalogue/movie-columns.ts. */
export const filmColumns = {
  id: films.id,
  name: films.name,
  original_name: films.original_name,
  genres: sql<string[]>`array(select g.name from film_genres fg join genres g on g.id = fg.genre_id
    where fg.film_id = films.id order by fg.position)`,
  director_id: films.director_id,
  director: { id: directors.id, name: directors.name },
  rate: films.rate,
  year: films.year,
  minutes: films.minutes,
  description: films.description,
  trailer: films.trailer,
  poster_url: films.poster_url,
  kinopoisk_id: sql<number | null>`${sql.raw(kinopoiskIdSql)}`,
  ...votesColumns,
  created_at: films.created_at,
  updated_at: films.updated_at,
}

interface FilmRow {
  id: number
  genres: string[]
  poster_url: string | null
}

/** The first genre stands out, for clients that know only one; and the picture has an address here. */
export function toFilm<T extends FilmRow>(film: T, posterOf: PosterOf) {
  return { ...film, genre: film.genres[0] ?? null, poster: posterOf(film.id, film.poster_url) }
}
