import { Type } from '@sinclair/typebox'
import { Page } from '../../../http/schemas.ts'

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
  page: Type.Optional({ ...Page, description: 'Pages of 12; everything without it' }),
})
