import { LRUCache } from 'lru-cache'
import { isFilmId, searchQuestion } from './endpoints.ts'
import { type KinopoiskItem, normaliseItem } from './normalise.ts'
import type { Question } from './request.ts'
import type { SearchAnswer } from './schemas.ts'

export interface SearchResult {
  total: number
  pages: number
  items: KinopoiskItem[]
}

const pageSize = 20
const maxPages = 20
const nothing: SearchAnswer = { searchFilmsCountResult: 0, films: [] }

const questions = new LRUCache<string, Question<SearchAnswer>>({
  maxSize: 4 * 1024 * 1024,
  // Both texts, and what is about them.
  sizeCalculation: ({ path }, written) => 2 * written.length + path.length + 500,
})

/** Kept by what was written: working it out takes longer than finding its answer. */
export function questionOfSearch(query: string, page: number): Question<SearchAnswer> {
  const written = `${page} ${query}`
  const known = questions.get(written)
  if (known) return known
  const question = searchQuestion(searchKey(query), page)
  questions.set(written, question)
  return question
}

/** Queries that differ in case, spaces, Unicode form or trailing punctuation are one question. */
function searchKey(query: string): string {
  const key = query.normalize('NFC').trim().replace(/\s+/g, ' ').toLowerCase()
  return key.replace(/[\s\p{P}]+$/u, '') || key
}

/** Null: upstream's 404. */
export function resultOfSearch(answer: SearchAnswer | null, page: number): SearchResult {
  const { films, searchFilmsCountResult } = answer ?? nothing
  const items = films.filter((film) => isFilmId(film.filmId))
  // Upstream's own page count can't be trusted, its total can.
  const total = Math.max(searchFilmsCountResult, items.length && (page - 1) * pageSize + items.length)
  return { total, pages: Math.min(maxPages, Math.ceil(total / pageSize)), items: items.map(normaliseItem) }
}
