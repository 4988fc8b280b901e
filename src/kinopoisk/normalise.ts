import type { FilmResponse, SearchItem, Vote } from './schemas.ts'
import {
  address,
  ageLimit,
  between,
  count,
  flag,
  imdbId,
  isExpectation,
  minutes,
  moment,
  name,
  number,
  percent,
  poster,
  rating,
  text,
  texts,
  year,
} from './values.ts'

/**
 * A film by upstream, typed; null where unknown. `synced_at` is when it was fetched; not `complete` if it comes from a
 * search.
 */
export type KinopoiskFilm = ReturnType<typeof normaliseFilm>
export type KinopoiskItem = ReturnType<typeof normaliseItem>
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
    imdb_id: imdbId(film.imdbId),
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
