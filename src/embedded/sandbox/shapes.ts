import type { DirectorFact, FilmFact } from './films.ts'

const SITE = 'https://kinopoiskapiunofficial.tech/images/posters'
const SHORT_FILM_MINUTES = 45

/** What upstream sends for a film: details, members in the order they arrive in. */
export function filmDetails(film: FilmFact) {
  const serial = isSerial(film)
  return {
    kinopoiskId: film.id,
    kinopoiskHDId: null,
    imdbId: film.imdb_id,
    nameRu: film.name_ru,
    // Upstream keeps the foreign title in nameOriginal and leaves this one empty.
    nameEn: null,
    nameOriginal: film.name_original,
    ...posters(film),
    coverUrl: null,
    logoUrl: null,
    ...ratings(film),
    webUrl: `https://www.kinopoisk.ru/film/${film.id}/`,
    year: film.year,
    filmLength: film.minutes,
    slogan: null,
    description: film.description,
    shortDescription: null,
    editorAnnotation: null,
    isTicketsAvailable: false,
    productionStatus: null,
    type: film.type,
    ratingMpaa: film.mpaa,
    ratingAgeLimits: film.age_limit,
    ...tags(film),
    startYear: film.start_year,
    endYear: film.end_year,
    serial,
    shortFilm: !serial && film.minutes !== null && film.minutes < SHORT_FILM_MINUTES,
    completed: serial && film.end_year !== null,
    hasImax: false,
    has3D: false,
    lastSync: lastSync(film),
  }
}

/** A film among search results; a member that is undefined is left out of the JSON, as upstream does. */
export function searchItem(film: FilmFact) {
  return {
    filmId: film.id,
    nameRu: film.name_ru ?? undefined,
    nameEn: film.name_original ?? undefined,
    type: film.type,
    year: yearText(film),
    description: film.description ?? undefined,
    filmLength: lengthText(film),
    ...tags(film),
    rating: ratingText(film),
    ratingVoteCount: film.votes ?? 0,
    ...posters(film),
  }
}

/** Directors first, as upstream; then a person of another profession, which a client must skip. */
export function staffOf(film: FilmFact) {
  const nameless = { id: 9_000_000 + film.id, name_ru: null, name_en: null }
  return [
    ...film.directors.map((director) => staffMember(director, 'DIRECTOR', 'Режиссеры')),
    staffMember(nameless, 'ACTOR', 'Актеры'),
  ]
}

/** A film among those of a filter. */
export function listItem(film: FilmFact) {
  return {
    kinopoiskId: film.id,
    imdbId: film.imdb_id,
    nameRu: film.name_ru,
    nameEn: null,
    nameOriginal: film.name_original,
    ...tags(film),
    ratingKinopoisk: film.rating,
    ratingImdb: film.rating_imdb,
    year: film.year,
    type: film.type,
    ...posters(film),
  }
}

export function voteItem(film: FilmFact, userRating: number) {
  return {
    kinopoiskId: film.id,
    nameRu: film.name_ru,
    nameEn: null,
    nameOriginal: film.name_original,
    ...tags(film),
    ratingKinopoisk: film.rating,
    // Not our typo: the published schema spells this member so.
    ratingImbd: film.rating_imdb,
    year: film.year === null ? null : String(film.year),
    type: film.type,
    ...posters(film),
    userRating,
  }
}

export function isSerial(film: FilmFact): boolean {
  return film.type !== 'FILM' && film.type !== 'VIDEO'
}

export function posters({ id }: Pick<FilmFact, 'id'>) {
  return { posterUrl: `${SITE}/kp/${id}.jpg`, posterUrlPreview: `${SITE}/kp_small/${id}.jpg` }
}

export function tags(film: FilmFact) {
  return { countries: film.countries.map((country) => ({ country })), genres: film.genres.map((genre) => ({ genre })) }
}

function ratings(film: FilmFact) {
  return {
    reviewsCount: 0,
    ratingGoodReview: null,
    ratingGoodReviewVoteCount: 0,
    ratingKinopoisk: film.rating,
    ratingKinopoiskVoteCount: film.votes ?? 0,
    ratingImdb: film.rating_imdb,
    ratingImdbVoteCount: film.votes_imdb ?? 0,
    ratingFilmCritics: null,
    ratingFilmCriticsVoteCount: 0,
    ratingAwait: film.await_percent,
    ratingAwaitCount: 0,
    ratingRfCritics: null,
    ratingRfCriticsVoteCount: 0,
  }
}

// No zone and microseconds, which Date neither writes nor needs: the moment only has to be the same at every call.
function lastSync({ id }: FilmFact): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const micros = String((id * 7919) % 1_000_000).padStart(6, '0')
  return `2026-03-${two((id % 28) + 1)}T${two(id % 24)}:${two(id % 60)}:${two((id * 7) % 60)}.${micros}`
}

function yearText(film: FilmFact): string {
  if (film.type !== 'TV_SHOW' || film.start_year === null) return String(film.year)
  if (film.start_year === film.end_year) return String(film.start_year)
  return `${film.start_year}-${film.end_year ?? '...'}`
}

// Upstream says that it does not know the length in two ways; which one depends on the film.
function lengthText(film: FilmFact): string | undefined {
  if (isSerial(film) || film.minutes === null) return film.id % 2 === 0 ? undefined : 'null'
  const parts = [Math.floor(film.minutes / 60), film.minutes % 60]
  return parts.map((part) => String(part).padStart(2, '0')).join(':')
}

function ratingText(film: FilmFact): string {
  if (film.rating !== null) return film.rating.toFixed(1)
  return film.await_percent === null ? 'null' : `${film.await_percent.toFixed(1)}%`
}

function staffMember(person: DirectorFact, professionKey: string, professionText: string) {
  return {
    staffId: person.id,
    nameRu: person.name_ru ?? '',
    nameEn: person.name_en ?? '',
    description: null,
    posterUrl: `https://st.kp.yandex.net/images/actor_iphone/iphone360_${person.id}.jpg`,
    professionText,
    professionKey,
  }
}
