import { Type } from '@sinclair/typebox'
import { columns, type Delimiter, delimiters } from './format.ts'

export const ExportQuery = Type.Object({
  bom: Type.Optional(
    Type.Boolean({
      default: true,
      description: 'The byte order mark at the beginning, which Excel needs to read Cyrillic; `false` for programs',
      examples: [false],
    }),
  ),
  delimiter: Type.Optional(
    Type.Unsafe<Delimiter>({
      type: 'string',
      enum: [...delimiters],
      default: ',',
      description: '`;` is for Excel of countries where that is the list separator; decimals then have a comma',
      examples: [';'],
    }),
  ),
})

/** The response entry of the file, which is no JSON. */
export const CsvFile = {
  description: `The file; its columns are ${columns.join(', ')}`,
  content: {
    'text/csv': {
      schema: Type.String({
        examples: [
          'id,name,original_name,genre,genres,director_id,director,rate,year,minutes,…\r\n' +
            '301,Матрица,The Matrix,фантастика,фантастика|боевик,1,Лана Вачовски,8.5,1999,136,…\r\n',
        ],
      }),
    },
  },
}

export const CsvUnchanged = Type.Null({ description: 'Nothing has changed since the export whose `ETag` was sent' })

export const ImportQuery = Type.Object({
  dry_run: Type.Optional(
    Type.Boolean({ default: false, description: 'Only tell what would happen', examples: [true] }),
  ),
})

export const ImportForm = Type.Object({
  file: Type.String({ format: 'binary', description: 'CSV in UTF-8, of 1 GiB at most' }),
})

const count = (description: string) => Type.Integer({ minimum: 0, description })

export const ImportReport = Type.Object(
  {
    created: count('Films put into the catalogue'),
    updated: count('Films changed'),
    skipped: count('Rows that say what the catalogue says already'),
    errors_total: count('Rows that were not taken'),
    errors: Type.Array(
      Type.Object({
        row: Type.Integer({ description: 'As a spreadsheet counts: the header is row 1' }),
        message: Type.String(),
      }),
      { description: 'The first 100' },
    ),
    dry_run: Type.Boolean(),
  },
  {
    examples: [
      {
        created: 2,
        updated: 1,
        skipped: 40,
        errors_total: 1,
        errors: [{ row: 7, message: 'year must be an integer from 1888 to 2036, not "19x9"' }],
        dry_run: false,
      },
    ],
  },
)
