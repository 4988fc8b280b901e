import { Type } from '@sinclair/typebox'
import { IdOf, Line, Nullable, Poster, Score, Text, WebUrl, YearOf } from '../../http/schemas.ts'

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
      Type.Object(
        {
          id: IdOf('The id for `/movies/{id}`'),
          title: Line(500, 'The title, in Russian where there is one'),
          original_title: Nullable(Line(500, 'The original title; null where it is not known')),
          year: Nullable(YearOf('The year in which it came out')),
          rating: Score('The rating of Kinopoisk or of an administrator, from 0 to 10 (best)'),
          poster_url: WebUrl('The poster'),
          poster: Poster,
        },
        { title: 'Suggestion', description: 'A film with a title that begins so' },
      ),
      { maxItems: 10, description: 'The best known first' },
    ),
  },
  {
    title: 'Suggestions',
    description: 'Films that may be meant',
    examples: [
      {
        items: [
          {
            id: 301,
            title: 'Матрица',
            original_title: 'The Matrix',
            year: 1999,
            rating: 8.5,
            poster_url: null,
            poster: null,
          },
        ],
      },
    ],
  },
)
