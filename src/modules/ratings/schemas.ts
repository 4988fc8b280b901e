import { Type } from '@sinclair/typebox'
import { Id, Nullable, Timestamp } from '../../http/schemas.ts'
import { AddedAt, listQuery } from '../lists/schemas.ts'
import { Movie } from '../movies/schemas.ts'

const Value = Type.Integer({ minimum: 1, maximum: 10, examples: [8] })

export const RatingBody = Type.Object({ value: Value }, { examples: [{ value: 8 }] })

const own = {
  film_id: Id,
  value: Value,
  created_at: Timestamp,
  updated_at: Type.Unsafe<Date>({ ...Timestamp, description: 'When the value last changed' }),
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
    user_rate: Nullable(Type.Number({ description: "Mean of all users' scores of the film, now" })),
    user_votes: Type.Integer({ minimum: 0 }),
  },
  { examples: [{ ...example, user_rate: 7.67, user_votes: 3 }] },
)

export const RatingQuery = listQuery('Without it: newest change first')

export const Ratings = Type.Array(Type.Object({ ...own, added_at: AddedAt, movie: Movie }), {
  examples: [
    [{ ...example, added_at: example.created_at, movie: { ...Movie.examples[0], user_rate: 7.67, user_votes: 3 } }],
  ],
})
