import { LRUCache } from 'lru-cache'
import { toSearchKey } from '../text/search-key.ts'
import { searchRequest } from './endpoints.ts'
import { type KinopoiskItem, normaliseItem } from './normalise.ts'
import type { UpstreamRequest } from './request.ts'
import { pageSize } from './rows.ts'
import type { SearchResponse } from './schemas.ts'

export interface SearchResult {
  total: number
  pages: number
  items: KinopoiskItem[]
}

const maxPages = 20
const nothing: SearchResponse = { rows: [], total: 0, sent: 0, unusable: 0 }

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

/** Null: upstream's 404. Rows without an id and repeated ones are not counted. */
export function toSearchResult(response: SearchResponse | null, page: number): SearchResult {
  const { rows, total: all = 0, sent } = response ?? nothing
  const shown = rows.length && (page - 1) * pageSize + rows.length
  const total = Math.max(all - sent + rows.length, shown)
  // Upstream's own page count can't be trusted, its total can. Without one, a full page may have a next.
  const hasNext = response?.total === undefined && sent >= pageSize
  const pages = hasNext ? page + 1 : Math.ceil(Math.max(all, shown) / pageSize)
  return { total, pages: total && Math.min(maxPages, pages), items: rows.map(normaliseItem) }
}
