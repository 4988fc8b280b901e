/** Rows of one page of the listings that are bare arrays. */
export const pageSize = 12

/** Rows of one batch where such a listing is read without a page. */
export const batchSize = 100

/** A part of a listing. */
export interface Batch<T> {
  items: T[]
  isLast: boolean
}

/** The rows to find: behind the last one of the batch before, if there was one. */
interface Range<T> {
  last: T | undefined
  limit: number
  offset: number
}

/**
 * A page of a listing (from 1), or all of it, batch by batch. Nothing is held between two batches: no connection and no
 * snapshot, however long their reader takes.
 */
export async function* pageOrAll<T>(
  page: number | undefined,
  find: (range: Range<T>) => PromiseLike<T[]>,
): AsyncGenerator<Batch<T>> {
  let last: T | undefined
  if (page !== undefined) {
    yield { items: await find({ last, limit: pageSize, offset: (page - 1) * pageSize }), isLast: true }
    return
  }
  for (let isLast = false; !isLast; ) {
    const items = await find({ last, limit: batchSize, offset: 0 })
    isLast = items.length < batchSize
    last = items.at(-1)
    yield { items, isLast }
  }
}

/** The rows of all of a listing, which is read in batches. */
export async function* allRows<T>(find: (range: Range<T>) => PromiseLike<T[]>): AsyncGenerator<T> {
  for await (const { items } of pageOrAll(undefined, find)) yield* items
}

/** What is in memory already, batch by batch; of nothing one that is empty. */
export function* inBatches<T>(all: T[]): Generator<Batch<T>> {
  for (let at = 0; at === 0 || at < all.length; at += batchSize)
    yield { items: all.slice(at, at + batchSize), isLast: at + batchSize >= all.length }
}

/** What is on a page of something that is in memory and where the page is. */
export function pageOf<T>(items: T[], page = 1, limit = pageSize) {
  const place = { total: items.length, page, pages: Math.ceil(items.length / limit) }
  return { shown: items.slice((page - 1) * limit, page * limit), place }
}
