import { decodeHTMLStrict } from 'entities/decode'
import { maxMinutes } from '../db/schema/films.ts'
import { isWebUrl } from '../text/web-url.ts'
import type { FilmResponse, SearchItem, StaffMember, Vote } from './schemas.ts'

/**
 * A film by upstream, typed; null where unknown. `synced_at` is when it was fetched; not `complete` if it comes from a
 * search.
 */
export type KinopoiskFilm = ReturnType<typeof normaliseFilm>
export type KinopoiskItem = ReturnType<typeof normaliseItem>
export type KinopoiskPerson = ReturnType<typeof normalisePerson>
export type KinopoiskVote = ReturnType<typeof normaliseVote>

/** The films in a response of upstream. */
export interface Discovery {
  /** In full. */
  film?: KinopoiskFilm
  /** In part, as a search has them. */
  items?: KinopoiskFilm[]
}

/** Details → typed fields. Times without a zone (lastSync) are read as UTC: upstream doesn't say. */
export function normaliseFilm(film: FilmResponse, syncedAt: Date, complete = true) {
  return {
    kinopoisk_id: film.kinopoiskId,
    kinopoisk_hd_id: text(film.kinopoiskHDId),
    imdb_id: text(film.imdbId),
    name_ru: name(film.nameRu),
    name_en: name(film.nameEn),
    name_original: name(film.nameOriginal),
    poster_url: poster(film.posterUrl),
    poster_preview_url: poster(film.posterUrlPreview),
    cover_url: address(film.coverUrl),
    logo_url: address(film.logoUrl),
    web_url: address(film.webUrl),
    type: text(film.type),
    year: year(film.year),
    start_year: year(film.startYear),
    end_year: year(film.endYear),
    minutes: minutes(film.filmLength),
    slogan: text(film.slogan),
    description: text(film.description),
    short_description: text(film.shortDescription),
    editor_annotation: text(film.editorAnnotation),
    countries: texts(film.countries?.map((item) => item.country)),
    genres: texts(film.genres?.map((item) => item.genre)),
    rating_kinopoisk: rating(film.ratingKinopoisk),
    rating_kinopoisk_votes: count(film.ratingKinopoiskVoteCount),
    rating_imdb: rating(film.ratingImdb),
    rating_imdb_votes: count(film.ratingImdbVoteCount),
    rating_film_critics: rating(film.ratingFilmCritics),
    rating_film_critics_votes: count(film.ratingFilmCriticsVoteCount),
    rating_await_percent: percent(film.ratingAwait),
    rating_await_votes: count(film.ratingAwaitCount),
    rating_rf_critics_percent: percent(film.ratingRfCritics),
    rating_rf_critics_votes: count(film.ratingRfCriticsVoteCount),
    rating_good_review_percent: percent(film.ratingGoodReview),
    rating_good_review_votes: count(film.ratingGoodReviewVoteCount),
    reviews_count: count(film.reviewsCount),
    mpaa: text(film.ratingMpaa),
    age_limit: ageLimit(film.ratingAgeLimits),
    production_status: text(film.productionStatus),
    serial: flag(film.serial),
    short_film: flag(film.shortFilm),
    completed: flag(film.completed),
    has_imax: flag(film.hasImax),
    has_3d: flag(film.has3D),
    is_tickets_available: flag(film.isTicketsAvailable),
    last_sync: moment(film.lastSync),
    synced_at: syncedAt.toISOString(),
    complete,
  }
}

/** A search result → its part of the details. */
export function normalisePart(item: SearchItem, syncedAt: Date): KinopoiskFilm {
  const { filmId: kinopoiskId, nameEn: nameOriginal = null, rating = null, ratingVoteCount = null, ...same } = item
  const ratings = isExpectation(rating)
    ? { ratingAwait: rating, ratingAwaitCount: ratingVoteCount }
    : { ratingKinopoisk: rating, ratingKinopoiskVoteCount: ratingVoteCount }
  return normaliseFilm({ ...same, kinopoiskId, nameOriginal, ...ratings }, syncedAt, false)
}

/** A search result → typed fields. Its `nameEn` is the original title. */
export function normaliseItem(item: SearchItem) {
  const expected = isExpectation(item.rating)
  return {
    id: item.filmId,
    kinopoisk_id: item.filmId,
    title: name(item.nameRu) ?? name(item.nameEn) ?? String(item.filmId),
    original_title: name(item.nameEn),
    type: text(item.type),
    year: year(item.year),
    minutes: minutes(item.filmLength),
    rating: expected ? null : rating(item.rating),
    await_percent: expected ? percent(item.rating) : null,
    votes: count(item.ratingVoteCount),
    genres: texts(item.genres?.map(({ genre }) => genre)),
    countries: texts(item.countries?.map(({ country }) => country)),
    description: text(item.description),
    poster_url: poster(item.posterUrl),
    poster_preview_url: poster(item.posterUrlPreview),
  }
}

/** A user's vote with its part of the film; `value` is 1…10, null when upstream has none. */
export function normaliseVote(vote: Vote) {
  const value = between(number(vote.userRating), 1, 10)
  const original = name(vote.nameOriginal) ?? name(vote.nameEn)
  return {
    kinopoisk_id: vote.kinopoiskId,
    title: name(vote.nameRu) ?? original ?? String(vote.kinopoiskId),
    original_title: original,
    year: year(vote.year),
    rating: rating(vote.ratingKinopoisk),
    genres: texts(vote.genres?.map(({ genre }) => genre)),
    poster_url: poster(vote.posterUrl),
    value: Number.isInteger(value) ? value : null,
  }
}

/** A person of the staff; null names are those that upstream does not have. */
export function normalisePerson(person: StaffMember) {
  return {
    kinopoisk_id: person.staffId,
    name: line(person.nameRu, 200) ?? line(person.nameEn, 200),
    profession: text(person.professionKey),
  }
}

/** As upstream may send a text or a number. */
export type Loose = string | number | null | undefined

/** The rating of a film to come, in a search, is the share of users that await it: "98%". */
export function isExpectation(rating: Loose): boolean {
  return String(rating ?? '')
    .trim()
    .endsWith('%')
}

/**
 * '', 'null', NUL and lone surrogates are upstream's or come from a broken transfer; no-break spaces become spaces.
 * Entities of HTML are decoded once: `&amp;lt;` is meant to be read as `&lt;`.
 */
export function text(value: Loose): string | null {
  const sent = String(value ?? '')
  const clean = (sent.includes('&') ? decodeHTMLStrict(sent) : sent)
    .toWellFormed()
    .replaceAll('\0', '')
    .replaceAll('\u00a0', ' ')
    .trim()
  return clean === '' || clean === 'null' ? null : clean
}

export function name(value: Loose): string | null {
  return line(value, 500)
}

function texts(values: Loose[] | undefined): string[] {
  return [...new Set((values ?? []).map((value) => line(value, 100)).filter((value) => value !== null))]
}

// Control characters, soft hyphens, zero-width spaces, marks of direction. Zero-width joiners are spelling inside of
// words of some scripts, and of emoji; at an end they are nothing.
const invisible =
  /[[\p{Cc}--\s]\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]|^[\u200b-\u200d]+|[\u200b-\u200d]+$/gv

// What a usual name has none of: of these there are many, and the test is the cheapest.
const unusual = /[\p{Cc}\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]|\s{2}|[^\S ]/u

/** One line of the length that its column takes; the cut leaves neither half a character nor a space at the end. */
function line(value: Loose, maxLength: number): string | null {
  const sent = text(value)
  if (sent === null || (sent.length <= maxLength && !unusual.test(sent))) return sent
  const whole = sent.replace(invisible, '').replace(/\s+/g, ' ').trim()
  const cut = whole.slice(0, maxLength).replace(/[\ud800-\udbff]$/, '')
  return cut.trimEnd() || null
}

/** An address on the web, or null: a page of ours may show it. */
function address(value: Loose): string | null {
  const url = text(value)
  return url !== null && isWebUrl(url) ? url : null
}

const placeholder = /\/(no[-_]?(poster|photo|image|picture|cover)([_-][\w-]*)?|none|placeholder|default)\.\w+([?#]|$)/i

/** A picture that is of the film. */
function poster(value: Loose): string | null {
  const url = address(value)
  return url !== null && placeholder.test(url) ? null : url
}

function number(value: Loose): number | null {
  const clean = text(text(value)?.replace(/%$/, ''))
  const parsed = clean === null ? Number.NaN : Number(clean)
  return Number.isFinite(parsed) ? parsed : null
}

function between(value: number | null, min: number, max: number): number | null {
  return value !== null && value >= min && value <= max ? value : null
}

export function rating(value: Loose): number | null {
  return between(number(value), 0, 10)
}

export function percent(value: Loose): number | null {
  return between(number(value), 0, 100)
}

export function count(value: Loose): number | null {
  const whole = between(number(value), 0, 2_147_483_647)
  return whole === null ? null : Math.trunc(whole)
}

/** 1999, "1999", "2018-...", "1957-1959" → the first four digits. */
function year(value: Loose): number | null {
  return between(number(/^\d{4}/.exec(text(value) ?? '')?.[0]), 1800, 2200)
}

/** 136, "136", "02:16" and "2:17" → minutes. */
function minutes(value: Loose): number | null {
  const total = lengthOf(value)
  return total === null || !Number.isInteger(total) ? null : between(total, 1, maxMinutes)
}

/** True for a length that is a number, and no film's. */
export function isOverlong(value: Loose): boolean {
  return (lengthOf(value) ?? 0) > maxMinutes
}

function lengthOf(value: Loose): number | null {
  const [, hours, rest] = /^(\d{1,3}):(\d{2})$/.exec(text(value) ?? '') ?? []
  return hours === undefined ? number(value) : Number(hours) * 60 + Number(rest)
}

/** "age18" → 18. */
function ageLimit(value: Loose): number | null {
  return between(number(/\d+/.exec(text(value) ?? '')?.[0]), 0, 99)
}

function flag(value: boolean | null | undefined): boolean | null {
  return value ?? null
}

export function moment(value: Loose): string | null {
  const clean = text(value)
  if (clean === null) return null
  const date = new Date(/[zZ]|[+-]\d\d:?\d\d$/.test(clean) ? clean : `${clean}Z`)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
