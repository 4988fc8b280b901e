import { Type } from '@sinclair/typebox'
import { IdOf, Line, Text } from '../../http/schemas.ts'

export const Genre = Type.Object(
  { id: IdOf('The id of the genre'), name: Line(100, 'Its name, in lower case as Kinopoisk has it') },
  { title: 'Genre', description: 'A genre of the catalogue', examples: [{ id: 1, name: 'драма' }] },
)

export const Genres = Type.Array(Genre, {
  title: 'Genres',
  maxItems: 10_000_000,
  description: 'Genres, by id',
  examples: [Genre.examples],
})

export const GenreBody = Type.Object(
  { name: Text({ maxLength: 100, description: 'The name; unique, in any case', examples: ['драма'] }) },
  { title: 'GenreBody', description: 'A genre to be', examples: [{ name: 'нуар' }] },
)
