import { LRUCache } from 'lru-cache'
import { toSearchKey } from '../text/search-key.ts'
import { isFilmId, searchRequest } from './endpoints.ts'
import { type KinopoiskItem, normaliseItem } from './normalise.ts'
import type { UpstreamRequest } from './request.ts'
import type { SearchResponse } from './schemas.ts'

export interface SearchResult {
  total: number
  pages: number
  items: KinopoiskItem[]
}

const pageSize = 20
const maxPages = 20
const nothing: SearchResponse = { searchFilmsCountResult: 0, films: [] }

const requests = new LRUCache<string, UpstreamRequest<SearchResponse>>({
  maxSize: 4 * 1024 * 1024,
  // Both texts, and their overhead.
  sizeCalculation: ({ path }, typed) => 2 * typed.length + path.length + 500,
})

/** Memoized by the query as typed: making the request takes longer than finding its response. */
export function memoizedSearchRequest(query: string, page: number): UpstreamRequest<SearchResponse> {
  const typed = `${page} ${query}`
  const known = requests.get(typed)
  if (known) return known
  const request = searchRequest(toSearchKey(query), page)
  requests.set(typed, request)
  return request
}

/** Null: upstream's 404. */
export function toSearchResult(response: SearchResponse | null, page: number): SearchResult {
  const { films, searchFilmsCountResult } = response ?? nothing
  const items = films.filter((film) => isFilmId(film.filmId))
  // Upstream's own page count can't be trusted, its total can.
  const total = Math.max(searchFilmsCountResult, items.length && (page - 1) * pageSize + items.length)
  return { total, pages: Math.min(maxPages, Math.ceil(total / pageSize)), items: items.map(normaliseItem) }
}
