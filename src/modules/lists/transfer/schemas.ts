import { Type } from '@sinclair/typebox'
import { type ErrorCode, errorCodes } from '../../../errors.ts'
import { Charset, Nullable } from '../../../http/schemas.ts'
import { type FormatName as Format, fileFormats } from './format-names.ts'

export const ImportQuery = Type.Object({
  dry_run: Type.Optional(
    Type.Boolean({ default: false, description: 'Change nothing, and report the same', examples: [true] }),
  ),
  list: Type.Optional(
    Type.Unsafe<'favorites' | 'wishlist' | 'ratings'>({
      type: 'string',
      enum: ['favorites', 'wishlist', 'ratings'],
      description: 'Which list the file is, where neither its columns nor the name that its service gave it say so',
      examples: ['wishlist'],
    }),
  ),
  charset: Type.Optional(Charset),
})

export const VotesBody = Type.Object(
  { kinopoisk_user_id: Type.Integer({ minimum: 1, maximum: 9_999_999_999 }) },
  { description: 'The votes of this user of Kinopoisk', examples: [{ kinopoisk_user_id: 1_234_567 }] },
)

export const FileForm = Type.Object(
  {
    file: Type.Unsafe<Buffer>({
      type: 'string',
      format: 'binary',
      description: 'A table, JSON of Trakt or a zip, up to 5 MiB and 20,000 rows',
    }),
  },
  { description: 'One file; the name that its service gave it helps to tell which list it is' },
)

const Count = Type.Integer({ minimum: 0 })
const of = (description: string) => Type.Integer({ minimum: 0, description })

const FormatName = Type.Unsafe<Format>({
  type: 'string',
  enum: [...fileFormats],
  description: 'What the file was recognised as, by its columns and content',
})

const Message = Type.Object({
  file: Type.Optional(Type.String({ description: 'Which file of an archive' })),
  row: Type.Integer({
    minimum: 1,
    description: 'In a table the first line is row 1; an item of JSON and a vote are counted from 1',
  }),
  column: Type.Optional(Type.String({ description: 'As the file names it' })),
  message: Type.String(),
  code: Type.Optional(
    Type.Unsafe<ErrorCode>({
      type: 'string',
      enum: ['list_full'],
      description: '`list_full`: the list has no room for the film of this row',
    }),
  ),
})

const counts = {
  format: FormatName,
  rows: of('Rows with something in them: created + updated + skipped + failed'),
  created: Count,
  updated: of('Ratings that had another value'),
  skipped: of('The sum of skipped_because'),
  skipped_because: Type.Object({
    already_there: of('The list says the same'),
    no_score: of('The row has no score, and the file is one of ratings'),
    repeated: of('Another row of the same film is newer, or as new and later in the file'),
    older: of('The score in the list is newer'),
  }),
  failed: of('Rows that were not taken; the first 100 are in errors'),
}

export const Report = Type.Object(
  {
    ...counts,
    dry_run: Type.Boolean(),
    errors: Type.Array(Message, { description: 'The first 100 rows that were not taken, with the reason' }),
    errors_total: Count,
    warnings: Type.Array(Message, {
      description: 'The first 100 notes about rows that were taken, though not in all they say',
    }),
    warnings_total: Count,
    files: Type.Array(Type.Object({ file: Type.String(), ...counts }), {
      description: 'Of an archive: what each file had',
    }),
    ignored: Type.Array(Type.Object({ file: Type.String(), reason: Type.String() }), {
      description: 'Of an archive: the first 100 files that were not read, with the reason',
    }),
    ignored_total: Count,
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
        rows: 12,
        created: 9,
        updated: 1,
        skipped: 1,
        skipped_because: { already_there: 1, no_score: 0, repeated: 0, older: 0 },
        failed: 1,
        dry_run: false,
        errors: [{ row: 7, message: 'No film known here is "The Thing" (1982)' }],
        errors_total: 1,
        warnings: [],
        warnings_total: 0,
        files: [],
        ignored: [],
        ignored_total: 0,
        problem: null,
      },
    ],
  },
)
