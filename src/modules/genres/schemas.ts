import { Type } from '@sinclair/typebox'
import { CountOf, IdOf, Line, PageQuery, Text } from '../../http/schemas.ts'

export const Genre = Type.Object(
  { id: IdOf('The id of the genre'), name: Line(100, 'Its name, in lower case as Kinopoisk has it') },
  { title: 'Genre', description: 'A genre of the catalogue', examples: [{ id: 1, name: 'драма' }] },
)

/** As a listing has it. */
export const ListedGenre = Type.Object(
  {
    ...Genre.properties,
    films_count: Type.Optional(CountOf('How many films of the catalogue have it; with `with=counts`')),
  },
  {
    title: 'ListedGenre',
    description: 'A genre, with its films counted where that was asked for',
    examples: [{ id: 1, name: 'драма', films_count: 12 }],
  },
)

export const GenreQuery = Type.Object({
  ...PageQuery.properties,
  with: Type.Optional(
    Type.Unsafe<'counts'>({
      type: 'string',
      enum: ['counts'],
      examples: ['counts'],
      description: '`counts`: also how many films have each',
    }),
  ),
})

export const Genres = Type.Array(ListedGenre, {
  title: 'Genres',
  maxItems: 10_000_000,
  description: 'Genres, by id',
  examples: [Genre.examples],
})

export const GenreBody = Type.Object(
  { name: Text({ maxLength: 100, description: 'The name; unique, in any case', examples: ['драма'] }) },
  { title: 'GenreBody', description: 'A genre to be', examples: [{ name: 'нуар' }] },
)
