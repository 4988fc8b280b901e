import { setImmediate } from 'node:timers/promises'
import { CsvError, parse } from 'csv-parse'
import { AppError, inputFault } from '../../../errors.ts'
import { findDelimiter } from '../../../text/csv.ts'

export interface Row {
  /** As a spreadsheet counts: the header is row 1. */
  row: number
  cells: string[]
}

export interface Table {
  header: string[]
  rows: Row[]
  /** Where the rest could not be read. */
  broken?: { row: number; message: string }
}

const maxRows = 20_000
const maxRowBytes = 128 * 1024
const chunkBytes = 64 * 1024
// What the delimiter is found by.
const headBytes = 64 * 1024

/**
 * Reads CSV: UTF-8 with or without BOM, LF or CRLF, the delimiter that its header has most of. Empty rows count, but are
 * not returned.
 * @throws {AppError} unsupported_media_type, invalid_input, payload_too_large above 20,000 rows
 */
export async function readTable(bytes: Buffer): Promise<Table> {
  const table: Table = { header: [], rows: [] }
  const text = decode(bytes)
  let count = 0
  const parser = parse({
    bom: true,
    delimiter: findDelimiter(text.toString('utf8', 0, headBytes)),
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    relax_quotes: true,
    max_record_size: maxRowBytes,
    on_record(cells: string[]) {
      count += 1
      if (count === 1) table.header = cells
      else if (cells.some((cell) => cell.trim() !== '')) table.rows.push({ row: count, cells })
      if (count > maxRows + 1) throw tooManyRows()
      return null
    },
  })
  try {
    await feed(parser, text)
  } catch (error) {
    if (!(error instanceof CsvError) || count === 0) throw error instanceof CsvError ? noCsv() : error
    const message = 'A quote is not closed or the row is too long: nothing from here on could be read'
    table.broken = { row: count + 1, message }
  }
  return table
}

async function feed(parser: ReturnType<typeof parse>, text: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  parser.on('error', reject).on('end', resolve).resume()
  for (let at = 0; at < text.length && !parser.destroyed; at += chunkBytes) {
    parser.write(text.subarray(at, at + chunkBytes))
    // A large file must not block other requests.
    await Promise.race([setImmediate(), promise])
  }
  if (!parser.destroyed) parser.end()
  await promise
}

/** UTF-8; IMDb's older exports, recognised by their header, are Latin-1. */
function decode(bytes: Buffer): Buffer {
  if (bytes.length === 0) throw noCsv()
  if (bytes.subarray(0, 4).equals(Buffer.from('PK\u0003\u0004'))) {
    throw new AppError('unsupported_media_type', {
      detail: 'This is an archive or a workbook: unpack it, or save it as CSV, and send one CSV file',
    })
  }
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return bytes
  } catch {
    if (!/^"?(position"?,"?)?const\b/i.test(bytes.toString('latin1', 0, 100))) {
      throw inputFault('body.file', 'is not UTF-8: save it as "CSV UTF-8"')
    }
    return Buffer.from(new TextDecoder('windows-1252').decode(bytes))
  }
}

function noCsv(): AppError {
  return inputFault('body.file', 'is not CSV with a header row')
}

function tooManyRows(): AppError {
  return new AppError('payload_too_large', { detail: `A file may have ${maxRows} rows: split it` })
}
