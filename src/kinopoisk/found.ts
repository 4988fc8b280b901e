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
const read = once((answer: SearchAnswer, page: number): SearchResult => {
  const items = answer.films.filter((film) => isFilmId(film.filmId))
  // Upstream's own page count can't be trusted, its total can.
  const total = Math.max(answer.searchFilmsCountResult, items.length && (page - 1) * pageSize + items.length)
  return { total, pages: Math.min(maxPages, Math.ceil(total / pageSize)), items: items.map(normaliseItem) }
})

/** Null: upstream's 404. The same answer makes the same object. */
export function resultOfSearch(answer: SearchAnswer | null, page: number): SearchResult {
  return read(answer ?? nothing, page)
}

/** What `make` makes of an answer, once for as long as the answer is in memory. */
export function once<A extends object, B, R extends object>(
  make: (answer: A, more: B) => R,
): (answer: A, more: B) => R {
  const made = new WeakMap<A, R>()
  return (answer, more) => {
    const result = made.get(answer) ?? make(answer, more)
    made.set(answer, result)
    return result
  }
}
