import { parse } from 'csv-parse'
import { AppError } from '../../../errors.ts'

// Of one row. A quote that is never closed is found by it.
const maxBytes = 1024 * 1024

/** One line of the file by its number (as a spreadsheet counts: the header is 1): its cells, or why reading ends there. */
export type Line = { row: number; cells: string[] } | { row: number; fault: string }

/**
 * The lines of a CSV without blank ones: LF or CR LF, with or without a byte order mark. Broken quotes end it with a
 * `fault`: where the next row begins can't be known, and a guess would make films out of parts of texts.
 * @throws {AppError} invalid_csv when the bytes are no UTF-8
 */
export async function* readLines(bytes: AsyncIterable<Buffer>, delimiter: string): AsyncGenerator<Line> {
  let row = 0
  let fault: string | undefined
  const parser = parse({
    bom: true,
    delimiter,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    max_record_size: maxBytes,
    // Else the rows that were read before the fault would be lost with it.
    skip_records_with_error: true,
    on_skip: (error) => {
      fault ??= explain(error?.code)
    },
    on_record: (cells: string[]) => (fault ? null : cells),
  })
  const source = utf8(bytes, () => fault !== undefined)
  const feeding = feed(source, parser)
  feeding.catch((error) => parser.destroy(error))
  for await (const cells of parser as AsyncIterable<string[]>) {
    row++
    if (cells.some((cell) => cell !== '')) yield { row, cells }
  }
  await feeding
  if (fault) yield { row: row + 1, fault }
}

async function feed(source: AsyncIterable<Buffer>, parser: ReturnType<typeof parse>): Promise<void> {
  for await (const chunk of source) {
    if (!parser.write(chunk)) await drained(parser)
  }
  parser.end()
}

function drained(parser: ReturnType<typeof parse>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      parser.off('drain', done).off('close', done)
      resolve()
    }
    parser.on('drain', done).on('close', done)
  })
}

async function* utf8(bytes: AsyncIterable<Buffer>, isOver: () => boolean): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const check = (chunk?: Buffer) => {
    try {
      decoder.decode(chunk, { stream: chunk !== undefined })
    } catch (cause) {
      throw new AppError('invalid_csv', { detail: 'The file is not UTF-8: save it as "CSV UTF-8"', cause })
    }
  }
  for await (const chunk of bytes) {
    if (isOver()) return
    check(chunk)
    yield chunk
  }
  check()
}

function explain(code: string | undefined): string {
  const rest = 'reading ended here, this row and those behind it were not taken'
  if (code === 'CSV_MAX_RECORD_SIZE') return `the row is longer than 1 MiB, or a quote is never closed; ${rest}`
  if (code === 'CSV_QUOTE_NOT_CLOSED') return `a quote is never closed; ${rest}`
  return `the quotes are broken: a cell with quotes is written "…", and a quote inside of it ""; ${rest}`
}
