import { setImmediate } from 'node:timers/promises'
import { AppError } from '../../../errors.ts'
import type { Source } from '../../../files/encoding.ts'
import { kindOf } from '../../../files/kind.ts'
import type { Row } from '../../../files/rows.ts'
import { openTable } from '../../../files/table.ts'
import { UnreadableFile } from '../../../files/unreadable.ts'
import type { Charset } from '../../../text/charsets.ts'
import { columnKey } from '../../../text/names.ts'
import { quoted, RowFault } from './cells.ts'
import { createRowReader } from './entries.ts'
import type { Entry, Message } from './entry.ts'
import type { FormatName } from './format-names.ts'
import { createPreface, formOf, knownForms } from './forms.ts'
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
  const { header, rows } = await open(file, hints.charset)
  const keys = header.map(columnKey)
  const form = formOf(keys)
  if (!form)
    throw new UnreadableFile(`The first row, ${describe(header)}, is of no known form`, {
      advice: `Known are ${knownForms}`,
    })
  const readRow = createRowReader(form, header, listOf(form, keys, hints))
  const reading: FileReading = {
    ...{ name: file.name, format: form.name, rows: 0, unscored: 0 },
    entries: [],
    faults: [],
    notes: [],
  }
  let halves = 0
  for await (const batch of rows) {
    for (const row of batch) if (isHalfStar(take(reading, index, row, readRow))) halves += 1
    if (reading.rows > maxRows) throw tooManyRows(file.name)
  }
  if (form.name === 'plain' && halves > 0) refuseStars(reading)
  return reading
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

function isHalfStar(fault: RowFault | undefined): boolean {
  return /^\s*[0-4][.,]50*\s*$/.test(fault?.cell ?? '')
}

/** Half scores and none above 5: the scale is 5 stars, and `5` would be read as half of what was meant. */
function refuseStars(reading: FileReading): void {
  if (reading.entries.some(({ value }) => value !== null && value > 5)) return
  const message = 'the scores seem to be of 5 stars, for some are halves and none is above 5: write them from 1 to 10'
  for (const { file, row, value } of reading.entries) if (value !== null) reading.faults.push({ file, row, message })
  reading.entries = reading.entries.filter(({ value }) => value === null)
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
