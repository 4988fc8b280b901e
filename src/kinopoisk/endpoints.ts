import { normaliseFilm, normalisePart } from './normalise.ts'
import { type Reader, readerOf } from './reader.ts'
import type { DataEndpoint, UpstreamRequest } from './request.ts'
import { rowsOf } from './rows.ts'
import {
  AccountResponse,
  FilmResponse,
  type ListResponse,
  SearchItem,
  type SearchResponse,
  Vote,
  type VotesResponse,
} from './schemas.ts'
import { isOverlong } from './values.ts'

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
  list: '/api/v2.2/films?order=NUM_VOTE&',
  imdb: '/api/v2.2/films?imdbId=',
  search: '/api/v2.1/films/search-by-keyword?',
  votes: '/api/v1/kp_users/',
}

/** What all paths of an endpoint have in common: a path without its values. It names the endpoint of a stored response. */
export const pathForms: Record<DataEndpoint, string> = {
  film: '/api/v2.2/films/{id}',
  list: '/api/v2.2/films?order',
  imdb: '/api/v2.2/films?imdbId',
  search: '/api/v2.1/films/search-by-keyword?keyword',
  staff: '/api/v1/staff?filmId',
  votes: '/api/v1/kp_users/{id}/votes?page',
  seasons: '/api/v2.2/films/{id}/seasons',
  images: '/api/v2.2/films/{id}/images?type',
  similars: '/api/v2.2/films/{id}/similars',
  sequels: '/api/v2.1/films/{id}/sequels_and_prequels',
  facts: '/api/v2.2/films/{id}/facts',
  reviews: '/api/v2.2/films/{id}/reviews?order',
  videos: '/api/v2.2/films/{id}/videos',
  person: '/api/v1/staff/{id}',
  premieres: '/api/v2.2/films/premieres?year',
  collections: '/api/v2.2/films/collections?type',
}

/** GET /api/v2.2/films/{id}. Upstream says that ids go up to 10 000 000: store/id-range.ts. */
export function filmRequest(id: number): UpstreamRequest<FilmResponse> {
  return {
    endpoint: 'film',
    path: `${paths.film}${id}`,
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

/** GET /api/v2.2/films: a year's films, the most voted first; page 1…20 of 20 films. */
export function listRequest(year: number, page: number): UpstreamRequest<ListResponse> {
  const query = { type: 'ALL', yearFrom: String(year), yearTo: String(year), page: String(page) }
  return {
    endpoint: 'list',
    path: `${paths.list}${new URLSearchParams(query)}`,
    maxBytes: mebibyte,
    read: readList,
    // A page that is not there is fetched again by the prefetch, which has its own pauses.
    ttlSeconds: (list) => (list ? 30 * day : hour),
    discover: ({ rows }, fetchedAt) => ({ items: rows.map((film) => normaliseFilm(film, fetchedAt, false)) }),
  }
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
 * with another IMDb id is another film: upstream's ids are wrong at times.
 */
export function filmsByImdb({ rows }: ListResponse, imdbId: string): number[] {
  const films = rows
    .map((film) => normaliseFilm(film, new Date(), false))
    .filter(({ imdb_id }) => imdb_id === null || imdb_id.toLowerCase() === imdbId)
  const [certain, silent] = [
    films.filter((film) => film.imdb_id !== null),
    films.filter((film) => film.imdb_id === null),
  ]
  return [...new Set([...certain, ...silent].map((film) => film.kinopoisk_id))]
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
