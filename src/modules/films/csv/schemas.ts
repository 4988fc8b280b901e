import { Type } from '@sinclair/typebox'
import { Charset, CountOf, IdOf, Line, Nullable } from '../../../http/schemas.ts'
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
      title: 'Delimiter',
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
        maxLength: 2_147_483_647,
        description: 'RFC 4180, with a header row',
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
  charset: Type.Optional(Charset),
})

export const ImportForm = Type.Object(
  {
    file: Type.String({
      maxLength: 1_073_741_824,
      format: 'binary',
      description: 'CSV of 1 GiB at most, in UTF-8 or another encoding that is recognised',
    }),
  },
  { title: 'FilmImportForm', description: 'A form with this one file and nothing else' },
)

const rowOf = Type.Integer({
  minimum: 1,
  maximum: 2_147_483_647,
  description: 'As a spreadsheet counts: the header is row 1',
})

const RowError = Type.Object(
  { row: rowOf, message: Line(4096, 'Why it was not taken') },
  { title: 'RowError', description: 'A row that was not taken' },
)

const CellChange = Type.Object(
  {
    row: rowOf,
    id: IdOf('The film'),
    column: Line(100, 'The column'),
    old: Nullable(Line(201, 'What is there, the first 200 characters')),
    new: Nullable(Line(201, 'What would be there, the first 200 characters')),
  },
  { title: 'CellChange', description: 'A cell that would be changed' },
)

export const ImportReport = Type.Object(
  {
    rows: CountOf('Rows with something in them: created + updated + skipped + failed'),
    created: CountOf('Films put into the catalogue'),
    updated: CountOf('Films changed'),
    skipped: CountOf('Rows that say what the catalogue says already'),
    failed: CountOf('Rows that were not taken'),
    errors_total: CountOf('The same'),
    errors: Type.Array(RowError, { maxItems: 100, description: 'The first 100' }),
    changes: Type.Array(CellChange, {
      maxItems: 100,
      description: 'Of a dry run: the first 100 cells of films that would be changed',
    }),
    dry_run: Type.Boolean({ description: 'Nothing was changed' }),
  },
  {
    title: 'FilmImportReport',
    description: 'What the import did, or would do',
    examples: [
      {
        rows: 44,
        created: 2,
        updated: 1,
        skipped: 40,
        failed: 1,
        errors_total: 1,
        errors: [{ row: 7, message: 'year must be an integer from 1888 to 2036, not "19x9"' }],
        changes: [{ row: 5, id: 301, column: 'rate', old: '8.5', new: '8.6' }],
        dry_run: true,
      },
    ],
  },
)
