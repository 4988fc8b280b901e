import { Type } from '@sinclair/typebox'
import { Id, Page } from '../../schemas.ts'

export const ListQuery = Type.Object({
  page: Type.Optional({ ...Page, description: 'Pages of 12; all movies without it' }),
})

export const AddBody = Type.Object(
  { kinopoisk_id: Type.Optional(Id), id: Type.Optional(Id), movie_id: Type.Optional(Id) },
  { description: 'The id of the movie under any of the names', examples: [{ kinopoisk_id: 301 }] },
)

export const ItemParams = Type.Object({ id: Id })
