import type { Static, TSchema } from '@sinclair/typebox'
import { type Reader, readerOf } from '../reader.ts'
import { pageSize, type Rows, rowsOf } from '../rows.ts'

/** Of one answer: more than any list has in earnest. */
const maxItems = 1000

/** Reads a list, whether it comes bare or in an object; rows of one key are one. */
export function listReader<T extends TSchema>(row: T, keyOf: (row: Static<T>) => unknown): Reader<Rows<Static<T>>> {
  const readRow = readerOf(row)
  const bare = rowsOf(readRow, { keyOf })
  const named = rowsOf(readRow, { names: ['items', 'films'], keyOf })
  return (value, onOdd) => (Array.isArray(value) ? bare : named)(value, onOdd)
}

/** A list in full, as far as its rows can be used; `total` counts the others too. */
export function listOf<T, R>({ rows, total, sent }: Rows<T>, normalise: (row: T) => R | undefined) {
  const items = rows.slice(0, maxItems).map(normalise)
  return { total: Math.max(total ?? 0, sent), items: items.filter((item) => item !== undefined) as NonNullable<R>[] }
}

/** One page of a list; upstream has no more than `maxPages`. */
export function pageOf<T, R>(value: Rows<T>, page: number, maxPages: number, normalise: (row: T) => R | undefined) {
  const { items } = listOf(value, normalise)
  const before = value.sent > 0 ? (page - 1) * pageSize : 0
  const total = Math.max(value.total ?? 0, before + value.sent)
  // Upstream's own count of pages can't be trusted, its total can. Without one, a full page may have a next.
  const hasNext = value.total === undefined && value.sent >= pageSize
  const pages = hasNext ? page + 1 : Math.ceil(total / pageSize)
  return { pages: Math.min(maxPages, pages), total, items }
}
