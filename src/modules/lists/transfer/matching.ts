import { spellingsOf } from './cells.ts'
import type { Entry, Message } from './entry.ts'
import { agrees, contradiction, describe, isNamed, rivals } from './evidence.ts'
import type { LookUps } from './look-ups.ts'
import type { Candidate, MatchingRepository, Title } from './matching-repository.ts'

export interface Match {
  entry: Entry
  film_id: number
}

interface Decision {
  film?: Candidate | undefined
  fault?: string
  note?: string | undefined
}

const batch = 1000

/**
 * Finds each entry's film: by Kinopoisk id, then IMDb id, then exact title and year; never by guess. What else the row
 * says must not speak against it. Ids that are not known here are looked up as far as an import may.
 */
export async function matchFilms(repository: MatchingRepository, entries: Entry[], lookUps: LookUps) {
  const films = await findFilms(repository, entries, lookUps)
  const byTitle = await findTitled(
    repository,
    entries.filter((entry) => needsTitle(entry, films)),
  )

  const claims: (Match & { note: string | undefined })[] = []
  const faults: Message[] = []
  const notes: Message[] = []
  for (const entry of entries) {
    const { film, fault, note } = decide(entry, films, byTitle.get(entry) ?? [], lookUps)
    if (film) claims.push({ entry, film_id: film.id, note })
    else faults.push(messageOf(entry, entry.refusal ?? fault ?? ''))
  }
  const rivalry = rivals(claims)
  const matches: Match[] = []
  for (const { entry, film_id, note } of claims) {
    const fault = entry.refusal ?? rivalry.get(entry)
    if (fault !== undefined) faults.push(messageOf(entry, fault))
    else matches.push({ entry, film_id })
    if (fault === undefined && note !== undefined) notes.push(messageOf(entry, note))
  }
  return { matches, faults, notes }
}

/** What is known of the ids in the entries. */
interface KnownFilms {
  byId: Map<number, Candidate>
  byImdb: Map<string, Candidate[]>
  /** Ids that were looked up; those that are no film's are in none of the maps. */
  lookedUp: Set<number | string>
}

async function findFilms(repository: MatchingRepository, entries: Entry[], lookUps: LookUps): Promise<KnownFilms> {
  const find = (ids: number[]) => inBatches(ids, repository.findByIds, ({ id }) => id)
  const ids = present(entries.map((entry) => entry.kinopoisk_id))
  const byId = await find(ids)
  const foundIds = await lookUps.byId(ids.filter((id) => !byId.has(id)))
  const fresh = [...foundIds].filter(([, isFilm]) => isFilm).map(([id]) => id)
  const stored = await find(fresh)
  for (const id of fresh)
    byId.set(id, stored.get(id) ?? [{ id, imdb_id: null, name: '', original_name: null, year: null }])

  const imdbIds = present(entries.map((entry) => entry.imdb_id))
  const byImdb = await inBatches(imdbIds, repository.findByImdb, ({ imdb_id }) => imdb_id ?? '')
  const isOpen = ({ imdb_id, kinopoisk_id, refusal }: Entry) =>
    refusal === null && !byImdb.has(imdb_id ?? '') && !byId.has(kinopoisk_id ?? 0)
  const foundImdb = await lookUps.byImdb(present(entries.filter(isOpen).map((entry) => entry.imdb_id)))
  const named = await find([...foundImdb.values()].flat())
  for (const [imdbId, found] of foundImdb) {
    const films = found.flatMap((id) => named.get(id) ?? [])
    const fitting = films.filter(({ imdb_id }) => imdb_id === null || imdb_id === imdbId)
    if (fitting.length > 0) byImdb.set(imdbId, fitting)
  }
  const single = [...byId].flatMap(([id, [film]]) => (film ? [[id, film] as const] : []))
  return { byId: new Map(single), byImdb, lookedUp: new Set([...foundIds.keys(), ...foundImdb.keys()]) }
}

/** Whether its titles must be looked for: where no id names its film, or one whose titles or year are others. */
function needsTitle(entry: Entry, { byId, byImdb }: KnownFilms): boolean {
  if (entry.titles.length === 0) return false
  const named = entry.kinopoisk_id === null ? undefined : byId.get(entry.kinopoisk_id)
  const films = named ? [named] : (byImdb.get(entry.imdb_id ?? '') ?? [])
  return films.length !== 1 || !films.every((film) => isNamed(film, entry))
}

function decide(entry: Entry, films: KnownFilms, titled: Candidate[], lookUps: LookUps): Decision {
  const { kinopoisk_id, imdb_id } = entry
  const sameImdb = films.byImdb.get(imdb_id ?? '') ?? []
  if (kinopoisk_id !== null) {
    const film = films.byId.get(kinopoisk_id)
    if (film) return checked(film, entry, film.imdb_id === null && sameImdb.length > 0 ? sameImdb : titled)
    if (!films.lookedUp.has(kinopoisk_id)) {
      return { fault: `The film ${kinopoisk_id} is not known here; ${lookUps.reason()}` }
    }
  }
  const isById = sameImdb.length > 0
  const fitting = unique(isById ? narrowed(sameImdb, titled) : titled).filter((film) => agrees(film, entry))
  const own = fitting.find(({ id }) => id === entry.own_id)
  if (own) return { film: own }
  // Without a year a title alone says too little.
  const [film, second] = isById || entry.year !== null ? fitting : []
  if (second) {
    const ids = fitting.slice(0, 5).map(({ id }) => id)
    return { fault: `Several films are ${describe(entry)}: ${ids.join(', ')}` }
  }
  if (film && isById) return checked(film, entry, titled)
  const isOpenId = imdb_id !== null && !films.lookedUp.has(imdb_id) && entry.refusal === null && !isById
  const reason = isOpenId ? `; ${imdb_id} could not be looked up: ${lookUps.reason()}` : ''
  if (!film) return { fault: `No film known here is ${describe(entry)}${reason}${hintOf(entry)}` }
  return { film, note: imdb_id === null || film.imdb_id === imdb_id ? undefined : noteOf(imdb_id, isOpenId, reason) }
}

function checked(film: Candidate, entry: Entry, others: Candidate[]): Decision {
  const fault = contradiction(film, entry, others)
  return fault === undefined ? { film } : { fault: `the row contradicts itself: ${fault}` }
}

/** Of several films with one IMDb id those whose title is in the row, if there are any. */
function narrowed(films: Candidate[], titled: Candidate[]): Candidate[] {
  const both = films.filter(({ id }) => titled.some((film) => film.id === id))
  return films.length > 1 && both.length > 0 ? both : films
}

function noteOf(imdbId: string, isOpenId: boolean, reason: string): string {
  return isOpenId ? `found by title and year${reason}` : `found by title and year: Kinopoisk does not know ${imdbId}`
}

function hintOf({ year, titles, imdb_id, kinopoisk_id }: Entry): string {
  const hasId = imdb_id !== null || kinopoisk_id !== null
  return year === null && titles.length > 0 && !hasId ? '; without a year or an id a title says too little' : ''
}

function messageOf({ file, row }: Entry, message: string): Message {
  return { file, row, message }
}

async function inBatches<K>(keys: K[], find: (part: K[]) => Promise<Candidate[]>, keyOf: (film: Candidate) => K) {
  const found = new Map<K, Candidate[]>()
  for (const part of batches(keys)) for (const film of await find(part)) push(found, keyOf(film), film)
  return found
}

/** The films with a title of an entry, in any spelling, and its year. */
async function findTitled(repository: MatchingRepository, entries: Entry[]): Promise<Map<Entry, Candidate[]>> {
  const spelled = entries.map((entry) => ({ entry, titles: entry.titles.flatMap(spellingsOf) }))
  const wanted = new Map<string, Title>()
  for (const { entry, titles } of spelled) {
    for (const title of titles) wanted.set(key(title, entry.year), { title, year: entry.year })
  }
  const found = new Map<string, Candidate[]>()
  for (const part of batches([...wanted.values()])) {
    for (const { position, ...film } of await repository.findByTitle(part)) {
      const { title = '', year = null } = part[position - 1] ?? {}
      push(found, key(title, year), film)
    }
  }
  const filmsOf = (titles: string[], year: number | null) =>
    titles.flatMap((title) => found.get(key(title, year)) ?? [])
  return new Map(spelled.map(({ entry, titles }) => [entry, unique(filmsOf(titles, entry.year))]))
}

function key(title: string, year: number | null): string {
  return `${year} ${title}`
}

function push<K>(map: Map<K, Candidate[]>, key: K, film: Candidate): void {
  const films = map.get(key)
  if (films) films.push(film)
  else map.set(key, [film])
}

function unique(films: Candidate[]): Candidate[] {
  return films.length < 2 ? films : [...new Map(films.map((film) => [film.id, film])).values()]
}

function present<T>(values: (T | null)[]): T[] {
  return [...new Set(values.filter((value) => value !== null))]
}

export function* batches<T>(all: T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += batch) yield all.slice(at, at + batch)
}
