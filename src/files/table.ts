import { setImmediate } from 'node:timers/promises'
import type { Charset } from '../text/charsets.ts'
import { findDelimiter } from '../text/csv.ts'
import { createCsvParser } from './csv-parser.ts'
import { findEncoding, type Source } from './encoding.ts'
import { createHtmlParser } from './html-table.ts'
import { kindOf } from './kind.ts'
import { isBlank, type Row, type RowParser } from './rows.ts'
import { UnreadableFile } from './unreadable.ts'

export interface TableOptions {
  /** Where the file has no byte order mark. */
  charset?: Charset | undefined
  latin1?: RegExp
  strict: boolean
  maxRecord: number
  /** True for a row that stands before the header in a form; called with each, in order, until it is false. */
  isPreface?(cells: string[]): boolean
}

export interface Table {
  /** Without empty columns at its end. */
  header: string[]
  /** Rows that have a cell for each column; without empty ones. In parts as they come. */
  rows: AsyncGenerator<Row[]>
}

const maxPreface = 50
const separatorLine = /^\ufeff*"?sep=([,;\t|])"?(?:\r\n|\r|\n)/i

/**
 * Opens a table of any encoding and dialect that spreadsheets and services write.
 * @throws {UnreadableFile}
 */
export async function openTable(source: Source, options: TableOptions): Promise<Table> {
  const charset = await findEncoding(source, options)
  const parts = textParts(source, charset)
  const { value: first = '' } = await parts.next()
  const parser = parserOf(first, options)
  const batches = parse(first.replace(separatorLine, '').replace(/^\ufeff+/, ''), parts, parser)
  return findHeader(batches)
}

/** The text in parts; the first one is long enough to be judged by, unless it is all. */
async function* textParts(source: Source, charset: Charset): AsyncGenerator<string> {
  const decoder = new TextDecoder(charset)
  let head = ''
  let isHead = true
  for await (const chunk of source.bytes()) {
    const text = decoder.decode(chunk, { stream: true })
    if (isHead) head += text
    if (isHead && head.length < 8192) continue
    yield isHead ? head : text
    isHead = false
  }
  const last = decoder.decode()
  yield isHead ? head + last : last
}

function parserOf(head: string, { strict, maxRecord, isPreface = () => false }: TableOptions): RowParser {
  let before = 0
  const isHeader = (cells: string[]) => {
    if (isBlank(cells)) return false
    before += 1
    return before > maxPreface || !isPreface(cells)
  }
  if (kindOf(Buffer.from(head.slice(0, 1024))) === 'html') return createHtmlParser(isHeader)
  const delimiter = separatorLine.exec(head)?.[1] ?? findDelimiter(head)
  return createCsvParser({ delimiter, strict, maxRecord, isHeader })
}

async function* parse(first: string, parts: AsyncGenerator<string>, parser: RowParser): AsyncGenerator<Row[]> {
  yield parser.push(first)
  for await (const part of parts) {
    yield parser.push(part)
    // A file in memory must not block other requests.
    await setImmediate()
  }
  yield parser.end()
}

async function findHeader(batches: AsyncGenerator<Row[]>): Promise<Table> {
  for (let step = await batches.next(); !step.done; step = await batches.next()) {
    const rows = step.value
    const at = rows.findIndex((row) => 'fault' in row || row.isHeader)
    const row = rows[at]
    if (!row) continue
    if ('fault' in row) throw new UnreadableFile(`The header cannot be read: ${row.fault}`)
    const header = row.cells.slice(0, row.cells.findLastIndex((cell) => cell.trim() !== '') + 1)
    return { header, rows: fittingRows(rows.slice(at + 1), batches, header.length) }
  }
  throw new UnreadableFile('The file is empty, or a page without a table: its first row must name the columns')
}

async function* fittingRows(first: Row[], batches: AsyncGenerator<Row[]>, width: number): AsyncGenerator<Row[]> {
  const fitAll = (rows: Row[]) =>
    rows.filter((row) => 'fault' in row || !isBlank(row.cells)).map((row) => fitted(row, width))
  yield fitAll(first)
  for await (const rows of batches) yield fitAll(rows)
}

/** Empty cells behind the columns don't count. A missing cell is not an empty one: the file may be cut. */
function fitted(row: Row, width: number): Row {
  if ('fault' in row || row.cells.length === width) return row
  const isWider = row.cells.length > width && isBlank(row.cells.slice(width))
  if (isWider) return { row: row.row, cells: row.cells.slice(0, width) }
  return { row: row.row, fault: `the row has ${row.cells.length} cells and the header ${width}` }
}
