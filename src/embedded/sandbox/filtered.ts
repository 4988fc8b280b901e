import type { FilmFact } from './films.ts'
import { cutPage, PAGE_SIZE, readInteger } from './paging.ts'
import { failure, type Reply } from './reply.ts'
import type { SandboxRequest } from './request.ts'
import { listItem } from './shapes.ts'

const LAST_PAGE = 20
const MAX_FILMS = LAST_PAGE * PAGE_SIZE

type Order = (a: FilmFact, b: FilmFact) => number
const byVotes: Order = (a, b) => (b.votes ?? 0) - (a.votes ?? 0) || a.id - b.id
const ORDERS: Record<string, Order> = {
  NUM_VOTE: byVotes,
  RATING: (a, b) => (b.rating ?? 0) - (a.rating ?? 0) || byVotes(a, b),
  YEAR: (a, b) => (b.year ?? 0) - (a.year ?? 0) || byVotes(a, b),
}

/** Films by filters, and the ids that genres and countries have in them: their places in the alphabet. */
export function createFiltered(films: readonly FilmFact[], search: (keyword: string) => FilmFact[]) {
  const genres = namesOf(films, (film) => film.genres)
  const countries = namesOf(films, (film) => film.countries)
  return {
    list: ({ query }: SandboxRequest) => listPage(query, films, search, { genres, countries }),
    filters: (): Reply => ({
      status: 200,
      body: {
        genres: genres.map((genre, i) => ({ id: i + 1, genre })),
        countries: countries.map((country, i) => ({ id: i + 1, country })),
      },
    }),
  }
}

function namesOf(films: readonly FilmFact[], of: (film: FilmFact) => string[]): string[] {
  return [...new Set(films.flatMap(of))].toSorted((a, b) => a.localeCompare(b, 'ru'))
}

type Names = Record<'genres' | 'countries', string[]>

function listPage(
  query: URLSearchParams,
  films: readonly FilmFact[],
  search: (keyword: string) => FilmFact[],
  names: Names,
): Reply {
  const imdbId = query.get('imdbId')
  const page = readInteger(query.get('page') ?? '1', LAST_PAGE)
  if (page === undefined) return failure(400, `The page must be an integer from 1 to ${LAST_PAGE}`)
  if (imdbId !== null)
    return pageOf(
      films.filter((film) => film.imdb_id === imdbId),
      page,
    )
  const order = ORDERS[query.get('order') ?? 'RATING']
  if (!order) return failure(400, `The order must be one of ${Object.keys(ORDERS).join(', ')}`)
  const bounds = boundsOf(query)
  if (!bounds) return failure(400, 'Years must be integers, and ratings numbers')
  const keyword = query.get('keyword')
  const found = (keyword === null ? films : search(keyword)).filter((film) => fits(film, query, bounds, names))
  return pageOf(found.toSorted(order).slice(0, MAX_FILMS), page)
}

function pageOf(found: FilmFact[], page: number): Reply {
  const totalPages = Math.ceil(found.length / PAGE_SIZE)
  return { status: 200, body: { total: found.length, totalPages, items: cutPage(found, page).map(listItem) } }
}

interface Bounds {
  years: [number, number]
  ratings: [number, number]
}

function boundsOf(query: URLSearchParams): Bounds | undefined {
  const years = ['yearFrom', 'yearTo'].map((name, i) => readInteger(query.get(name) ?? ['1000', '3000'][i] ?? '', 3000))
  const ratings = ['ratingFrom', 'ratingTo'].map((name, i) => Number(query.get(name) ?? 10 * i))
  if (years.includes(undefined) || ratings.some(Number.isNaN)) return undefined
  return { years: years as [number, number], ratings: ratings as [number, number] }
}

/** A film without a year or rating fits where nothing is said of them. */
function fits(film: FilmFact, query: URLSearchParams, { years, ratings }: Bounds, names: Names): boolean {
  const type = query.get('type') ?? 'ALL'
  const within = (value: number | null, [from, to]: [number, number], [least, most]: [number, number]) =>
    value === null ? from <= least && to >= most : value >= from && value <= to
  return (
    (type === 'ALL' || film.type === type) &&
    within(film.year, years, [1000, 3000]) &&
    within(film.rating, ratings, [0, 10]) &&
    isNamed(query.get('genres'), names.genres, film.genres) &&
    isNamed(query.get('countries'), names.countries, film.countries)
  )
}

function isNamed(ids: string | null, names: string[], own: string[]): boolean {
  return !ids || ids.split(',').every((id) => own.includes(names[Number(id) - 1] ?? ''))
}
