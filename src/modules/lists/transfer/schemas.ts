import { Type } from '@sinclair/typebox'
import type { ErrorCode } from '../../../errors.ts'
import { Charset, Code, Line, Nullable, CountOf as of } from '../../../http/schemas.ts'
import { type FormatName as Format, fileFormats } from './format-names.ts'

export const ImportQuery = Type.Object({
  dry_run: Type.Optional(
    Type.Boolean({ default: false, description: 'Change nothing, and report the same', examples: [true] }),
  ),
  list: Type.Optional(
    Type.Unsafe<'favorites' | 'wishlist' | 'ratings'>({
      title: 'ListName',
      type: 'string',
      enum: ['favorites', 'wishlist', 'ratings'],
      description: 'Which list the file is, where neither its columns nor the name that its service gave it say so',
      examples: ['wishlist'],
    }),
  ),
  charset: Type.Optional(Charset),
})

export const VotesBody = Type.Object(
  {
    kinopoisk_user_id: Type.Integer({
      minimum: 1,
      maximum: 9_999_999_999,
      description: 'The id in the address of the profile',
    }),
  },
  {
    title: 'VotesBody',
    description: 'The votes of this user of Kinopoisk',
    examples: [{ kinopoisk_user_id: 1_234_567 }],
  },
)

export const FileForm = Type.Object(
  {
    file: Type.Unsafe<Buffer>({
      type: 'string',
      format: 'binary',
      maxLength: 5_242_880,
      description: 'A table, JSON of Trakt or a zip, up to 5 MiB and 20,000 rows',
    }),
  },
  { title: 'ListsForm', description: 'One file; the name that its service gave it helps to tell which list it is' },
)

const FormatName = Type.Unsafe<Format>({
  title: 'FileFormat',
  type: 'string',
  enum: [...fileFormats],
  description: 'What the file was recognised as, by its columns and content',
})

const Message = Type.Object(
  {
    file: Type.Optional(Line(1024, 'Which file of an archive')),
    row: Type.Integer({
      minimum: 1,
      maximum: 2_147_483_647,
      description: 'In a table the first line is row 1; an item of JSON and a vote are counted from 1',
    }),
    column: Type.Optional(Line(16_384, 'The column, as the file names it')),
    message: Line(16_384, 'What is wrong with it'),
    code: Type.Optional(
      Type.Unsafe<ErrorCode>({
        type: 'string',
        enum: ['list_full'],
        description: '`list_full`: the list has no room for the film of this row',
      }),
    ),
  },
  { title: 'ImportNote', description: 'What is to be said of a row' },
)

const SkipCounts = Type.Object(
  {
    already_there: of('The list says the same'),
    no_score: of('The row has no score, and the file is one of ratings'),
    repeated: of('Another row of the same film is newer, or as new and later in the file'),
    older: of('The score in the list is newer'),
  },
  { title: 'SkipCounts', description: 'Why rows were skipped' },
)

const counts = {
  format: FormatName,
  rows: of('Rows with something in them: created + updated + skipped + failed'),
  created: of('Films that were put into a list, and new scores'),
  updated: of('Ratings that had another value'),
  skipped: of('The sum of skipped_because'),
  skipped_because: SkipCounts,
  failed: of('Rows that were not taken; the first 100 are in errors'),
}

const FileReport = Type.Object(
  { file: Line(1024, 'The name of the file'), ...counts },
  { title: 'FileReport', description: 'What a file of an archive had' },
)

const IgnoredFile = Type.Object(
  { file: Line(1024, 'The name of the file'), reason: Line(4096, 'Why it was not read') },
  { title: 'IgnoredFile', description: 'A file of an archive that was not read' },
)

export const Report = Type.Object(
  {
    ...counts,
    dry_run: Type.Boolean({ description: 'Nothing was changed' }),
    errors: Type.Array(Message, {
      maxItems: 100,
      description: 'The first 100 rows that were not taken, with the reason',
    }),
    errors_total: of('How many rows were not taken'),
    warnings: Type.Array(Message, {
      maxItems: 100,
      description: 'The first 100 notes about rows that were taken, though not in all they say',
    }),
    warnings_total: of('How many notes there are'),
    files: Type.Array(FileReport, {
      maxItems: 1000,
      description: 'Of an archive: what each file had',
    }),
    ignored: Type.Array(IgnoredFile, {
      maxItems: 100,
      description: 'Of an archive: the first 100 files that were not read, with the reason',
    }),
    ignored_total: of('How many files were not read'),
    problem: Type.Unsafe<{ code: ErrorCode; message: string } | null>(
      Nullable(
        Type.Object(
          {
            code: Code,
            message: Line(16_384, 'The same in words'),
          },
          {
            title: 'ImportProblem',
            description: 'Why Kinopoisk could not be asked about all: the same request later goes on from there',
          },
        ),
      ),
    ),
  },
  {
    title: 'ListImportReport',
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
