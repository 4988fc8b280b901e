// What a spreadsheet takes for the beginning of a formula; Excel also the full-width forms (OWASP, CSV injection).
const formula = String.raw`[-=+@\t\r＝＋－＠]`
// A cell begins at the beginning of a text, and behind each separator in it: where a spreadsheet parts cells by another
// separator than the file does, the file's quotes mean nothing to it. Behind a line end it begins a row.
const separator = String.raw`[;,\t\n\r]`
const guardable = new RegExp(`(?<=^|${separator})(?='*${formula})`, 'g')
const guarded = new RegExp(`(?<=^|${separator})'(?='*${formula})`, 'g')

/** One `'` goes before what a spreadsheet would run as a formula; `unguardFormula` gives each text back as it was. */
export function guardFormula(text: string): string {
  return text.replace(guardable, "'")
}

export function unguardFormula(text: string): string {
  return text.replace(guarded, '')
}

/** SQL: `guardFormula` of the column. Most texts need no guard: to search them takes a fraction of a replacement. */
export function guardFormulaInSql(column: string): string {
  return `case when ascii(${column}) between 65 and 65000 and ${column} !~ '${separator}''*${formula}' then ${column}
    else regexp_replace(${column}, '(?<=^|${separator})(?=''*${formula})', '''', 'g') end`
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
    .replace(quotedCell, 'x')
    .split(/[\r\n]+/)
  const line = lines.find((each) => each.trim() !== '') ?? ''
  const count = (delimiter: string) => line.split(delimiter).length
  return delimiters.reduce((best, other) => (count(other) > count(best) ? other : best))
}
