import { normaliseFilm, normalisePart } from './normalise.ts'
import { pathOf } from './path-forms.ts'
import { type Reader, readerOf } from './reader.ts'
import type { UpstreamRequest } from './request.ts'
import { pageSize, rowsOf } from './rows.ts'
import {
  AccountResponse,
  FilmResponse,
  type ListResponse,
  SearchItem,
  type SearchResponse,
  Vote,
  type VotesResponse,
} from './schemas.ts'
import { imdbId as imdbIdOf, isOverlong } from './values.ts'

const readFilm = timed(readerOf(FilmResponse))
const readAccount = readerOf(AccountResponse)
const names = ['films', 'items']
const readList = rowsOf(readFilm, { names, keyOf: (film) => film.kinopoiskId })
const readSearch = rowsOf(timed(readerOf(SearchItem)), { names, keyOf: (film) => film.filmId })
// Its rows without an id are reported to the user, one by one.
const readVotes = rowsOf(readerOf(Vote), { names, keyOf: (vote) => vote.kinopoiskId, mayBeUnusable: true })

const hour = 3600
const day = 24 * hour
const mebibyte = 1024 * 1024

/** How the paths of each endpoint begin. */
export const paths = {
  film: '/api/v2.2/films/',
  popular: '/api/v2.2/films?order=NUM_VOTE&type=ALL&',
  imdb: '/api/v2.2/films?imdbId=',
  search: '/api/v2.1/films/search-by-keyword?',
  votes: '/api/v1/kp_users/',
}

/** GET /api/v2.2/films/{id}. Upstream says that ids go up to 10 000 000: store/id-range.ts. */
export function filmRequest(id: number): UpstreamRequest<FilmResponse> {
  return {
    endpoint: 'film',
    path: `${paths.film}${id}`,
    filmId: id,
    maxBytes: mebibyte,
    // Of a film that was merged with another, upstream sends the other one.
    read(value, onOdd) {
      const film = readFilm(value, onOdd)
      return film?.kinopoiskId === id ? film : undefined
    },
    ttlSeconds: (film) => (film && isSettled(film) ? 30 * day : day),
    discover: (film, fetchedAt) => ({ film: normaliseFilm(film, fetchedAt) }),
  }
}

/** What a list of films may be filtered by; an order and a kind it always has. */
export interface Filter {
  order: string
  type: string
  countries?: string | undefined
  genres?: string | undefined
  ratingFrom?: number | undefined
  ratingTo?: number | undefined
  yearFrom?: number | undefined
  yearTo?: number | undefined
  keyword?: string | undefined
  /** 1…20 of 20 films. */
  page: number
}

// What upstream takes where nothing is said.
const boundless: Partial<Filter> = { ratingFrom: 0, ratingTo: 10, yearFrom: 1000, yearTo: 3000 }

/** GET /api/v2.2/films. */
export function filterRequest({ order, type, page, ...rest }: Filter): UpstreamRequest<ListResponse> {
  const narrower = Object.entries(rest).filter(
    ([name, value]) => value !== undefined && value !== boundless[name as keyof Filter],
  )
  const query = { order, type, ...Object.fromEntries(narrower), page }
  return {
    endpoint: 'list',
    path: pathOf('list', query),
    maxBytes: mebibyte,
    read: readList,
    ttlSeconds: () => (rest.keyword === undefined ? 7 * day : day),
    isEmpty: ({ rows }) => rows.length === 0,
    discover: ({ rows }, fetchedAt) => ({ items: rows.map((film) => normaliseFilm(film, fetchedAt, false)) }),
  }
}

export interface PopularList {
  year: number
  /** The least and the greatest rating. */
  rating?: [number, number]
}

/** A year's films, the most voted first. */
export function listRequest({ year, rating: [from, to] = [0, 10] }: PopularList, page: number) {
  const { isEmpty: _, ...request } = filterRequest({
    order: 'NUM_VOTE',
    type: 'ALL',
    ratingFrom: from,
    ratingTo: to,
    yearFrom: year,
    yearTo: year,
    page,
  })
  // A page that is not there is fetched again by the prefetch, which has its own pauses.
  return { ...request, ttlSeconds: (list) => (list ? 30 * day : hour) } satisfies UpstreamRequest<ListResponse>
}

/** GET /api/v2.2/films?imdbId=: the films of an IMDb id, in the form of a list. */
export function imdbRequest(imdbId: string): UpstreamRequest<ListResponse> {
  return {
    endpoint: 'imdb',
    path: `${paths.imdb}${imdbId}`,
    maxBytes: mebibyte,
    read: readList,
    ttlSeconds: (response) => (response && filmsByImdb(response, imdbId).length > 0 ? 30 * day : day),
    isEmpty: (response) => filmsByImdb(response, imdbId).length === 0,
    discover: ({ rows }, fetchedAt) => ({ items: rows.map((film) => normaliseFilm(film, fetchedAt, false)) }),
  }
}

/**
 * The ids of the films in a response to `imdbRequest`; first those that have the IMDb id, then those that have none. One
 * with another IMDb id is another film: upstream's ids are wrong at times. Those that have none count only where the
 * list is surely of this id: it is of one film, or a short one with a film that has it.
 */
export function filmsByImdb({ rows, sent, total = 0 }: ListResponse, imdbId: string): number[] {
  const all = Math.max(sent, total)
  const wanted = imdbIdOf(imdbId)
  const films = rows.map((film) => ({ id: film.kinopoiskId, imdbId: imdbIdOf(film.imdbId) }))
  const certain = films.filter((film) => film.imdbId === wanted)
  const isOfThisId = all === 1 || (certain.length > 0 && all < pageSize)
  const silent = films.filter((film) => isOfThisId && film.imdbId === null)
  return [...certain, ...silent].map(({ id }) => id)
}

/** GET /api/v2.1/films/search-by-keyword, page 1…20 of 20 films. */
export function searchRequest(keyword: string, page: number): UpstreamRequest<SearchResponse> {
  return {
    endpoint: 'search',
    path: `${paths.search}${new URLSearchParams({ keyword, page: String(page) })}`,
    maxBytes: mebibyte,
    read: readSearch,
    ttlSeconds: () => day,
    isEmpty: ({ rows }) => rows.length === 0,
    discover: ({ rows }, fetchedAt) => ({ items: rows.map((film) => normalisePart(film, fetchedAt)) }),
  }
}

/** GET /api/v1/kp_users/{id}/votes, page 1…100 of 20 votes: some 1500 of the newest can be had. */
export function votesRequest(userId: number, page: number): UpstreamRequest<VotesResponse> {
  return {
    endpoint: 'votes',
    path: `${paths.votes}${userId}/votes?page=${page}`,
    maxBytes: mebibyte,
    read: readVotes,
    ttlSeconds: () => hour,
  }
}

/** GET /api/v1/api_keys/{key}. The key is in the path, which must neither be logged nor stored. */
export function accountRequest(apiKey: string): UpstreamRequest<AccountResponse> {
  return {
    endpoint: 'account',
    path: `/api/v1/api_keys/${encodeURIComponent(apiKey)}`,
    maxBytes: 16_384,
    read: readAccount,
    ttlSeconds: () => 0,
  }
}

const unfinished = new Set(['FILMING', 'PRE_PRODUCTION', 'ANNOUNCED', 'POST_PRODUCTION'])

/** A released and rated film changes slowly; any other may change tomorrow. */
function isSettled(film: FilmResponse): boolean {
  const rated = Number(film.ratingKinopoisk) > 0
  const ahead = Number(film.year ?? 0) > new Date().getFullYear()
  return rated && !ahead && !unfinished.has(film.productionStatus ?? '')
}

/** Counts a length that no film has: normalise.ts leaves it out. */
function timed<T extends Pick<SearchItem, 'filmLength'>>(read: Reader<T>): Reader<T> {
  return (value, onOdd) => {
    const film = read(value, onOdd)
    if (film && isOverlong(film.filmLength)) onOdd?.('filmLength')
    return film
  }
}
