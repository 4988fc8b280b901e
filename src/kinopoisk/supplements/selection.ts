import { type KinopoiskFilm, normaliseFilm } from '../normalise.ts'
import { poster } from '../values.ts'
import { filmNames } from './film.ts'
import type { SelectedFilm } from './schemas.ts'
import { day } from './values.ts'

/** A film of a selection as its part of the details: about as much as a search tells. */
export function selectedPart(sent: SelectedFilm, fetchedAt: Date): KinopoiskFilm {
  const { filmId, nameEn, nameOriginal, duration, filmLength, ratingImbd, ratingImdb, premiereRu: _, ...same } = sent
  const film = {
    ...same,
    kinopoiskId: filmId,
    // In premieres nameEn is the original title, as in a search.
    nameOriginal: nameOriginal || nameEn || null,
    filmLength: filmLength ?? duration ?? null,
    ratingImdb: ratingImdb ?? ratingImbd ?? null,
    posterUrl: poster(sent.posterUrl),
    posterUrlPreview: poster(sent.posterUrlPreview),
  }
  return normaliseFilm(film, fetchedAt, false)
}

/** With the members of a search item. */
export function normaliseSelected(sent: SelectedFilm) {
  const film = selectedPart(sent, new Date(0))
  return {
    ...filmNames(sent),
    type: film.type,
    year: film.year,
    minutes: film.minutes,
    rating: film.rating_kinopoisk,
    await_percent: film.rating_await_percent,
    votes: film.rating_kinopoisk_votes,
    genres: film.genres,
    countries: film.countries,
    description: film.description,
    poster_url: film.poster_url,
    poster_preview_url: film.poster_preview_url,
  }
}

export function normalisePremiere(sent: SelectedFilm) {
  return { ...normaliseSelected(sent), premiere_date: day(sent.premiereRu) }
}
