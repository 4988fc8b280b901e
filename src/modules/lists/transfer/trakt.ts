import type { Row } from '../../../files/rows.ts'
import { UnreadableFile } from '../../../files/unreadable.ts'

const header = ['trakt_id', 'type', 'title', 'year', 'imdb_id', 'rating', 'rated_at', 'listed_at']

type Json = Record<string, unknown>

/**
 * The items of a file of Trakt's export as a table; the first one is row 1.
 * @throws {UnreadableFile} for other JSON
 */
export function readTrakt(text: string): { header: string[]; rows: Row[] } {
  const items = parse(text.replace(/^\ufeff+/, ''))
  if (!Array.isArray(items) || !items.every((item) => typeof item === 'object' && item !== null)) throw notTrakt()
  if (items.length === 0)
    throw new UnreadableFile('The file is an empty list of Trakt: there is nothing in it to import')
  const films = items.map((item) => membersOf(item as Json))
  if (films.every(({ film }) => film === undefined)) throw notTrakt()
  const isScored = films.some(({ item }) => item.rating !== undefined)
  const rows = films.map(({ type, film, item }, i) => {
    const ids = objectOf(film?.ids)
    const cells = [ids.trakt, type, film?.title, film?.year, ids.imdb, item.rating, item.rated_at, item.listed_at]
    return { row: i + 1, cells: cells.map(textOf) }
  })
  return { header: header.map((name) => (name === 'rating' && !isScored ? 'no rating' : name)), rows }
}

function membersOf(item: Json) {
  const types = ['episode', 'season', 'movie', 'show', 'person'].filter((name) => typeof item[name] === 'object')
  const type = typeof item.type === 'string' ? item.type : (types[0] ?? '')
  const film = item[types.includes('movie') ? 'movie' : 'show'] ?? item[type]
  return { type, film: film === undefined ? undefined : objectOf(film), item }
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {}
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UnreadableFile('The file begins like JSON and is none, or is cut: export it again')
  }
}

function notTrakt(): UnreadableFile {
  return new UnreadableFile(
    'The file is JSON, and of JSON the lists of an export of Trakt are read ([{"rated_at":…,"rating":…,"movie":{…}},…]): ' +
      'send those, or a CSV file',
  )
}
