import { Type } from '@sinclair/typebox'
import { IdOf, Page, YearOf } from '../../../http/schemas.ts'

const Status = Type.Optional(
  Type.Unsafe<'new'>({
    title: 'MovieOrder',
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
  director_id: Type.Optional(IdOf('Films of this director')),
  genre_id: Type.Optional(IdOf('Films that have this genre, also as another than their first')),
  year: Type.Optional(YearOf('Films of this year')),
  page: Type.Optional({ ...Page, description: 'Pages of 12; everything without it' }),
})
