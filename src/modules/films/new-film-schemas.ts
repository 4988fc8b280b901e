import { type TObject, type TSchema, Type } from '@sinclair/typebox'
import { FilmBody, having } from './schemas.ts'

const { properties, examples } = FilmBody
const { genre, genres, kinopoisk_id, name, director_id, rate, year, minutes, ...optional } = properties
const needed = { name, director_id, rate, year, minutes }

const ByGenre = variant(
  'NewFilmByGenre',
  { ...needed, genre, genres, ...optional },
  [...Object.keys(needed), 'genre'],
  'A film of our own, with its main genre and maybe more',
  { not: having('kinopoisk_id') },
)

const ByGenres = variant(
  'NewFilmByGenres',
  { ...needed, genres, ...optional },
  [...Object.keys(needed), 'genres'],
  'A film of our own, with all of its genres, the main one first',
  { not: { anyOf: [having('kinopoisk_id'), having('genre')] } },
)

const OfKinopoisk = variant(
  'NewFilmOfKinopoisk',
  { kinopoisk_id, ...needed, genre, genres, ...optional },
  ['kinopoisk_id'],
  'A film of Kinopoisk by its id; what else is given comes before what Kinopoisk tells',
)

/** `FilmBody` as the document has it: which members a body needs depends on its kind, and generators read `oneOf`. */
export const NewFilm = Type.Unsafe<unknown>({
  title: 'NewFilm',
  description: 'A film of our own, or one of Kinopoisk by its id. A genre that is not there yet is made',
  oneOf: [ByGenre, ByGenres, OfKinopoisk],
  examples,
})

function variant(
  title: string,
  members: Record<string, TSchema>,
  required: string[],
  description: string,
  also: object = {},
): TObject {
  return { ...Type.Object(members), title, description, required, ...also }
}
