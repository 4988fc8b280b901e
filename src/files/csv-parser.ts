import type { IsHeader, Row, RowParser } from './rows.ts'

interface Options {
  delimiter: string
  /** Broken quotes end the reading, where a row that is made of parts of texts would be worse than none. */
  strict: boolean
  /** In characters. A quote that is never closed is found by it. */
  maxRecord: number
  isHeader: IsHeader
}

type Scanned = { cells: string[]; end: number; hasLines: boolean } | 'more' | 'broken'

const [quote, lf, cr] = [34, 10, 13]
const rest = 'reading ended here, this row and those behind it were not taken'
const rule = 'a cell with quotes is written "…", and a quote inside of it ""'

/**
 * RFC 4180 with any delimiter, and lines that end with LF, CR LF, CR, or CR CR LF. Not a library's, because of what it does
 * with quotes that are not doubled: it takes the line alone, and goes on with the next one, so that no row is swallowed.
 */
export function createCsvParser({ delimiter, strict, maxRecord, isHeader }: Options): RowParser {
  let pending = ''
  let row = 0
  let width = 0
  let isOver = false
  const separator = delimiter.charCodeAt(0)

  function read(isLast: boolean): Row[] {
    const rows: Row[] = []
    let at = 0
    while (!isOver && at < pending.length) {
      const next = readRecord(at, isLast)
      if (!next) break
      rows.push(next.row)
      at = next.end
    }
    pending = isOver ? '' : pending.slice(at)
    return rows
  }

  function readRecord(at: number, isLast: boolean): { row: Row; end: number } | undefined {
    let record = scanRecord(pending, at, separator, isLast, strict)
    const isTooLong = record === 'more' && pending.length - at > maxRecord
    if (record === 'more' && !isTooLong) return undefined
    if (typeof record === 'object' && record.hasLines && holdsRows(pending.slice(at, record.end))) {
      if (strict)
        return { row: fault(`a quote seems to be missing, for whole rows are in one cell: ${rule}`), end: record.end }
      record = 'broken'
    }
    if (typeof record === 'object') return { row: rowOf(record.cells), end: record.end }
    return strict ? stop(record, isLast, at) : readLine(at, isLast)
  }

  function rowOf(cells: string[]): Row {
    row += 1
    if (width > 0 || !isHeader(cells)) return { row, cells }
    width = cells.length
    return { row, cells, isHeader: true }
  }

  function stop(record: 'more' | 'broken', isLast: boolean, at: number) {
    isOver = true
    if (record === 'more')
      return {
        row: fault(`the row is longer than ${maxRecord / 1024 ** 2} MiB, or a quote is never closed; ${rest}`),
        end: at,
      }
    const isOpen = isLast && scanRecord(pending, at, separator, false, strict) === 'more'
    return { row: fault(`${isOpen ? 'a quote is never closed' : `the quotes are broken: ${rule}`}; ${rest}`), end: at }
  }

  /** The line alone, of a record with broken quotes. */
  function readLine(at: number, isLast: boolean): { row: Row; end: number } | undefined {
    const length = pending.slice(at).search(/[\r\n]/)
    if (length < 0 && !isLast && pending.length - at <= maxRecord) return undefined
    const stop = length < 0 ? pending.length : at + length
    if (stop - at > maxRecord) {
      isOver = true
      return { row: fault(`the row is longer than ${maxRecord / 1024} KiB; ${rest}`), end: at }
    }
    const end = length < 0 ? stop : lineEnd(pending, stop, isLast)
    if (end < 0) return undefined
    const cells = looseCells(pending.slice(at, stop), delimiter)
    if (!cells || cells.length !== width) return { row: fault(`the quotes are broken: ${rule}`), end }
    row += 1
    return { row: { row, cells }, end }
  }

  function fault(message: string): Row {
    row += 1
    return { row, fault: message }
  }

  /** Whether a line within a cell of the record is a row by all its looks: then a missing quote has swallowed it. */
  function holdsRows(record: string): boolean {
    if (width < 3) return false
    const [first = [], ...others] = record
      .trimEnd()
      .split(/\r\n|\r|\n/)
      .map((line) => line.split(delimiter))
    if (first.length < width) return false
    const shapes = first.map(shapeOf)
    // Ids, years, days and scores.
    const telling = shapes.flatMap((shape, i) => (shape.length <= 12 && shape.includes('0') ? [i] : []))
    const isRow = (cells: string[]) => {
      const alike = telling.filter((i) => shapeOf(cells[i] ?? '') === shapes[i]).length
      return (width > 3 && shapeOf(cells[0] ?? '') === shapes[0]) || (alike > 1 && alike * 2 > telling.length)
    }
    return others.some((cells) => cells.length >= width && isRow(cells))
  }

  return {
    push(text) {
      pending += text
      return read(false)
    },
    end: () => read(true),
  }
}

function scanRecord(text: string, from: number, separator: number, isLast: boolean, strict: boolean): Scanned {
  const cells: string[] = []
  const { length } = text
  let hasLines = false
  for (let at = from; ; at += 1) {
    let end = at
    if (text.charCodeAt(at) === quote) {
      end = closingQuote(text, at + 1)
      if (end < 0 || (end + 1 >= length && !isLast)) return isLast ? 'broken' : 'more'
      const cell = text.slice(at + 1, end)
      cells.push(cell.includes('"') ? cell.replaceAll('""', '"') : cell)
      hasLines ||= cell.includes('\n') || cell.includes('\r')
      end += 1
    } else {
      for (; end < length; end += 1) {
        const code = text.charCodeAt(end)
        if (code === separator || code === lf || code === cr || (strict && code === quote)) break
      }
      cells.push(text.slice(at, end))
    }
    if (end >= length) return isLast ? { cells, end, hasLines } : 'more'
    const code = text.charCodeAt(end)
    if (code === separator) {
      at = end
      continue
    }
    if (code !== lf && code !== cr) return 'broken'
    const next = lineEnd(text, end, isLast)
    return next < 0 ? 'more' : { cells, end: next, hasLines }
  }
}

/** Words and numbers by their kind alone: all days are of one shape, and all ids. With a space before: `1, 2` is text. */
function shapeOf(cell: string): string {
  return cell
    .replaceAll('"', '')
    .trimEnd()
    .replace(/\d+/g, '0')
    .replace(/\p{L}+/gu, 'a')
}

/** The quote behind `from` that is not one of two; negative where there is none. */
function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from)
  while (at >= 0 && text.charCodeAt(at + 1) === quote) at = text.indexOf('"', at + 2)
  return at
}

/** What is behind the line end at `at`; negative where more of the text is needed. */
function lineEnd(text: string, at: number, isLast: boolean): number {
  if (text.charCodeAt(at) === lf) return at + 1
  if (at + 2 >= text.length && !isLast) return -1
  if (text.charCodeAt(at + 1) === lf) return at + 2
  return text.charCodeAt(at + 1) === cr && text.charCodeAt(at + 2) === lf ? at + 3 : at + 1
}

/** The cells of a line whose quotes are not doubled: a quoted cell ends at a quote before a delimiter or the end. */
function looseCells(line: string, delimiter: string): string[] | undefined {
  const cells: string[] = []
  for (let at = 0; at <= line.length; ) {
    const next = endOf(line, at, delimiter)
    let isQuoted = line[at] === '"'
    let end = isQuoted ? looseEnd(line, at + 1, delimiter) : next
    if (end < 0) {
      // A pair of quotes with more behind it is a text with quotes; a single one is open.
      if (line.slice(at, next).split('"').length % 2 === 0) return undefined
      isQuoted = false
      end = next
    }
    const cell = isQuoted ? line.slice(at + 1, end).replaceAll('""', '"') : line.slice(at, end)
    cells.push(cell)
    at = end + (isQuoted ? 2 : 1)
  }
  return cells
}

function looseEnd(line: string, from: number, delimiter: string): number {
  const inside = line.indexOf(`"${delimiter}`, from)
  if (inside >= 0) return inside
  return line.length > from && line.endsWith('"') ? line.length - 1 : -1
}

function endOf(line: string, from: number, delimiter: string): number {
  const end = line.indexOf(delimiter, from)
  return end < 0 ? line.length : end
}
