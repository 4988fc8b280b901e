import { Type } from '@sinclair/typebox'
import { Id, PageQuery, Text } from '../../http/schemas.ts'

export const Genre = Type.Object({ id: Id, name: Type.String() }, { examples: [{ id: 1, name: 'драма' }] })

/** As a listing has it. */
export const ListedGenre = Type.Object(
  {
    ...Genre.properties,
    films_count: Type.Optional(
      Type.Integer({ minimum: 0, description: 'How many films of the catalogue have it; with `with=counts`' }),
    ),
  },
  { examples: [{ id: 1, name: 'драма', films_count: 12 }] },
)

export const GenreQuery = Type.Object({
  ...PageQuery.properties,
  with: Type.Optional(Type.Unsafe<'counts'>({ type: 'string', enum: ['counts'], examples: ['counts'] })),
})

export const Genres = Type.Array(ListedGenre)

export const GenreBody = Type.Object({ name: Text({ maxLength: 100 }) }, { examples: [{ name: 'драма' }] })
