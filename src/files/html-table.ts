import { Parser } from 'htmlparser2'
import type { IsHeader, Row, RowParser } from './rows.ts'

// A page that is no table must not fill the memory.
const maxCell = 100_000
const maxCells = 1000

/** The rows of the tables of a page: what Kinopoisk calls .xls is one. A row of a table within a cell is a row of its own. */
export function createHtmlParser(isHeader: IsHeader): RowParser {
  let rows: Row[] = []
  let cells: string[] | undefined
  let cell: string | undefined
  let row = 0
  let hasHeader = false

  function endCell(): void {
    if (cell !== undefined && cells && cells.length < maxCells) cells.push(cell.replace(/[\s\u00a0]+/g, ' ').trim())
    cell = undefined
  }

  function endRow(): void {
    endCell()
    if (!cells) return
    row += 1
    const isFirst = !hasHeader && isHeader(cells)
    hasHeader ||= isFirst
    rows.push(isFirst ? { row, cells, isHeader: true } : { row, cells })
    cells = undefined
  }

  const parser = new Parser({
    onopentagname(name) {
      if (name === 'tr') {
        endRow()
        cells = []
      } else if (name === 'td' || name === 'th') {
        endCell()
        cells ??= []
        cell = ''
      } else if (name === 'br' && cell !== undefined) cell += ' '
    },
    ontext(text) {
      if (cell !== undefined && cell.length < maxCell) cell += text
    },
    onclosetag(name) {
      if (name === 'td' || name === 'th') endCell()
      else if (name === 'tr' || name === 'table') endRow()
    },
  })

  function taken(): Row[] {
    const all = rows
    rows = []
    return all
  }

  return {
    push(text) {
      parser.write(text)
      return taken()
    },
    end() {
      parser.end()
      endRow()
      return taken()
    },
  }
}
