import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { minOwnId } from '../db/schema/films.ts'
import type { Rows } from './rows.ts'

// Upstream sends numbers as text in one endpoint and as numbers in another, and null, '' or 'null' for the unknown: the
// check is on the shape, normalise.ts gives the types. Only ids are required; reader.ts leaves out what does not fit.
export const maybe = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]))
export const text = maybe(Type.String())
export const number = maybe(Type.Union([Type.Number(), Type.String()]))
export const flag = maybe(Type.Boolean())
export const countries = maybe(Type.Array(Type.Object({ country: text })))
export const genres = maybe(Type.Array(Type.Object({ genre: text })))

/** One film has its id under either name, whatever the endpoint. */
export const FilmId = (alias: string) => Type.Integer({ minimum: 1, maximum: minOwnId - 1, aliases: [alias] })

export const FilmResponse = Type.Object({
  kinopoiskId: FilmId('filmId'),
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
  ratingAgeLimits: number,
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
export type FilmResponse = Static<typeof FilmResponse>

export const SearchItem = Type.Object({
  filmId: FilmId('kinopoiskId'),
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

export const Vote = Type.Object({
  kinopoiskId: FilmId('filmId'),
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

/** Lists, whatever they are called: rows.ts. */
export type ListResponse = Rows<FilmResponse>
export type SearchResponse = Rows<SearchItem>
export type VotesResponse = Rows<Vote>

/** -1: no limit. */
const quotaValue = Type.Integer({ minimum: -1, maximum: 2_147_483_647 })
const quotaUsed = maybe(Type.Integer({ minimum: 0, maximum: 2_147_483_647 }))
export const AccountResponse = Type.Object({
  dailyQuota: Type.Object({ value: quotaValue, used: quotaUsed }),
  totalQuota: maybe(Type.Object({ value: maybe(quotaValue), used: quotaUsed })),
})
export type AccountResponse = Static<typeof AccountResponse>
