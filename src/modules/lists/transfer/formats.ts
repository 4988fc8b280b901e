import { setImmediate } from 'node:timers/promises'
import { isOwnId, maxKinopoiskId } from '../../../catalogue/film-ids.ts'
import { type ErrorCode, inputFault } from '../../../errors.ts'
import { unguardFormula } from '../../../text/csv.ts'
import { missing, RowFault, readId, readImdbId, readInstant, readScore, readYear, titlesOf } from './cells.ts'
import type { Table } from './csv.ts'
import type { ListName } from './repository.ts'
import { pastDay } from './times.ts'

/** A row of a file: a film in a list. */
export interface Entry {
  row: number
  list: ListName
  kinopoisk_id: number | null
  /** Of a film made here, or in another installation. */
  own_id: number | null
  imdb_id: string | null
  /** In any language; at least one where there is a year. */
  titles: string[]
  year: number | null
  /** Of a rating, 1…10. */
  value: number | null
  added_at: string | null
  updated_at: string | null
}

export interface Fault {
  row: number
  message: string
  /** Where the API has a code for it. */
  code?: ErrorCode
}

export type FormatName = 'own' | 'letterboxd' | 'imdb'

export interface Reading {
  format: FormatName
  entries: Entry[]
  errors: Fault[]
  rows: number
}

type Cell = (column: string) => string

interface Format {
  name: FormatName
  /** The header has all of these… */
  needs: string[]
  /** …and the score is in one of these. */
  scores: string[]
  /** A row's film, list and score; undefined when it has none. Throws a RowFault. */
  read(cell: Cell, list: ListName | undefined): Omit<Entry, 'row'> | undefined
}

const nothing = { kinopoisk_id: null, own_id: null, imdb_id: null, value: null, updated_at: null }

const own: Format = {
  name: 'own',
  needs: ['list', 'film_id', 'title'],
  scores: ['rating'],
  read(cell) {
    const list = listsByName[cell('list').toLowerCase()]
    if (!list) throw new RowFault('list must be favorites, wishlist or ratings')
    const [film_id, kinopoisk_id] = [readId(cell('film_id'), 'film_id'), readId(cell('kinopoisk_id'), 'kinopoisk_id')]
    const isOwn = film_id !== null && isOwnId(film_id)
    const known = kinopoisk_id ?? (isOwn ? null : film_id)
    if (known !== null && known > maxKinopoiskId) throw new RowFault(`kinopoisk_id must be from 1 to ${maxKinopoiskId}`)
    if (film_id !== null && kinopoisk_id !== null && film_id !== kinopoisk_id) {
      throw new RowFault('film_id and kinopoisk_id contradict each other')
    }
    return {
      list,
      kinopoisk_id: known,
      own_id: isOwn ? film_id : null,
      imdb_id: readImdbId(cell('imdb_id')),
      titles: titlesOf(unguardFormula(cell('title')), unguardFormula(cell('original_title'))),
      year: readYear(cell('year')),
      value: list === 'ratings' ? readScore(cell('rating'), 1) : null,
      added_at: readInstant(cell('added_at'), 'added_at'),
      updated_at: list === 'ratings' ? readInstant(cell('updated_at'), 'updated_at') : null,
    }
  },
}

const letterboxd: Format = {
  name: 'letterboxd',
  needs: ['name', 'year', 'letterboxd uri'],
  scores: ['rating'],
  read(cell, list = 'ratings') {
    const text = cell('rating')
    // A diary has films that were watched and not rated.
    if (list === 'ratings' && text === '') return undefined
    const value = list === 'ratings' ? readScore(text, 2) : null
    const film = { titles: titlesOf(cell('name')), year: readYear(cell('year')) }
    return { ...nothing, ...film, list, value, added_at: pastDay(cell('watched date') || cell('date')) }
  },
}

const imdb: Format = {
  name: 'imdb',
  needs: ['const', 'title'],
  scores: ['your rating', 'you rated'],
  read(cell, list = 'ratings') {
    const text = cell('your rating') || cell('you rated')
    if (list === 'ratings' && text === '') return undefined
    return {
      ...nothing,
      list,
      imdb_id: readImdbId(cell('const')) ?? missing('Const'),
      titles: titlesOf(cell('title'), cell('original title')),
      year: readYear(cell('year')),
      value: list === 'ratings' ? readScore(text, 1) : null,
      added_at: pastDay((list === 'ratings' && cell('date rated')) || cell('created')),
    }
  },
}

const formats = [own, letterboxd, imdb]
const forms = [
  'own (list,film_id,kinopoisk_id,imdb_id,title,…)',
  'Letterboxd (Date,Name,Year,Letterboxd URI,…)',
  'IMDb (Const,Your Rating,… or Position,Const,…)',
]

/** @throws {AppError} invalid_input for an unknown header, or where it is not known which list a file is */
export async function readEntries(
  table: Table,
  hints: { list?: ListName | undefined; fileName: string },
): Promise<Reading> {
  const columns = table.header.map((name) => name.trim().toLowerCase())
  const format = formats.find(({ needs }) => needs.every((name) => columns.includes(name)))
  if (!format) throw inputFault('body.file', `has an unknown header row; known are ${forms.join(', ')}`)
  const list = listOf(format, columns, hints)
  const entries: Entry[] = []
  const errors: Fault[] = []
  for (const { row, cells } of table.rows) {
    // Many rows must not block other requests.
    if (row % 500 === 0) await setImmediate()
    try {
      if (cells.slice(columns.length).some((cell) => cell !== '')) throw new RowFault('has more cells than the header')
      if (cells.some((cell) => cell.includes('\0'))) throw new RowFault('must not contain NUL')
      const entry = format.read((name) => cells[columns.indexOf(name)] ?? '', list)
      if (entry) entries.push({ row, ...entry })
    } catch (error) {
      if (!(error instanceof RowFault)) throw error
      errors.push({ row, message: error.message })
    }
  }
  if (table.broken) errors.push(table.broken)
  return { format: format.name, entries, errors, rows: table.rows.length + (table.broken ? 1 : 0) }
}

/** By the caller's parameter, else by the columns and the file's name: never by guess. */
function listOf(
  format: Format,
  columns: string[],
  { list, fileName }: { list?: ListName | undefined; fileName: string },
) {
  const scored = format.scores.some((name) => columns.includes(name))
  if (format.name === 'own') {
    if (list) throw inputFault('query.list', 'is not for a file in our own form: each row names its list')
    return undefined
  }
  if (list === 'ratings' && !scored)
    throw inputFault('query.list', 'is ratings, but the file has no column with a score')
  if (list) return list
  if (/watchlist/i.test(fileName)) return 'wishlist'
  if (scored && !columns.includes('position')) return 'ratings'
  if (scored && /rating/i.test(fileName)) return 'ratings'
  if (/(^|[^a-z])(likes?|films)([^a-z]|$)/i.test(fileName)) return 'favorites'
  throw inputFault('query.list', 'is needed for this file: favorites or wishlist, or ratings where it has scores')
}

const listsByName: Record<string, ListName> = {
  favorites: 'favorites',
  favourites: 'favorites',
  wishlist: 'wishlist',
  ratings: 'ratings',
}
