import { sql } from 'drizzle-orm'
import { films } from '../db/schema/films.ts'
import { kinopoiskIdSql } from './film-ids.ts'

/** What the users of this service think of a film; the expressions name its row `films`. */
export const votesColumns = {
  user_rate: sql<number | null>`(
    select round(rate_sum::numeric / nullif(votes, 0), 2)::float8 from film_votes where film_id = films.id)`,
  user_votes: sql<number>`coalesce((select votes from film_votes where film_id = films.id), 0)`,
}

/**
 * The movie vocabulary over a film row: a select with other names, shared by the modules that serve movies.
 * `description` and `trailer` are never null: a client we don't control crashes on null. Columns inside of expressions are
 * written out, because Drizzle names them without their table, and inside of a subselect that is another's column.
 */
export const movieColumns = {
  id: films.id,
  kinopoisk_id: sql<number | null>`${sql.raw(kinopoiskIdSql)}`,
  title: films.name,
  original_title: films.original_name,
  description: sql<string>`coalesce(films.description, '')`,
  trailer: sql<string>`coalesce(films.trailer, '')`,
  year: films.year,
  rating: sql<number | null>`films.rate::float8`,
  minutes: films.minutes,
  genres: sql<{ id: number; name: string }[]>`coalesce((
    select json_agg(json_build_object('id', g.id, 'name', g.name) order by fg.position)
    from film_genres fg join genres g on g.id = fg.genre_id where fg.film_id = films.id), '[]')`,
  director_id: films.director_id,
  director: sql<{ id: number; name: string } | null>`(
    select json_build_object('id', d.id, 'name', d.name) from directors d where d.id = films.director_id)`,
  poster_url: films.poster_url,
  favorites_count: sql<number>`(select count(*)::int from favourites where film_id = films.id)`,
  ...votesColumns,
  kinopoisk: films.kinopoisk,
}

interface MovieRow {
  id: number
  genres: { id: number; name: string }[]
  poster_url: string | null
}

/** The path of a film's picture here; null where there is none to be had. */
export type PosterOf = (id: number, url: string | null) => string | null

/** The first genre stands out, for clients that know only one; and the picture has an address here. */
export function toMovie<T extends MovieRow>(movie: T, posterOf: PosterOf) {
  const [genre = null] = movie.genres
  return { ...movie, genre_id: genre?.id ?? null, genre, poster: posterOf(movie.id, movie.poster_url) }
}
