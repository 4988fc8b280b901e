import { maxKinopoiskId, maxMinutes } from '../../../catalogue/film-ids.ts'
import { unguardFormula } from '../../../text/csv.ts'
import { damageOf } from '../../../text/damage.ts'
import { readTime } from '../../../text/dates.ts'
import { normalizeName } from '../../../text/names.ts'
import { readInteger } from '../../../text/numbers.ts'
import { isWebUrl, maxUrlLength, mustBeWebUrl } from '../../../text/web-url.ts'
import { type Column, splitGenres } from './format.ts'
import type { Header } from './header.ts'

/** A row that is fine by itself. `director_id` 0 and `director` '' say nothing; numbers are as PostgreSQL reads them. */
export interface FilmRow {
  id: string | null
  name: string
  original_name: string | null
  genres: string[]
  /** All genres seem to be in one name, and all directors; right only if the catalogue has such a name. */
  joined_genres: boolean
  joined_director: boolean
  director_id: string
  director: string
  rate: string | null
  year: string
  minutes: string | null
  description: string | null
  trailer: string | null
  poster_url: string | null
  created_at: string | null
  updated_at: string | null
}

// Ids behind it are left to the database, which would run out of them.
const lastId = 2_000_000_000
const yearsAhead = 10
const soundText = 'save the file as "CSV UTF-8" from where its letters are still right'

/**
 * Checks rows by themselves. A row without id follows the rules of POST /films; one with an id may have values that
 * only the catalogue itself can have, from Kinopoisk: no rate, no minutes, an early year, longer texts.
 */
export function createRowReader(header: Header, now: Date) {
  const lastYear = now.getUTCFullYear() + yearsAhead

  /** The row, or all that is wrong with it. */
  return (cells: string[]): FilmRow | { faults: string } => {
    const faults: string[] = []
    const cell = (column: Column) => cells[header.get(column) ?? -1] ?? ''
    const text = (column: Column, max: number) => {
      const value = unguardFormula(cell(column))
      if (value.includes('\0')) faults.push(`${column} must not contain NUL`)
      const damage = damageOf(value)
      if (damage !== undefined) faults.push(`${column} is damaged text (${quote(damage)}): ${soundText}`)
      if (value.length > max && [...value].length > max) faults.push(`${column} is longer than ${max} characters`)
      return value
    }
    const url = (column: Column) => {
      const value = text(column, maxUrlLength).trim()
      if (value !== '' && value.length <= maxUrlLength && !isWebUrl(value)) faults.push(`${column} ${mustBeWebUrl}`)
      return value || null
    }
    const integer = (column: Column, min: number, max: number): string | null => {
      const value = cell(column).trim()
      if (value === '') return null
      const number = readInteger(value) ?? -1
      if (number >= min && number <= max) return String(number)
      faults.push(`${column} must be an integer from ${min} to ${max}, not ${quote(value)}`)
      return null
    }
    const rate = () => {
      const value = cell('rate').trim().replace(',', '.')
      if (value === '') return null
      if (/^\d{1,2}(\.\d{1,2}0*)?$/.test(value) && Number(value) <= 10) return value
      faults.push(`rate must be a number from 0 to 10 with at most 2 decimals, not ${quote(value)}`)
      return null
    }
    const time = (column: Column) => {
      const value = cell(column).trim()
      if (value === '') return null
      const time = readTime(value)
      if (time !== undefined && !time.startsWith('0000')) return time
      faults.push(`${column} must be a time such as 2026-11-20T10:00:00.000Z or 20.11.2026 10:00, not ${quote(value)}`)
      return null
    }
    const need = (value: string | null, column: string) => {
      if (!value && !faults.some((fault) => fault.startsWith(`${column} `))) faults.push(`${column} is empty`)
      return value ?? ''
    }

    const id = readId(integer, faults)
    const times = id === null ? 1 : 10
    const genres = readGenres(text('genre', 100).trim(), text('genres', 20_000), faults)
    const director = text('director', 200).trim()
    const row: FilmRow = {
      id,
      name: need(normalizeName(text('name', 500)), 'name'),
      original_name: text('original_name', 500 * times) || null,
      genres,
      // Our own export says that it is one name: by the same in the other column, and by the id beside it.
      joined_genres: isJoined(genres) && (cell('genre').trim() === '' || cell('genres').trim() === ''),
      joined_director: isJoined([director]) && cell('director_id').trim() === '',
      director_id: integer('director_id', 1, lastId) ?? '0',
      director,
      rate: rate(),
      year: need(integer('year', id === null ? 1888 : 1800, id === null ? lastYear : 2200), 'year'),
      minutes: integer('minutes', 1, maxMinutes),
      description: text('description', 10_000 * times) || null,
      trailer: url('trailer'),
      poster_url: url('poster_url'),
      created_at: time('created_at'),
      updated_at: time('updated_at'),
    }
    if (row.director_id === '0') need(row.director, 'director')
    if (id === null) {
      need(row.rate, 'rate')
      need(row.minutes, 'minutes')
    }
    return faults.length > 0 ? { faults: faults.join('; ') } : row
  }
}

type ReadInteger = (column: Column, min: number, max: number) => string | null

/** `id`, or `kinopoisk_id`, which is the same where both are. */
function readId(integer: ReadInteger, faults: string[]): string | null {
  const id = integer('id', 1, lastId)
  const kinopoiskId = integer('kinopoisk_id', 1, maxKinopoiskId)
  if (id !== null && kinopoiskId !== null && Number(id) !== Number(kinopoiskId)) {
    faults.push('kinopoisk_id must be the id, or empty for a film made here')
  }
  return id ?? kinopoiskId
}

/** The names without repetition. */
function readGenres(first: string, joined: string, faults: string[]): string[] {
  const names = splitGenres(joined)
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (first !== '' && names.length === 0) names.push(first)
  if (first !== '' && names[0]?.toLowerCase() !== first.toLowerCase()) {
    faults.push('genre must be the first of genres; leave one of the two empty')
  }
  if (names.length === 0 && !faults.some((fault) => fault.startsWith('genre'))) faults.push('genres is empty')
  if (names.length > 100) faults.push(`genres has ${names.splice(100).length + 100} names, more than 100`)
  if (names.some((name) => [...name].length > 100)) faults.push('genres has a name of more than 100 characters')
  const lowered = names.map((name) => name.toLowerCase())
  return names.filter((_, i) => lowered.indexOf(lowered[i] as string) === i)
}

/** Whether the only name has what people join names by. */
function isJoined(names: string[]): boolean {
  return names.length === 1 && /[^,;/|•\r\n][,;/|•\r\n]+[^,;/|•\r\n]/.test(names[0] ?? '')
}

function quote(value: string): string {
  return JSON.stringify(value.slice(0, 50))
}
