import { isOwnId } from '../../../catalogue/film-ids.ts'
import type { Entry } from './entry.ts'
import type { Candidate } from './matching-repository.ts'

/** False where an id of the entry says that this is another film, however alike the titles are. */
export function agrees(film: Candidate, entry: Entry): boolean {
  const otherImdb = entry.imdb_id !== null && film.imdb_id !== null && film.imdb_id !== entry.imdb_id
  return !otherImdb && !(entry.kinopoisk_id !== null && !isOwnId(film.id))
}

/** Whether the entry has a title of the film, and a year that may be its own. A sequel's title holds that of the first film. */
export function isNamed(film: Candidate, entry: Entry): boolean {
  return isTitled(film, entry) && !isFar(film, entry)
}

function isTitled(film: Candidate, { titles }: Entry): boolean {
  if (titles.includes(film.name)) return true
  const names = [film.name, film.original_name ?? ''].map(letters).filter((name) => name !== '')
  return titles.some((title) => names.includes(letters(title)))
}

// A release and a festival, or a season and its series, may be a year apart.
const maxYears = 1

function isFar(film: Candidate, { year }: Entry): boolean {
  return film.year !== null && year !== null && Math.abs(film.year - year) > maxYears
}

/**
 * Why the film that an id of the entry names cannot be meant: `others` are films that the rest of the row names.
 * Undefined where nothing in the row speaks against it: titles differ from language to language.
 */
export function contradiction(film: Candidate, entry: Entry, others: Candidate[]): string | undefined {
  if (entry.imdb_id !== null && film.imdb_id !== null && film.imdb_id !== entry.imdb_id) {
    return `${nameOf(film)} has the IMDb id ${film.imdb_id}, not ${entry.imdb_id}`
  }
  const other = others.find(({ id }) => id !== film.id)
  if (other && !others.some(({ id }) => id === film.id)) {
    return `its ids and titles are of two films, ${nameOf(film)} and ${nameOf(other)}`
  }
  if (!isFar(film, entry) || entry.titles.length === 0 || isTitled(film, entry)) return undefined
  return `its id is of ${nameOf(film)}, and its title and year are ${titleOf(entry)}`
}

function nameOf({ id, name, year }: Candidate): string {
  return `"${name.slice(0, 100)}" (${year ?? 'no year'}, ${id})`
}

function titleOf({ titles, year }: Entry): string {
  return `"${titles[0]?.slice(0, 100)}" (${year ?? 'no year'})`
}

/** A film in the words of its row. */
export function describe(entry: Entry): string {
  const title = entry.titles[0] && titleOf(entry)
  return [title, entry.kinopoisk_id ?? entry.own_id, entry.imdb_id].filter(Boolean).join(', ')
}

/**
 * The entries that name one film by two ids, with the reason. One of the ids is certainly wrong, and nothing says which.
 */
export function rivals(claims: { entry: Entry; film_id: number }[]): Map<Entry, string> {
  const byFilm = Map.groupBy(claims, ({ entry, film_id }) => `${entry.file} ${film_id}`)
  const found = new Map<Entry, string>()
  for (const group of byFilm.values()) {
    if (group.length < 2) continue
    const entries = group.map(({ entry }) => entry)
    const ids = idsOf(entries, 'imdb_id') ?? idsOf(entries, 'identity')
    if (!ids) continue
    const rows = [...new Set(entries.map(({ row }) => row))].slice(0, 5).join(', ')
    const message = `rows ${rows} are one film here, ${group[0]?.film_id}, and two in the file (${ids}): none of them is taken`
    for (const entry of entries) found.set(entry, message)
  }
  return found
}

function idsOf(entries: Entry[], member: 'imdb_id' | 'identity'): string | undefined {
  const ids = [...new Set(entries.map((entry) => entry[member]).filter((id) => id !== null))]
  return ids.length > 1
    ? ids
        .slice(0, 3)
        .map((id) => id.trim())
        .join(', ')
    : undefined
}

function letters(title: string): string {
  return title
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')
}
