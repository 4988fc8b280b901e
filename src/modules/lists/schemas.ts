import { Type } from '@sinclair/typebox'
import { Id, Nullable, Page } from '../../schemas.ts'

export const ListQuery = Type.Object({
  page: Type.Optional({ ...Page, description: 'Pages of 12; all movies without it' }),
})

export const AddBody = Type.Object(
  {
    kinopoisk_id: Type.Optional(Nullable(Id)),
    id: Type.Optional(Nullable(Id)),
    movie_id: Type.Optional(Nullable(Id)),
  },
  { description: 'The id of the movie under any of the names', examples: [{ kinopoisk_id: 301 }] },
)

export const ItemParams = Type.Object({ id: Id })
