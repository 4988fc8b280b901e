import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import { normaliseFilm, normalisePart } from './normalise.ts'
import type { Question } from './request.ts'

// Upstream sends numbers as text in one endpoint and as numbers in another, and null, '' or 'null' for the unknown:
// the check is on the shape, normalise.ts gives the types.
const maybe = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]))
const text = maybe(Type.String())
const number = maybe(Type.Union([Type.Number(), Type.String()]))
const flag = maybe(Type.Boolean())
const countries = maybe(Type.Array(Type.Object({ country: text })))
const genres = maybe(Type.Array(Type.Object({ genre: text })))

const FilmAnswer = Type.Object({
  kinopoiskId: Type.Integer(),
  kinopoiskHDId: text,
  imdbId: text,
  nameRu: text,
  nameEn: text,
  nameOriginal: text,
  posterUrl: text,
  posterUrlPreview: text,
  coverUrl: text,
  logoUrl: text,
  reviewsCount: number,
  ratingGoodReview: number,
  ratingGoodReviewVoteCount: number,
  ratingKinopoisk: number,
  ratingKinopoiskVoteCount: number,
  ratingImdb: number,
  ratingImdbVoteCount: number,
  ratingFilmCritics: number,
  ratingFilmCriticsVoteCount: number,
  ratingAwait: number,
  ratingAwaitCount: number,
  ratingRfCritics: number,
  ratingRfCriticsVoteCount: number,
  webUrl: text,
  year: number,
  filmLength: number,
  slogan: text,
  description: text,
  shortDescription: text,
  editorAnnotation: text,
  isTicketsAvailable: flag,
  productionStatus: text,
  type: text,
  ratingMpaa: text,
  ratingAgeLimits: text,
  countries,
  genres,
  startYear: number,
  endYear: number,
  serial: flag,
  shortFilm: flag,
  completed: flag,
  hasImax: flag,
  has3D: flag,
  lastSync: text,
})
export type FilmAnswer = Static<typeof FilmAnswer>

const SearchItem = Type.Object({
  filmId: Type.Integer(),
  nameRu: text,
  nameEn: text,
  type: text,
  year: number,
  description: text,
  filmLength: number,
  countries,
  genres,
  rating: number,
  ratingVoteCount: number,
  posterUrl: text,
  posterUrlPreview: text,
})
export type SearchItem = Static<typeof SearchItem>

const SearchAnswer = Type.Object({
  searchFilmsCountResult: Type.Integer({ minimum: 0 }),
  films: Type.Array(SearchItem),
})
export type SearchAnswer = Static<typeof SearchAnswer>

const Vote = Type.Object({
  kinopoiskId: Type.Integer(),
  nameRu: text,
  nameEn: text,
  nameOriginal: text,
  genres,
  ratingKinopoisk: number,
  year: number,
  posterUrl: text,
  userRating: number,
})
export type Vote = Static<typeof Vote>

const VotesAnswer = Type.Object({ total: Type.Integer({ minimum: 0 }), items: Type.Array(Vote) })
export type VotesAnswer = Static<typeof VotesAnswer>

const StaffMember = Type.Object({
  staffId: Type.Integer(),
  nameRu: text,
  nameEn: text,
  professionKey: text,
})
export type StaffMember = Static<typeof StaffMember>

const StaffAnswer = Type.Array(StaffMember)
export type StaffAnswer = Static<typeof StaffAnswer>

const Quota = Type.Object({
  /** -1: no limit. */
  value: Type.Integer({ minimum: -1, maximum: 2_147_483_647 }),
  used: Type.Integer({ minimum: 0, maximum: 2_147_483_647 }),
})
const AccountAnswer = Type.Object({ dailyQuota: Quota, totalQuota: Quota })
export type AccountAnswer = Static<typeof AccountAnswer>

const ListAnswer = Type.Object({ totalPages: Type.Integer({ minimum: 0 }), items: Type.Array(FilmAnswer) })
export type ListAnswer = Static<typeof ListAnswer>

const filmCheck = TypeCompiler.Compile(FilmAnswer)
const listCheck = TypeCompiler.Compile(ListAnswer)
const searchCheck = TypeCompiler.Compile(SearchAnswer)
const staffCheck = TypeCompiler.Compile(StaffAnswer)
const votesCheck = TypeCompiler.Compile(VotesAnswer)
const accountCheck = TypeCompiler.Compile(AccountAnswer)

/** Upstream's own ids; others can't be asked for. */
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
export function filmQuestion(id: number): Question<FilmAnswer> {
  return {
    endpoint: 'film',
    path: `${paths.film}${id}`,
    maxBytes: mebibyte,
    accepts: (value): value is FilmAnswer => filmCheck.Check(value) && value.kinopoiskId === id,
    ttlSeconds: (film) => (film && isSettled(film) ? 30 * day : day),
    news: (film, fetchedAt) => ({ film: normaliseFilm(film, fetchedAt) }),
  }
}

/** GET /api/v2.2/films: a year's films, the most voted first; page 1…20 of 20 films. */
export function listQuestion(year: number, page: number): Question<ListAnswer> {
  const query = { order: 'NUM_VOTE', type: 'ALL', yearFrom: String(year), yearTo: String(year), page: String(page) }
  return {
    endpoint: 'list',
    path: `${paths.list}${new URLSearchParams(query)}`,
    maxBytes: mebibyte,
    accepts: (value): value is ListAnswer => listCheck.Check(value),
    ttlSeconds: () => 30 * day,
    news: ({ items }, fetchedAt) => ({
      items: items.filter((film) => isFilmId(film.kinopoiskId)).map((film) => normaliseFilm(film, fetchedAt, false)),
    }),
  }
}

/** GET /api/v2.1/films/search-by-keyword, page 1…20 of 20 films. */
export function searchQuestion(keyword: string, page: number): Question<SearchAnswer> {
  return {
    endpoint: 'search',
    path: `${paths.search}${new URLSearchParams({ keyword, page: String(page) })}`,
    maxBytes: mebibyte,
    accepts: (value): value is SearchAnswer => searchCheck.Check(value),
    ttlSeconds: (answer) => (answer?.films.length ? day : hour),
    isEmpty: ({ films }) => films.length === 0,
    news: ({ films }, fetchedAt) => ({
      items: films.filter((film) => isFilmId(film.filmId)).map((film) => normalisePart(film, fetchedAt)),
    }),
  }
}

/** GET /api/v1/kp_users/{id}/votes, page 1…100 of 20 votes: some 1500 of the newest can be had. */
export function votesQuestion(userId: number, page: number): Question<VotesAnswer> {
  return {
    endpoint: 'votes',
    path: `${paths.votes}${userId}/votes?page=${page}`,
    maxBytes: mebibyte,
    accepts: (value): value is VotesAnswer => votesCheck.Check(value),
    ttlSeconds: () => hour,
  }
}

/** GET /api/v1/staff: everyone who made the film, directors first, once for each profession. */
export function staffQuestion(filmId: number): Question<StaffAnswer> {
  return {
    endpoint: 'staff',
    path: `${paths.staff}filmId=${filmId}`,
    maxBytes: 4 * mebibyte,
    accepts: (value): value is StaffAnswer => staffCheck.Check(value),
    ttlSeconds: (staff) => (staff?.length ? 30 * day : day),
  }
}

/** GET /api/v1/api_keys/{key}. The key stands in the path, which must neither be logged nor kept. */
export function accountQuestion(apiKey: string): Question<AccountAnswer> {
  return {
    endpoint: 'account',
    path: `/api/v1/api_keys/${encodeURIComponent(apiKey)}`,
    maxBytes: 16_384,
    accepts: (value): value is AccountAnswer => accountCheck.Check(value),
    ttlSeconds: () => 0,
  }
}

const unfinished = new Set(['FILMING', 'PRE_PRODUCTION', 'ANNOUNCED', 'POST_PRODUCTION'])

/** A released and rated film changes slowly; any other may change tomorrow. */
function isSettled(film: FilmAnswer): boolean {
  const rated = Number(film.ratingKinopoisk) > 0
  const ahead = Number(film.year ?? 0) > new Date().getFullYear()
  return rated && !ahead && !unfinished.has(film.productionStatus ?? '')
}
