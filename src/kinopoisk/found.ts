import { isFilmId, type SearchAnswer } from './endpoints.ts'
import { type KinopoiskItem, normaliseItem } from './normalise.ts'

export interface SearchResult {
  total: number
  pages: number
  items: KinopoiskItem[]
}

const pageSize = 20
const maxPages = 20
const nothing: SearchAnswer = { searchFilmsCountResult: 0, films: [] }

/** Null: upstream's 404. */
export function resultOfSearch(answer: SearchAnswer | null, page: number): SearchResult {
  const { films, searchFilmsCountResult } = answer ?? nothing
  const items = films.filter((film) => isFilmId(film.filmId))
  // Upstream's own page count can't be trusted, its total can.
  const total = Math.max(searchFilmsCountResult, items.length && (page - 1) * pageSize + items.length)
  return { total, pages: Math.min(maxPages, Math.ceil(total / pageSize)), items: items.map(normaliseItem) }
}
