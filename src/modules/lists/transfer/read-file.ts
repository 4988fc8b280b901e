import { setImmediate } from 'node:timers/promises'
import { AppError } from '../../../errors.ts'
import type { Source } from '../../../files/encoding.ts'
import { kindOf } from '../../../files/kind.ts'
import type { Row } from '../../../files/rows.ts'
import { openTable } from '../../../files/table.ts'
import { UnreadableFile } from '../../../files/unreadable.ts'
import type { Charset } from '../../../text/charsets.ts'
import { columnKey } from '../../../text/names.ts'
import { readDecimal } from '../../../text/numbers.ts'
import { quoted, RowFault } from './cells.ts'
import { isOwnScore, plainColumns } from './columns.ts'
import { createRowReader } from './entries.ts'
import type { Entry, Message } from './entry.ts'
import type { FormatName } from './format-names.ts'
import { createPreface, type Form, formOf, knownForms } from './forms.ts'
import type { ListName } from './repository.ts'
import { readTrakt } from './trakt.ts'
import { type Hints, listOf } from './which-list.ts'

/** What one file says. `rows` are those that have something in them. */
export interface FileReading {
  name: string
  format: FormatName
  rows: number
  entries: Entry[]
  faults: Message[]
  notes: Message[]
  /** Rows without a score, in a file of ratings. */
  unscored: number
}

export interface NamedFile {
  name: string
  bytes: Buffer
}

const maxRows = 20_000
const maxRecord = 128 * 1024
// Texts of more would live until a major collection.
const chunkBytes = 16 * 1024
// As older exports of IMDb begin, which are Latin-1.
const latin1 = /^"?(?:position"?,"?)?const\b/i

/**
 * Reads one file, of any form but an archive.
 * @throws {UnreadableFile}
 * @throws {AppError} invalid_input for an unknown header, or where it is not known which list it is; payload_too_large
 */
export async function readFile(file: NamedFile, index: number, hints: Hints & { charset?: Charset | undefined }) {
  const table = await open(file, hints.charset)
  const keys = table.header.map(columnKey)
  const form = formOf(keys)
  if (!form)
    throw new UnreadableFile(`The first row, ${describe(table.header)}, is of no known form`, {
      advice: `Known are ${knownForms}`,
    })
  const list = listOf(form, keys, hints)
  const { reading, misread } = await readTable(table, form, file.name, index, list)
  if (form.name !== 'letterboxd_import' || keys.includes('rating10') || !misread.some((score) => score > 5))
    return reading
  // A table that somebody made, with columns of the same names: no stars go above 5.
  const ofTen: Form = { ...form, scale: 10, columns: { ...form.columns, rating: plainColumns.rating } }
  return (await readTable(await open(file, hints.charset), ofTen, file.name, index, list)).reading
}

/** `misread` are the numbers that are no scores of the form. */
async function readTable(
  { header, rows }: Awaited<ReturnType<typeof open>>,
  form: Form,
  name: string,
  index: number,
  list: ListName | 'rows',
) {
  const readRow = createRowReader(form, header, list)
  const reading: FileReading = {
    ...{ name, format: form.name, rows: 0, unscored: 0 },
    entries: [],
    faults: [],
    notes: [],
  }
  const misread: number[] = []
  for await (const batch of rows) {
    for (const row of batch) {
      const number = numberIn(take(reading, index, row, readRow)?.cell)
      if (number !== undefined) misread.push(number)
    }
    if (reading.rows > maxRows) throw tooManyRows(name)
  }
  // Of a form with a column of its own for scores the scale is known.
  if (form.columns.rating === plainColumns.rating) doubtScores(reading, misread, header.map(columnKey))
  return { reading, misread }
}

/** Returns what is wrong with the row. */
function take(
  reading: FileReading,
  file: number,
  row: Row,
  read: ReturnType<typeof createRowReader>,
): RowFault | undefined {
  reading.rows += 1
  const at = { file, row: row.row }
  if ('fault' in row) {
    reading.faults.push({ ...at, message: row.fault })
    return undefined
  }
  try {
    const { entry, notes } = read(row.cells)
    for (const { message, column } of notes) reading.notes.push({ ...at, column, message })
    if (entry) reading.entries.push({ ...at, ...entry })
    else reading.unscored += 1
    return undefined
  } catch (error) {
    if (!(error instanceof RowFault)) throw error
    reading.faults.push({ ...at, column: error.column, message: error.message })
    return error
  }
}

/** Any fraction will do, so all signs of fractions are halves. */
function numberIn(cell = ''): number | undefined {
  return readDecimal(cell.replace(/\s?[¼½¾]/, '.5'))
}

/** Of a column that is not of whole numbers from 1 to 10 no score is taken: those that look so are of another scale too. */
function doubtScores(reading: FileReading, misread: number[], keys: string[]): void {
  const scale = otherScale(reading, misread, keys)
  if (scale === undefined) return
  const message = `the scores seem to be ${scale}`
  for (const { file, row, value } of reading.entries) if (value !== null) reading.faults.push({ file, row, message })
  reading.entries = reading.entries.filter(({ value }) => value === null)
}

function otherScale({ entries }: FileReading, misread: number[], keys: string[]): string | undefined {
  const scores = misread.length + entries.filter(({ value }) => value !== null).length
  // One in a long file is a slip, and 11 by itself is one too.
  const above = misread.filter((score) => score > 10)
  if (above.length * 20 >= scores && (above.length > 1 || above.some((score) => score > 20))) {
    return 'of 100 or of 20, for some are above 10: write them from 1 to 10'
  }
  const column = plainColumns.rating.split(' ').find((key) => keys.includes(key)) ?? ''
  const fractions = misread.filter((score) => score > 5 && score < 10)
  if (fractions.length > 1 && fractions.length * 2 >= scores && !isOwnScore(column)) {
    return 'those of a site, for some are fractions above 5: write your own, from 1 to 10, in a column "My rating"'
  }
  const isAboveFive = misread.some((score) => score > 5) || entries.some(({ value }) => value !== null && value > 5)
  if (isAboveFive || !misread.some((score) => score > 0 && score < 5)) return undefined
  return 'of 5 stars, for some are fractions and none is above 5: write them from 1 to 10'
}

async function open({ bytes }: NamedFile, charset: Charset | undefined) {
  if (bytes.length === 0) throw new UnreadableFile('The file is empty')
  if (kindOf(bytes.subarray(0, 1024)) === 'json') {
    const { header, rows } = readTrakt(bytes.toString('utf8'))
    return { header, rows: inParts(rows) }
  }
  const options = { charset, latin1, strict: false, maxRecord, isPreface: createPreface() }
  return openTable(sourceOf(bytes), options)
}

async function* inParts(rows: Row[]): AsyncGenerator<Row[]> {
  for (let at = 0; at < rows.length; at += 500) {
    yield rows.slice(at, at + 500)
    await setImmediate()
  }
}

function sourceOf(bytes: Buffer): Source {
  return {
    async *bytes() {
      for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
    },
  }
}

function describe(header: string[]): string {
  const names = header.slice(0, 12).map(quoted).join(', ')
  return header.length > 12 ? `${names}, …` : names
}

function tooManyRows(name: string): AppError {
  return new AppError('payload_too_large', { detail: `${name} has more than ${maxRows} rows: split it` })
}
