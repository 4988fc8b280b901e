/** A row of a file by its number, as a spreadsheet counts: its cells, or why they cannot be read. */
export type Row = { row: number; cells: string[]; isHeader?: true } | { row: number; fault: string }

/** Makes rows of a text that comes in pieces. */
export interface RowParser {
  push(text: string): Row[]
  end(): Row[]
}

/** Called with each row until it is true for one. */
export type IsHeader = (cells: string[]) => boolean

export function isBlank(cells: string[]): boolean {
  return cells.every((cell) => cell === '' || cell.trim() === '')
}
