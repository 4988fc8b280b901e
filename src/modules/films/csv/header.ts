import { AppError } from '../../../errors.ts'
import { columnKey } from '../../../text/names.ts'
import { type Column, columns } from './format.ts'

/** Where each column of the file is. */
export type Header = Map<Column, number>

const required: (readonly Column[])[] = [
  ['name'],
  ['genre', 'genres'],
  ['director', 'director_id'],
  ['rate'],
  ['year'],
  ['minutes'],
]

/** The columns in Russian and Ukrainian, as `columnKey` has them. */
const translations: Partial<Record<Column, string>> = {
  name: 'название наименование фильм назва фільм',
  original_name: 'оригинальноеназвание оригинал оригінальнаназва оригінал',
  genres: 'жанр жанры жанри',
  director: 'режиссер режисер',
  rate: 'рейтинг оценка оцінка',
  year: 'год годвыпуска рік ріквипуску',
  minutes: 'минуты минут длительность хвилини хвилин тривалість',
  description: 'описание опис',
  trailer: 'трейлер',
  poster_url: 'постер',
}
const byKey = new Map(
  columns.flatMap((column) =>
    [columnKey(column), ...(translations[column]?.split(' ') ?? [])].map((key) => [key, column]),
  ),
)

/**
 * Columns come in any order, their names in any case and of three languages.
 * @throws {AppError} invalid_csv unless all are known, none comes twice and what a film needs is there
 */
export function readHeader(cells: string[]): Header {
  const header: Header = new Map()
  const known = `known are ${columns.join(', ')}`
  for (const [i, cell] of cells.entries()) {
    const column = byKey.get(columnKey(cell))
    if (!column) throw invalid(`The header has an unknown column ${JSON.stringify(cell.slice(0, 50))}; ${known}`)
    if (header.has(column)) throw invalid(`The header has the column ${column} twice`)
    header.set(column, i)
  }
  const missing = required.filter((any) => !any.some((column) => header.has(column))).map((any) => any.join(' or '))
  if (missing.length > 0) throw invalid(`The header has no column ${missing.join(', ')}; ${known}`)
  return header
}

export function invalid(detail: string): AppError {
  return new AppError('invalid_csv', { detail })
}
