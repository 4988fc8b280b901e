import { Type } from '@sinclair/typebox'
import stringifier from 'fast-json-stringify'
import type { Cache } from '../../cache/cache.ts'
import { inputFault } from '../../errors.ts'
import { etagOf, type JsonPayload, joinArray } from '../../http/json-payload.ts'
import { findShared, type QueueKey } from '../../semaphore.ts'
import type { FilmCache } from './cache.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { type FilmFilters, matchesNothing } from './filters.ts'
import type { FilmRepository, Filter, Place } from './repository.ts'
import { FilmPage, type FilmQuery, type Sort } from './schemas.ts'

// A page is cached this long whatever happens, so that a popular page costs nothing.
const pageTtlMs = 1_000

export type FilmListing = ReturnType<typeof createFilmListing>

interface Dependencies {
  films: FilmRepository
  filters: FilmFilters
  filmCache: FilmCache
  cache: Cache
}

/** A page of a listing, and where it stands. */
export interface Page {
  json: JsonPayload
  page: number | null
  pages: number
  next_cursor: string | null
}

const stringifyPlace = stringifier(Type.Omit(FilmPage, ['items']) as object)

export function createFilmListing({ films, filters, filmCache, cache }: Dependencies) {
  const { readFilter, totals } = filters
  const pages = cache.region<string, Page>({
    name: 'film page',
    sizeOf: ({ json }) => json.bytes.length,
    invalidatedBy: { film: 'all', text: 'all', genre: 'all' },
    ttlMs: pageTtlMs,
  })
  const commonGenres = cache.region<string, boolean>({
    name: 'common genre',
    sizeOf: () => 200,
    invalidatedBy: { film: 'all', genre: 'all' },
  })

  async function isCommon([id, ...others]: number[] = []): Promise<boolean> {
    if (id === undefined || others.length > 0) return false
    return (await commonGenres.find(String(id), () => films.isCommon(id))) ?? false
  }

  async function read(query: FilmQuery, caller: QueueKey): Promise<Page> {
    const { limit = 20, sort = 'id', cursor, page = 1 } = query
    const filter = await readFilter(query, caller)
    const named = JSON.stringify({ ...filter, match: query.q })
    const position = cursor === undefined ? undefined : readCursor(cursor, `${sort} ${named}`, sort)
    const offset = (page - 1) * limit
    const pageOf = async (places: Place[], total: number, nextCursor: string | null = null): Promise<Page> => {
      const items = joinArray(await filmCache.findMany(places.map((place) => place.id)))
      const place = { page: position ? null : page, pages: Math.ceil(total / limit), next_cursor: nextCursor }
      const rest = stringifyPlace({ total, limit, ...place })
      const json = { bytes: `{"items":${items.bytes},${rest.slice(1)}`, etag: etagOf(items.etag + rest) }
      return { json, ...place }
    }

    if (matchesNothing(filter)) return pageOf([], 0)
    const ranking = await totals.ranking(filter, caller)
    const count = async () => ranking?.count(filter) ?? totals.count(filter, named, caller)
    // No query for a page past the end.
    if (offset > 0 && offset >= (await count())) return pageOf([], await count())
    const slice = { limit, offset, position }
    const rows =
      ranking && sort === '-rate'
        ? ranking.list(filter, slice)
        : await films.list({ filter, sort, ...slice, isCommonGenre: await isCommon(filter.genreIds) })
    const places = rows.slice(0, limit)
    const last = places.at(-1)
    if (rows.length > limit && last) {
      return pageOf(places, await count(), writeCursor(`${sort} ${named}`, behind(last, sort)))
    }
    // The last page implies the total.
    return pageOf(places, position || (!last && offset > 0) ? await count() : offset + places.length)
  }

  return {
    /** How many films of the catalogue a filter has. */
    total: (filter: Filter, caller: QueueKey) => totals.count(filter, JSON.stringify(filter), caller),

    /** @throws {AppError} overloaded; invalid_input for a cursor that is not of this listing, or comes with a page */
    async list(query: FilmQuery, caller: QueueKey): Promise<Page> {
      if (query.cursor !== undefined && query.page !== undefined) {
        throw inputFault('query.cursor', 'excludes page: send one of them')
      }
      return (await findShared(pages, JSON.stringify(query), () => read(query, caller))) as Page
    },
  }
}

function behind({ id, sort_key }: Place, sort: Sort) {
  return { id, key: sort === 'id' ? id : sort_key }
}
