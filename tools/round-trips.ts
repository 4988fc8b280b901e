import fc from 'fast-check'
import type { Sql } from 'postgres'
import { normalizeName } from '../src/text/names.ts'

/** A service with a database of its own, which is emptied. */
export interface Host {
  base: string
  sql: Sql
  admin: Headers
  owner: User
  heir: User
}

interface User {
  id: number
  headers: Headers
}

type Headers = Record<string, string>

interface Film {
  /** Absent for a film made here. */
  kinopoisk_id: number | null
  name: string
  original_name: string | null
  year: number
  rate: number | null
  minutes: number | null
  description: string | null
  imdb_id: string | null
  director: number
  genres: number[]
  /** Microseconds since the beginning of 2020, in each list; absent where it is not in the list. */
  favorite: number | null
  wished: number | null
  rated: { value: number; created: number; updated: number } | null
}

export interface World {
  films: Film[]
  directors: string[]
  genres: string[]
  delimiter: ',' | ';'
  bom: boolean
}

// What CSV, spreadsheets, SQL, regular expressions and careless trimming have broken before.
const pieces = [
  ...[
    'a',
    'Б',
    'ё',
    'é',
    'e\u0301',
    '7',
    '1.5',
    '01',
    '😀',
    ' ',
    '  ',
    '\u00a0',
    '\u200b',
    '\ufeff',
    '\t',
    '\n',
    '\r',
    '\r\n',
  ],
  ...[
    ',',
    ';',
    '|',
    '"',
    '""',
    "'",
    "''",
    '\\',
    '\\\\',
    '\\N',
    '\\.',
    '=',
    '+',
    '-',
    '@',
    '＝',
    '＋',
    '－',
    '＠',
    '=1+1',
  ],
  ...['&amp;', '%', '{', '}', '$1', 'null', '#', '//', '-- ', '—', '«', '»'],
]
const piece = fc.constantFrom(...pieces)
const text = (maxLength: number) => fc.string({ unit: piece, minLength: 1, maxLength })
/** As names are kept: composed, with single spaces, and with something to see. */
const name = (maxLength: number, longest: number) =>
  fc
    .oneof(
      { weight: 30, arbitrary: text(maxLength) },
      { weight: 1, arbitrary: fc.constantFrom('😀', 'щ', 'я ').map((each) => each.repeat(longest)) },
    )
    .map((raw) => [...normalizeName(raw)].slice(0, longest).join('').trim() || 'x')
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
// Few, so that many films are of one moment.
const moment = fc.oneof(fc.constantFrom(0, 1, 999_999, 1_000_000), fc.integer({ min: 0, max: 150_000_000_000_000 }))

const film: fc.Arbitrary<Film> = fc.record({
  kinopoisk_id: maybe(fc.integer({ min: 1, max: 999_999_999 })),
  name: name(12, 500),
  original_name: maybe(text(12)),
  year: fc.integer({ min: 1874, max: 2036 }),
  rate: maybe(fc.integer({ min: 0, max: 1000 }).map((n) => n / 100)),
  minutes: maybe(fc.integer({ min: 1, max: 1440 })),
  description: maybe(text(60)),
  // Kinopoisk gives several films one id at times.
  imdb_id: maybe(fc.constantFrom('tt0133093', 'tt0234215', 'tt10872600')),
  director: fc.nat(4),
  genres: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 4 }),
  favorite: maybe(moment),
  wished: maybe(moment),
  rated: maybe(fc.record({ value: fc.integer({ min: 1, max: 10 }), created: moment, updated: moment })),
})

export const worlds = (maxFilms: number): fc.Arbitrary<World> =>
  fc.record({
    films: fc.uniqueArray(film, {
      minLength: 1,
      maxLength: maxFilms,
      selector: ({ kinopoisk_id }) => kinopoisk_id ?? {},
    }),
    directors: fc.array(name(6, 200), { minLength: 5, maxLength: 5 }),
    genres: fc.uniqueArray(name(6, 100), { minLength: 6, maxLength: 6, selector: (each) => each.toLowerCase() }),
    delimiter: fc.constantFrom(',', ';'),
    bom: fc.boolean(),
  })

/** One of so many films, all in the ratings and in no other list: next to what one file may have. */
export function bigWorld(films: number, seed: number): World {
  const [world] = fc.sample(worlds(1), { numRuns: 1, seed }) as [World]
  const [template = []] = fc.sample(fc.array(film, { minLength: 500, maxLength: 500 }), { numRuns: 1, seed })
  const many = Array.from({ length: films }, (_, i): Film => {
    const each = template[i % template.length] as Film
    const rated = each.rated ?? { value: 7, created: i, updated: i }
    return {
      ...each,
      name: [...each.name].slice(0, 40).join('').trim(),
      kinopoisk_id: i % 3 ? i + 1 : null,
      favorite: null,
      wished: null,
      rated,
    }
  })
  return { ...world, films: many }
}

/** The catalogue out, into an empty one, and out again. Throws where a byte is another. Returns the number of rows. */
export async function roundTripCatalogue(host: Host, world: World): Promise<number> {
  const films = world.films.length
  await fill(host, world, true)
  const path = `/films/export.csv?${query(world)}`
  const before = await download(host, path, host.admin)
  await empty(host)
  const first = await upload(host, '/films/import', before, host.admin)
  compare('the catalogue', before, await download(host, path, host.admin), first)
  expectReport(first, { created: films, updated: 0, skipped: 0, errors_total: 0 })
  expectReport(await upload(host, '/films/import', before, host.admin), { created: 0, updated: 0, skipped: films })
  compare('the catalogue after the same import', before, await download(host, path, host.admin))
  return films
}

/** The lists of a user out, into another account and out again; and once more into both. Returns the number of rows. */
export async function roundTripLists(host: Host, world: World): Promise<number> {
  await fill(host, world, false)
  const { owner, heir } = host
  const rows = await keep(host, world, owner.id)
  const path = `/user/lists.csv?${query(world)}`
  const before = await download(host, path, owner.headers)
  const first = await upload(host, '/user/lists/import', before, heir.headers)
  compare('the lists', before, await download(host, path, heir.headers), first)
  expectReport(first, { rows, created: rows, updated: 0, skipped: 0 })
  for (const { headers } of [heir, owner]) {
    const again = await upload(host, '/user/lists/import', before, headers)
    expectReport(again, { rows, created: 0, updated: 0, skipped: rows })
    compare('the lists after the same import', before, await download(host, path, headers), again)
  }
  return rows
}

function query({ delimiter, bom }: World): string {
  return new URLSearchParams({ delimiter, bom: String(bom) }).toString()
}

async function empty({ sql }: Host): Promise<void> {
  for (const table of ['ratings', 'favourites', 'wishlist', 'films', 'directors', 'genres'])
    await sql`delete from ${sql(table)}`
  for (const table of ['films', 'directors', 'genres']) await sql`alter table ${sql(table)} alter id restart`
}

const minOwnId = 1_000_000_000
const idOf = ({ kinopoisk_id }: Film, i: number) => kinopoisk_id ?? minOwnId + i

async function fill(host: Host, { films, directors, genres }: World, listed: boolean): Promise<void> {
  const { sql } = host
  await empty(host)
  await sql`insert into directors (name) select unnest(${directors}::text[])`
  await sql`insert into genres (name) select unnest(${genres}::text[])`
  const rows = films.map((film, i) => ({
    id: idOf(film, i),
    listed,
    // In the catalogue a name stands once; of the others several have the same.
    name: listed ? normalizeName(`${[...film.name].slice(0, 490).join('')} ${i}`) : film.name,
    original_name: film.original_name,
    director_id: 1 + film.director,
    rate: film.rate,
    year: film.year,
    minutes: film.minutes,
    description: film.description,
    kinopoisk: film.kinopoisk_id !== null && film.imdb_id !== null ? JSON.stringify({ imdb_id: film.imdb_id }) : null,
  }))
  const places = films.flatMap((film, i) =>
    film.genres.map((genre, position) => ({ film_id: idOf(film, i), genre_id: 1 + genre, position })),
  )
  for (const part of parts(rows)) {
    await sql`insert into films (id, listed, name, original_name, director_id, rate, year, minutes, description, kinopoisk)
      select * from json_to_recordset(${JSON.stringify(part)}::text::json) as film (id int, listed boolean, name text,
        original_name text, director_id int, rate numeric, year int, minutes int, description text, kinopoisk jsonb)`
  }
  for (const part of parts(places)) await sql`insert into film_genres ${sql(part)}`
}

async function keep({ sql }: Host, { films }: World, user: number): Promise<number> {
  const time = (column: string) => sql`timestamptz '2020-01-01Z' + ${sql(column)} * interval '1 us'`
  const kept = films.map((film, i) => ({ film_id: idOf(film, i), ...film }))
  const favorites = kept.flatMap(({ film_id, favorite }) => (favorite === null ? [] : { film_id, at: favorite }))
  const wished = kept.flatMap(({ film_id, wished }) => (wished === null ? [] : { film_id, at: wished }))
  const rated = kept.flatMap(({ film_id, rated }) => (rated ? { film_id, ...rated } : []))
  await sql`insert into favourites select ${user}, film_id, ${time('at')}
    from json_to_recordset(${JSON.stringify(favorites)}::text::json) as item (film_id int, at bigint)`
  await sql`insert into wishlist select ${user}, film_id, ${time('at')}
    from json_to_recordset(${JSON.stringify(wished)}::text::json) as item (film_id int, at bigint)`
  await sql`insert into ratings (user_id, film_id, value, created_at, updated_at)
    select ${user}, film_id, value, ${time('created')}, ${time('updated')}
    from json_to_recordset(${JSON.stringify(rated)}::text::json) as item (film_id int, value int, created bigint, updated bigint)`
  return favorites.length + wished.length + rated.length
}

function* parts<T>(all: T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += 1000) yield all.slice(at, at + 1000)
}

async function download({ base }: Host, path: string, headers: Headers): Promise<Buffer> {
  return Buffer.from(await (await fetched(`${base}${path}`, { headers })).arrayBuffer())
}

type Report = Record<string, unknown>

async function upload({ base }: Host, path: string, file: Buffer, headers: Headers): Promise<Report> {
  const body = new FormData()
  body.set('file', new File([new Uint8Array(file)], 'lists.csv', { type: 'text/csv' }))
  return (await (await fetched(`${base}${path}`, { method: 'POST', headers, body })).json()) as Report
}

/** A refusal is told, and never taken for a file. */
async function fetched(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  if (response.ok) return response
  throw new Error(`${url}: ${response.status} ${await response.text()}`)
}

function expectReport(report: Report, expected: Report): void {
  const isOther = Object.entries(expected).some(([name, value]) => report[name] !== value)
  if (isOther) throw new Error(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(report)}`)
}

function compare(what: string, before: Buffer, after: Buffer, report: Report = {}): void {
  if (before.equals(after)) return
  const [old, young] = [before, after].map((file) => file.toString().split('\r\n'))
  const at = old?.findIndex((line, i) => line !== young?.[i]) ?? 0
  const [was, is] = [old?.[at], young?.[at]].map((line) => JSON.stringify(line?.slice(-500)))
  throw new Error(
    `${what}: ${old?.length} and ${young?.length} lines; line ${at} was ${was} and is ${is}; ${JSON.stringify(report)}`,
  )
}
