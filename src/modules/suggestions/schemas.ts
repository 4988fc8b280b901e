import { Type } from '@sinclair/typebox'
import { Id, Nullable, Text } from '../../http/schemas.ts'

export const SuggestQuery = Type.Object({
  q: Text({
    maxLength: 100,
    examples: ['матр'],
    description: 'The beginning of a word of a Russian or original title, of two letters or more; several in any order',
  }),
})

export const Suggestions = Type.Object(
  {
    items: Type.Array(
      Type.Object({
        id: Id,
        title: Type.String(),
        original_title: Nullable(Type.String()),
        year: Nullable(Type.Integer()),
        rating: Nullable(Type.Number()),
        poster_url: Nullable(Type.String()),
      }),
      { maxItems: 10 },
    ),
  },
  {
    examples: [
      {
        items: [{ id: 301, title: 'Матрица', original_title: 'The Matrix', year: 1999, rating: 8.5, poster_url: null }],
      },
    ],
  },
)
