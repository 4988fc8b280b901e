import { Type } from '@sinclair/typebox'
import { Id, Text } from '../../http/schemas.ts'

export const Genre = Type.Object({ id: Id, name: Type.String() }, { examples: [{ id: 1, name: 'драма' }] })

export const Genres = Type.Array(Genre)

export const GenreBody = Type.Object({ name: Text({ maxLength: 100 }) }, { examples: [{ name: 'драма' }] })
