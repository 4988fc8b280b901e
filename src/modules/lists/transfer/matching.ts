import { isOwnId } from '../../../catalogue/film-ids.ts'
import type { Entry, Fault } from './formats.ts'
import type { LookUps } from './look-ups.ts'
import type { Candidate, MatchingRepository, Title } from './matching-repository.ts'

export interface Match {
  entry: Entry
  film_id: number
}

type LookUp = (ids: number[]) => Promise<LookUps>

const batch = 1000

/**
 * Finds each entry's film: by Kinopoisk id, then IMDb id, then exact title and year; never by guess. `lookUp` is called
 * once, with the Kinopoisk ids that are not known here.
 */
export async function matchFilms(repository: MatchingRepository, entries: Entry[], lookUp: LookUp) {
  const ids = present(entries.map((entry) => entry.kinopoisk_id))
  const known = new Set<number>()
  for (const part of batches(ids)) for (const id of await repository.findIds(part)) known.add(id)
  const { films, skipped, interruption } = await lookUp(ids.filter((id) => !known.has(id)))
  for (const id of films) known.add(id)

  const isOpen = ({ kinopoisk_id }: Entry) =>
    kinopoisk_id === null || !(known.has(kinopoisk_id) || skipped.has(kinopoisk_id))
  const open = entries.filter(isOpen)
  const byImdb = await findByImdb(repository, open)
  const byTitle = await findByTitle(repository, open)

  const matches: Match[] = []
  const errors: Fault[] = []
  for (const entry of entries) {
    const film = isOpen(entry) ? pick(entry, byImdb, byTitle) : idOf(entry, skipped)
    if (typeof film === 'number') matches.push({ entry, film_id: film })
    else errors.push({ row: entry.row, message: film })
  }
  return { matches, errors, interruption }
}

/** The id, or the fault's message. */
function idOf({ kinopoisk_id }: Entry, skipped: Map<number, string>): number | string {
  return skipped.get(kinopoisk_id ?? 0) ?? kinopoisk_id ?? ''
}

type Candidates = Map<string, Candidate[]>

/** The film's id, or why there is none. */
function pick(entry: Entry, byImdb: Candidates, byTitle: Candidates): number | string {
  const same = byImdb.get(entry.imdb_id ?? '') ?? []
  const found = same.length > 0 ? same : entry.titles.flatMap((title) => byTitle.get(key(title, entry.year)) ?? [])
  const fitting = new Set(found.filter((film) => agrees(film, entry)).map((film) => film.id))
  if (entry.own_id !== null && fitting.has(entry.own_id)) return entry.own_id
  // Without a year a title alone says too little.
  const [id] = same.length > 0 || entry.year !== null ? fitting : []
  if (id !== undefined && fitting.size === 1) return id
  if (id === undefined) return `No film known here is ${describe(entry)}`
  return `Several films are ${describe(entry)}: ${[...fitting].slice(0, 5).join(', ')}`
}

/** False where an id of the entry says that this is another film, however alike the titles are. */
function agrees(film: Candidate, entry: Entry): boolean {
  const otherImdb = entry.imdb_id !== null && film.imdb_id !== null && film.imdb_id !== entry.imdb_id
  return !otherImdb && !(entry.kinopoisk_id !== null && !isOwnId(film.id))
}

function describe({ kinopoisk_id, imdb_id, titles, year }: Entry): string {
  const title = titles[0] && `"${titles[0].slice(0, 100)}" (${year ?? 'no year'})`
  return [title, kinopoisk_id, imdb_id].filter(Boolean).join(', ') || 'without a title'
}

async function findByImdb(repository: MatchingRepository, entries: Entry[]): Promise<Candidates> {
  const found: Candidates = new Map()
  for (const part of batches(present(entries.map((entry) => entry.imdb_id)))) {
    for (const film of await repository.findByImdb(part)) push(found, film.imdb_id ?? '', film)
  }
  return found
}

async function findByTitle(repository: MatchingRepository, entries: Entry[]): Promise<Candidates> {
  const wanted = new Map<string, Title>()
  for (const { titles, year } of entries) for (const title of titles) wanted.set(key(title, year), { title, year })
  const found: Candidates = new Map()
  for (const part of batches([...wanted.values()])) {
    for (const { position, ...film } of await repository.findByTitle(part)) {
      const { title = '', year = null } = part[position - 1] ?? {}
      push(found, key(title, year), film)
    }
  }
  return found
}

function key(title: string, year: number | null): string {
  return `${year} ${title}`
}

function push(map: Candidates, key: string, film: Candidate): void {
  const films = map.get(key)
  if (films) films.push(film)
  else map.set(key, [film])
}

function present<T>(values: (T | null)[]): T[] {
  return [...new Set(values.filter((value) => value !== null))]
}

export function* batches<T>(all: T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += batch) yield all.slice(at, at + batch)
}
