import type { PgSelect } from 'drizzle-orm/pg-core'

/** Rows of one page of the listings that are bare arrays. */
export const pageSize = 12

/** Page `page` (from 1) of a listing, or all of it without a page. */
export function paged<T extends PgSelect>(listing: T, page: number | undefined) {
  return page === undefined ? listing : listing.limit(pageSize).offset((page - 1) * pageSize)
}
