import { Type } from '@sinclair/typebox'
import { IdOf, Nullable } from '../../http/schemas.ts'

export const AddBody = Type.Object(
  {
    kinopoisk_id: Type.Optional(Nullable(IdOf('The Kinopoisk id, or the id of a film made here'))),
    id: Type.Optional(Nullable(IdOf('The same'))),
    movie_id: Type.Optional(Nullable(IdOf('The same'))),
  },
  {
    title: 'AddMovieBody',
    description: 'The id of the movie under any of the names',
    examples: [{ kinopoisk_id: 301 }],
  },
)
