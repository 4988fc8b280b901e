// Text of this form a spreadsheet takes for a formula, or it looks as if it had been guarded.
const formula = String.raw`[-=+@\t\r]`
const guardable = new RegExp(`^'*${formula}`)
const guarded = new RegExp(`^'+${formula}`)

/** The same for PostgreSQL, as the text of a literal. */
export const guardableInSql = `^''*${formula}`

/** One `'` goes before a text that a spreadsheet would run as a formula; `unguardFormula` gives each text back as it was. */
export function guardFormula(text: string): string {
  return guardable.test(text) ? `'${text}` : text
}

export function unguardFormula(text: string): string {
  return guarded.test(text) ? text.slice(1) : text
}

const delimiters = [',', ';', '\t']
// A quote opens a cell only at its beginning; one that is never closed opens none.
const quotedCell = /(?<=^|[,;\t\r\n])"(?:[^"]|"")*"/g

/**
 * The delimiter that the first line with text has most of, outside of quoted cells: Excel of many countries writes `;`. The
 * comma where none is ahead. `head` is the beginning of the file, with or without a byte order mark.
 */
export function findDelimiter(head: string): string {
  const lines = head
    .replace(/^\ufeff/, '')
    .replace(quotedCell, '')
    .split(/[\r\n]+/)
  const line = lines.find((each) => each.trim() !== '') ?? ''
  const count = (delimiter: string) => line.split(delimiter).length
  return delimiters.reduce((best, other) => (count(other) > count(best) ? other : best))
}
