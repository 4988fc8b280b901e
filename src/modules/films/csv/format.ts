import { guardFormulaInSql } from '../../../text/csv.ts'

/**
 * The CSV of the catalogue: RFC 4180 in UTF-8, lines end with CR LF, one header row, films by id.
 *
 * - The file begins with a byte order mark, without which Excel reads Cyrillic as another alphabet; `bom=false` leaves it out.
 * - `delimiter=;` is for Excel of countries whose list separator that is; decimals then have a comma, as they have there.
 * - An empty cell is null. The catalogue has no empty texts: they are written as null.
 * - `genres`: the names in their order, joined by `|`. In a name `\` is written `\\` and `|` is written `\|`.
 * - Text cells that a spreadsheet would take for a formula are guarded. At the beginning of a text and behind each `; , TAB CR
 *   LF` in it, where any number of `'` (also none) is followed by one of `= + - @ TAB CR` or a full-width `＝ ＋ － ＠`, one `'`
 *   is added. The import takes one `'` off where at least one `'` is followed by one of those. So each text comes back as it
 *   was, `'=` and `''=` included, and `'Round Midnight` is never touched. `genres` is joined before it is guarded.
 * - Times are ISO 8601 in UTC with milliseconds, as in /films; `rate` is without trailing zeros.
 */
export const columns = [
  'id',
  'name',
  'original_name',
  'genre',
  'genres',
  'director_id',
  'director',
  'rate',
  'year',
  'minutes',
  'description',
  'trailer',
  'poster_url',
  'kinopoisk_id',
  'user_rate',
  'user_votes',
  'created_at',
  'updated_at',
] as const

export type Column = (typeof columns)[number]

export const delimiters = [',', ';'] as const
export type Delimiter = (typeof delimiters)[number]

/** SQL: the text `column` as a cell. */
export function guarded(column: string): string {
  return `nullif(${guardFormulaInSql(column)}, '')`
}

/** SQL: the genre's name `column` inside of a `genres` cell. */
export function joinable(column: string): string {
  return `replace(replace(${column}, '\\', '\\\\'), '|', '\\|')`
}

/** The names of a `genres` cell. A `\` before anything but `\` and `|` stands for itself. */
export function splitGenres(cell: string): string[] {
  if (!cell.includes('\\')) return cell.split('|')
  const names = ['']
  for (const [part] of cell.matchAll(/\\[\\|]|./gs)) {
    if (part === '|') names.push('')
    else names[names.length - 1] += part.length === 2 ? part.slice(1) : part
  }
  return names
}
