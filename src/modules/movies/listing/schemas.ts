import { Type } from '@sinclair/typebox'
import { Id, Page } from '../../../http/schemas.ts'

const Status = Type.Optional(
  Type.Unsafe<'new'>({
    type: 'string',
    transform: ['trim', 'toLowerCase'],
    enum: ['new'],
    description: 'Newest year first, then by id descending; in any case. `status` and `state` are the same',
    examples: ['new'],
  }),
)

export const CatalogueQuery = Type.Object({
  status: Status,
  state: Status,
  director_id: Type.Optional(Id),
  genre_id: Type.Optional({ ...Id, description: 'Films that have this genre, also as another than their first' }),
  year: Type.Optional(Type.Integer({ minimum: 1800, maximum: 2200, examples: [1999] })),
  page: Type.Optional({ ...Page, description: 'Pages of 12; everything without it' }),
})
