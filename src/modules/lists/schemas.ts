import { type Static, Type } from '@sinclair/typebox'
import { IdOf, Nullable, Page, Text, TimeOf } from '../../http/schemas.ts'
import { Movie, ownMovieExample } from '../movies/schemas.ts'

const listSorts = [
  ...(['added', '-added', 'title', '-title', 'year', '-year', 'rating', '-rating'] as const),
  ...(['my_rating', '-my_rating'] as const),
]
type ListSort = (typeof listSorts)[number]

export const AddBody = Type.Object(
  {
    kinopoisk_id: Type.Optional(Nullable(IdOf('The Kinopoisk id, or the id of a film made here'))),
    id: Type.Optional(Nullable(IdOf('The same'))),
    movie_id: Type.Optional(Nullable(IdOf('The same'))),
  },
  {
    title: 'AddMovieBody',
    description: 'The id of the movie under any of the names',
    examples: [{ kinopoisk_id: 301 }],
  },
)

/** The query of a user's list, of which `newest` is the order without a sort. */
export function listQuery(newest: string) {
  return Type.Object({
    page: Type.Optional({ ...Page, description: 'From 1; everything without it and without `limit`' }),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, examples: [20], description: 'Films of a page: 12 without it' }),
    ),
    sort: Type.Optional(
      Type.Unsafe<ListSort>({
        title: 'ListSort',
        type: 'string',
        enum: listSorts,
        examples: ['-my_rating'],
        description: `\`-\` is descending; unknown values last, ties newest first. \`my_rating\`: the user's own score. ${newest}`,
      }),
    ),
    genre: Type.Optional(
      Type.Array(Text({ maxLength: 100, examples: ['драма'] }), {
        maxItems: 20,
        examples: [['драма']],
        description: 'Name, in any case, or id; repeated: any of them',
      }),
    ),
    q: Type.Optional(
      Text({ maxLength: 200, examples: ['матрица'], description: 'A part of a title, Russian or original' }),
    ),
  })
}

export const ListQuery = listQuery('Without it: newest first')
export type ListQuery = Static<typeof ListQuery>

export const AddedAt = TimeOf('Since when it is in the list')

/** A movie of a user's list. */
export const ListedMovie = Type.Object(
  { ...Movie.properties, added_at: AddedAt },
  {
    title: 'ListedMovie',
    description: "A movie of a user's list",
    examples: [{ ...Movie.examples[0], added_at: '2026-11-20T10:00:00.000Z' }],
  },
)

export const ListedMovies = Type.Array(ListedMovie, {
  title: 'ListedMovies',
  maxItems: 20_000,
  description: 'The newest first, or as `sort` has it',
  examples: [[{ ...ownMovieExample, added_at: '2026-11-20T10:00:00.000Z' }]],
})
