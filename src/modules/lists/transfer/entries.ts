import { isOwnId, maxKinopoiskId } from '../../../catalogue/film-ids.ts'
import { unguardFormula } from '../../../text/csv.ts'
import { damageOf } from '../../../text/damage.ts'
import { readFilmReference } from '../../../text/film-reference.ts'
import { columnKey } from '../../../text/names.ts'
import { quoted, RowFault, readFilmYear, readId, readImdbId, readScore, titlesOf } from './cells.ts'
import type { Field } from './columns.ts'
import type { Entry } from './entry.ts'
import type { Form } from './forms.ts'
import { otherKind } from './kinds.ts'
import type { ListName } from './repository.ts'
import { pastTime } from './times.ts'

/** What a row says, or undefined where it has no score for the ratings; with notes about cells that were not understood. */
export interface ReadRow {
  entry: Omit<Entry, 'file' | 'row'> | undefined
  notes: RowFault[]
}

const ownLists: Record<string, ListName> = {
  favorites: 'favorites',
  favourites: 'favorites',
  wishlist: 'wishlist',
  ratings: 'ratings',
}
const planned = /^(?:plan|watchlist|wish|хочу|буду|планую)/
// 136 min, 2 ч 16 мин
const length = /^(?=\d)(?:\d{1,2}\s?(?:h|hr|ч|час|год)\.?)?\s?(?:\d+\s?(?:m|min|minutes|м|мин|минут|хв|хвилин)\.?)?$/u

/**
 * Reads the rows of a form; throws a RowFault. A cell that is not understood costs the cell where an id names the film, and
 * else the row.
 */
export function createRowReader(form: Form, header: string[], list: ListName | 'rows') {
  const places = placesOf(form, header)

  return (cells: string[]): ReadRow => {
    if (cells.some((text) => text.includes('\0'))) throw new RowFault('the row must not contain NUL')
    const row = createRow(cells, header, places)
    const target = list === 'rows' ? listOfRow(form, row) : list
    const value = target === 'ratings' ? scoreOf(form, row) : null
    if (!target || value === undefined) return { entry: undefined, notes: [] }
    const film = {
      ...idsOf(row),
      titles: row.tried('title', () => soundTitles(row)) ?? [],
      year: row.tried('year', readFilmYear),
    }
    checkFilm(film, row.notes)
    if (form.name === 'own' && target !== 'ratings') noteScore(row, target)
    const other = otherKind(row.text('kind'), row.text('season'), row.text('episode'))
    const identity = row.text('identity')
    const entry = {
      ...film,
      ...{ list: target, value, identity: (identity && `${row.text('kind')} ${identity}`) || null },
      added_at: timeOf(row, target === 'ratings' ? 'rated_at' : 'added_at'),
      updated_at: target === 'ratings' ? timeOf(row, 'updated_at') : null,
      refusal: other ? `the row is ${other}, not a film` : null,
    }
    return { entry, notes: row.notes }
  }
}

type Places = Partial<Record<Field, number[]>>

interface RowCells {
  /** The field's cell, or ''. */
  text(field: Field): string
  texts(field: Field): string[]
  /** The field's column as the file names it: the best, or that of one of its texts. */
  column(field: Field, at?: number): string
  /** What `read` makes of the field's cell; null and a note where it cannot. */
  tried<T>(field: Field, read: (text: string, column: string) => T): T | null
  notes: RowFault[]
}

function createRow(cells: string[], header: string[], places: Places): RowCells {
  const notes: RowFault[] = []
  const texts = (field: Field) => (places[field] ?? []).map((at) => unguardFormula(cells[at] ?? ''))
  const text = (field: Field) => texts(field).find((each) => each.trim() !== '') ?? ''
  const column = (field: Field, at = 0) => header[places[field]?.[at] ?? -1]?.trim() || field
  return {
    ...{ text, texts, column, notes },
    tried(field, read) {
      try {
        return read(text(field), column(field))
      } catch (error) {
        if (!(error instanceof RowFault)) throw error
        notes.push(error)
        return null
      }
    },
  }
}

/** Where the columns of each field are, in the order of preference. */
function placesOf({ columns }: Form, header: string[]): Places {
  const keys = header.map(columnKey)
  const isDiary = keys.includes('watcheddate') || keys.includes('rewatch')
  const places = Object.entries(columns).map(([field, names]) => [
    field,
    names
      .split(' ')
      .map((name) => keys.indexOf(name))
      .filter((at) => at >= 0),
  ])
  const found: Places = Object.fromEntries(places)
  // A rating that is not given is none: another column of scores is of somebody else.
  if (found.rating) found.rating = found.rating.slice(0, 1)
  // In a diary an address of Letterboxd is that of the entry, not of the film.
  if (found.identity && isDiary) found.identity = found.identity.filter((at) => keys[at] !== 'letterboxduri')
  return found
}

function listOfRow(form: Form, row: RowCells): ListName | undefined {
  const name = row.text('list').trim()
  if (form.name === 'own') {
    return (
      ownLists[name.toLowerCase()] ?? fault(`list must be favorites, wishlist or ratings, not ${quoted(name)}`, 'list')
    )
  }
  if (row.text('rating').trim() !== '') return 'ratings'
  return planned.test(row.text('status').trim().toLowerCase()) ? 'wishlist' : undefined
}

/** Undefined where there is none. */
function scoreOf(form: Form, { text, column }: RowCells): number | undefined {
  const [score, ten] = [text('rating').trim(), text('rating10').trim()]
  if (ten === '') {
    // Our own export has a score in each rating.
    return score === '' && form.name !== 'own' ? undefined : readScore(score, form.scale, column('rating'))
  }
  const value = readScore(ten, 10, column('rating10'))
  if (score !== '' && readScore(score, form.scale, column('rating')) !== value) {
    fault(`${column('rating')} and ${column('rating10')} contradict each other`, column('rating10'))
  }
  return value
}

function idsOf({ text, tried }: RowCells) {
  const film_id = tried('film_id', readId)
  const kinopoisk_id = tried('kinopoisk_id', readId)
  const link = readFilmReference(text('url'))
  const [imdbLink, kinopoiskLink] = link && 'imdbId' in link ? [link.imdbId, null] : [null, link?.kinopoiskId ?? null]
  const isOwn = film_id !== null && isOwnId(film_id)
  const known = kinopoisk_id ?? (isOwn ? null : film_id) ?? kinopoiskLink
  const imdb_id = tried('imdb_id', readImdbId) ?? imdbLink
  if (known !== null && known > maxKinopoiskId) fault(`kinopoisk_id must be from 1 to ${maxKinopoiskId}, not ${known}`)
  if (film_id !== null && kinopoisk_id !== null && film_id !== kinopoisk_id) {
    fault('film_id and kinopoisk_id contradict each other')
  }
  if (kinopoiskLink !== null && known !== kinopoiskLink) fault('the address and kinopoisk_id contradict each other')
  if (imdbLink !== null && imdb_id !== imdbLink) fault('the address and the IMDb id contradict each other')
  return { kinopoisk_id: known, own_id: isOwn ? film_id : null, imdb_id }
}

function soundTitles({ texts, column }: RowCells): string[] {
  const titles = [...texts('title'), ...texts('original_title')]
  const damage = titles.map(damageOf).find((each) => each !== undefined)
  if (damage === undefined) return titlesOf(...titles)
  const advice = 'save the file as "CSV UTF-8" from where its letters are still right'
  return fault(`the text in ${column('title')} is damaged (${quoted(damage)}): ${advice}`, column('title'))
}

/** A row without an id must be understood whole. */
function checkFilm(film: Pick<Entry, 'kinopoisk_id' | 'imdb_id' | 'titles'>, notes: RowFault[]): void {
  if (film.kinopoisk_id !== null || film.imdb_id !== null) return
  if (notes.length > 0) fault(notes.map((note) => note.message).join('; '), notes[0]?.column)
  if (film.titles.length === 0) fault('the row names no film: it has no title and no id')
}

function noteScore({ text, column, notes }: RowCells, list: ListName): void {
  const score = text('rating').trim()
  if (score === '') return
  notes.push(new RowFault(`${column('rating')} is left out, ${quoted(score)}: ${list} has no scores`, column('rating')))
}

/** Null where there is none, or none that is understood. */
function timeOf({ texts, column, notes }: RowCells, field: Field): string | null {
  const cells = texts(field)
    .map((text, at) => ({ text: text.trim(), name: column(field, at) }))
    .filter(({ text, name }) => text !== '' && !isLength(text, name))
  const [first] = cells
  if (!first) return null
  const times = cells.map(({ text }) => pastTime(text))
  const at = times.findIndex((time) => time !== undefined)
  if (at !== 0) {
    const known = 'a day of the past such as 2018-01-02 or 02.01.2018'
    const fallback = `${cells[at]?.name ?? 'now'} is used in its place`
    notes.push(new RowFault(`${first.name} must be ${known}, not ${quoted(first.text)}: ${fallback}`, first.name))
  }
  return times[at] ?? null
}

/** A column Time may tell how long the film is. */
function isLength(text: string, column: string): boolean {
  return /^(?:time|время|час)$/.test(columnKey(column)) && length.test(text.toLowerCase())
}

function fault(message: string, column?: string): never {
  throw new RowFault(message, column)
}
