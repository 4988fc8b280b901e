import { Type } from '@sinclair/typebox'
import { type ErrorCode, errorCodes } from '../../../errors.ts'
import { Nullable } from '../../../http/schemas.ts'

export const ImportQuery = Type.Object({
  dry_run: Type.Optional(
    Type.Boolean({ default: false, description: 'Change nothing, and report the same', examples: [true] }),
  ),
  list: Type.Optional(
    Type.Unsafe<'favorites' | 'wishlist' | 'ratings'>({
      type: 'string',
      enum: ['favorites', 'wishlist', 'ratings'],
      description: 'Which list a file of Letterboxd or IMDb is, where neither its columns nor its name say so',
      examples: ['wishlist'],
    }),
  ),
})

export const VotesBody = Type.Object(
  { kinopoisk_user_id: Type.Integer({ minimum: 1, maximum: 9_999_999_999 }) },
  { description: 'The votes of this user of Kinopoisk', examples: [{ kinopoisk_user_id: 1_234_567 }] },
)

export const FileForm = Type.Object(
  { file: Type.Unsafe<Buffer>({ type: 'string', format: 'binary', description: 'CSV, up to 5 MiB and 20,000 rows' }) },
  { description: 'One file; its name helps to tell which list it is' },
)

const Count = Type.Integer({ minimum: 0 })

export const Report = Type.Object(
  {
    format: Type.Unsafe<'own' | 'letterboxd' | 'imdb' | 'kinopoisk'>({
      type: 'string',
      enum: ['own', 'letterboxd', 'imdb', 'kinopoisk'],
    }),
    dry_run: Type.Boolean(),
    rows: Count,
    created: Count,
    updated: Type.Integer({ minimum: 0, description: 'Ratings that had another value' }),
    skipped: Type.Integer({ minimum: 0, description: 'There already, or without anything for the list' }),
    errors: Type.Array(
      Type.Object({
        row: Type.Integer({ minimum: 1, description: 'In a file the header is row 1; a vote is counted from 1' }),
        message: Type.String(),
        code: Type.Optional(
          Type.Unsafe<ErrorCode>({
            type: 'string',
            enum: ['list_full'],
            description: '`list_full`: the list has no room for the film of this row',
          }),
        ),
      }),
    ),
    problem: Type.Unsafe<{ code: ErrorCode; message: string } | null>(
      Nullable(
        Type.Object(
          {
            code: Type.String({ enum: Object.keys(errorCodes) }),
            message: Type.String(),
          },
          { description: 'Why Kinopoisk could not be asked about all: the same request later goes on from there' },
        ),
      ),
    ),
  },
  {
    description: 'What was done, and which rows were not understood',
    examples: [
      {
        format: 'letterboxd',
        dry_run: false,
        rows: 12,
        created: 9,
        updated: 1,
        skipped: 1,
        errors: [{ row: 7, message: 'No film known here is "The Thing" (1982)' }],
        problem: null,
      },
    ],
  },
)
