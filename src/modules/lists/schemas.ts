import { Type } from '@sinclair/typebox'
import { Id, Nullable } from '../../http/schemas.ts'

export const AddBody = Type.Object(
  {
    kinopoisk_id: Type.Optional(Nullable(Id)),
    id: Type.Optional(Nullable(Id)),
    movie_id: Type.Optional(Nullable(Id)),
  },
  { description: 'The id of the movie under any of the names', examples: [{ kinopoisk_id: 301 }] },
)
