import { TypeCompiler } from '@sinclair/typebox/compiler'
import { normaliseFilm, normalisePart } from './normalise.ts'
import type { UpstreamRequest } from './request.ts'
import { AccountResponse, FilmResponse, ListResponse, SearchResponse, StaffResponse, VotesResponse } from './schemas.ts'

const filmCheck = TypeCompiler.Compile(FilmResponse)
const listCheck = TypeCompiler.Compile(ListResponse)
const searchCheck = TypeCompiler.Compile(SearchResponse)
const staffCheck = TypeCompiler.Compile(StaffResponse)
const votesCheck = TypeCompiler.Compile(VotesResponse)
const accountCheck = TypeCompiler.Compile(AccountResponse)

/** Upstream's own ids; there is no request for others. */
export const isFilmId = (id: number) => id >= 1 && id <= 10_000_000

const hour = 3600
const day = 24 * hour
const mebibyte = 1024 * 1024

/** How the paths of each endpoint begin. */
export const paths = {
  film: '/api/v2.2/films/',
  list: '/api/v2.2/films?',
  search: '/api/v2.1/films/search-by-keyword?',
  staff: '/api/v1/staff?',
  votes: '/api/v1/kp_users/',
}

/** GET /api/v2.2/films/{id}, id 1…10 000 000. */
export function filmRequest(id: number): UpstreamRequest<FilmResponse> {
  return {
    endpoint: 'film',
    path: `${paths.film}${id}`,
    maxBytes: mebibyte,
    accepts: (value): value is FilmResponse => filmCheck.Check(value) && value.kinopoiskId === id,
    ttlSeconds: (film) => (film && isSettled(film) ? 30 * day : day),
    discover: (film, fetchedAt) => ({ film: normaliseFilm(film, fetchedAt) }),
  }
}

/** GET /api/v2.2/films: a year's films, the most voted first; page 1…20 of 20 films. */
export function listRequest(year: number, page: number): UpstreamRequest<ListResponse> {
  const query = { order: 'NUM_VOTE', type: 'ALL', yearFrom: String(year), yearTo: String(year), page: String(page) }
  return {
    endpoint: 'list',
    path: `${paths.list}${new URLSearchParams(query)}`,
    maxBytes: mebibyte,
    accepts: (value): value is ListResponse => listCheck.Check(value),
    // A page that is not there is fetched again by the prefetch, which has its own pauses.
    ttlSeconds: (list) => (list ? 30 * day : hour),
    discover: ({ items }, fetchedAt) => ({
      items: items.filter((film) => isFilmId(film.kinopoiskId)).map((film) => normaliseFilm(film, fetchedAt, false)),
    }),
  }
}

/** GET /api/v2.1/films/search-by-keyword, page 1…20 of 20 films. */
export function searchRequest(keyword: string, page: number): UpstreamRequest<SearchResponse> {
  return {
    endpoint: 'search',
    path: `${paths.search}${new URLSearchParams({ keyword, page: String(page) })}`,
    maxBytes: mebibyte,
    accepts: (value): value is SearchResponse => searchCheck.Check(value),
    ttlSeconds: () => day,
    isEmpty: ({ films }) => films.length === 0,
    discover: ({ films }, fetchedAt) => ({
      items: films.filter((film) => isFilmId(film.filmId)).map((film) => normalisePart(film, fetchedAt)),
    }),
  }
}

/** GET /api/v1/kp_users/{id}/votes, page 1…100 of 20 votes: some 1500 of the newest can be had. */
export function votesRequest(userId: number, page: number): UpstreamRequest<VotesResponse> {
  return {
    endpoint: 'votes',
    path: `${paths.votes}${userId}/votes?page=${page}`,
    maxBytes: mebibyte,
    accepts: (value): value is VotesResponse => votesCheck.Check(value),
    ttlSeconds: () => hour,
  }
}

/** GET /api/v1/staff: everyone who made the film, directors first, once for each profession. */
export function staffRequest(filmId: number): UpstreamRequest<StaffResponse> {
  return {
    endpoint: 'staff',
    path: `${paths.staff}filmId=${filmId}`,
    maxBytes: 4 * mebibyte,
    accepts: (value): value is StaffResponse => staffCheck.Check(value),
    ttlSeconds: (staff) => (staff?.length ? 30 * day : day),
  }
}

/** GET /api/v1/api_keys/{key}. The key is in the path, which must neither be logged nor stored. */
export function accountRequest(apiKey: string): UpstreamRequest<AccountResponse> {
  return {
    endpoint: 'account',
    path: `/api/v1/api_keys/${encodeURIComponent(apiKey)}`,
    maxBytes: 16_384,
    accepts: (value): value is AccountResponse => accountCheck.Check(value),
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
