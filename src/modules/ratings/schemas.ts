import { Type } from '@sinclair/typebox'
import { CountOf, IdOf, Score, TimeOf } from '../../http/schemas.ts'
import { AddedAt, listQuery } from '../lists/schemas.ts'
import { Movie, ownMovieExample } from '../movies/schemas.ts'

const Value = Type.Integer({
  minimum: 1,
  maximum: 10,
  description: 'The score, from 1 (bad) to 10 (very good)',
  examples: [8],
})

export const RatingBody = Type.Object(
  { value: Value },
  { title: 'RatingBody', description: 'A score of a film', examples: [{ value: 8 }] },
)

const own = {
  film_id: IdOf('The film'),
  value: Value,
  created_at: TimeOf('When the film was first rated'),
  updated_at: TimeOf('When the value last changed'),
}

const example = {
  film_id: 301,
  value: 8,
  created_at: '2026-11-20T10:00:00.000Z',
  updated_at: '2026-11-20T10:00:00.000Z',
}

export const Rating = Type.Object(
  {
    ...own,
    user_rate: Score("Mean of all users' scores of the film, now, from 1 to 10"),
    user_votes: CountOf('How many users have rated the film'),
  },
  {
    title: 'Rating',
    description: "The user's own score of a film",
    examples: [{ ...example, user_rate: 7.67, user_votes: 3 }],
  },
)

export const RatingQuery = listQuery('Without it: newest change first')

const RatedMovie = Type.Object(
  { ...own, added_at: AddedAt, movie: Movie },
  { title: 'RatedMovie', description: "The user's own score, with the movie" },
)

export const Ratings = Type.Array(RatedMovie, {
  title: 'Ratings',
  maxItems: 20_000,
  description: 'The newest change first, or as `sort` has it',
  examples: [
    [
      {
        ...example,
        film_id: ownMovieExample.id,
        added_at: example.created_at,
        movie: { ...ownMovieExample, user_rate: 7.67, user_votes: 3 },
      },
    ],
  ],
})
