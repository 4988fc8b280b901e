import { Type } from '@sinclair/typebox'
import { Id, Nullable, Page, Text } from '../../schemas.ts'

const BirthDate = Nullable(Type.String({ format: 'date', minLength: 10, maxLength: 10, examples: ['1930-05-31'] }))

export const Director = Type.Object(
  {
    id: Id,
    name: Type.String(),
    date_of_birth: Nullable(Type.String({ format: 'date' })),
    photo_url: Nullable(Type.String()),
  },
  { examples: [{ id: 1, name: 'Клинт Иствуд', date_of_birth: '1930-05-31', photo_url: null }] },
)

export const Directors = Type.Array(Director)

export const DirectorBody = Type.Object(
  { name: Text({ maxLength: 200 }), date_of_birth: Type.Optional(BirthDate) },
  { examples: [{ name: 'Клинт Иствуд', date_of_birth: '1930-05-31' }] },
)

export const DirectorChange = Type.Partial(DirectorBody, {
  description: 'Only what is named changes',
  examples: [{ date_of_birth: '1930-05-31' }],
})

export const DirectorParams = Type.Object({ id: Id })

export const PageQuery = Type.Object({
  page: Type.Optional({ ...Page, description: 'Pages of 12; everything without it' }),
})
