import { Type } from '@sinclair/typebox'
import { Id, Page, Text } from '../../schemas.ts'

export const Genre = Type.Object({ id: Id, name: Type.String() }, { examples: [{ id: 1, name: 'драма' }] })

export const Genres = Type.Array(Genre)

export const GenreBody = Type.Object({ name: Text({ maxLength: 100 }) }, { examples: [{ name: 'драма' }] })

export const GenreParams = Type.Object({ id: Id })

export const PageQuery = Type.Object({
  page: Type.Optional({ ...Page, description: 'Pages of 12; everything without it' }),
})
