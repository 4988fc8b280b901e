import { Type } from '@sinclair/typebox'
import stringifier from 'fast-json-stringify'
import type { Cache } from '../../cache/cache.ts'
import { inputFault } from '../../errors.ts'
import { etagOf, type JsonPayload, joinArray } from '../../http/json-payload.ts'
import { createSemaphore, type QueueKey } from '../../semaphore.ts'
import type { FilmCache } from './cache.ts'
import { readCursor, writeCursor } from './cursor.ts'
import type { FilmRepository, Filter, Match, Place } from './repository.ts'
import { FilmPage, type FilmQuery, type Sort } from './schemas.ts'
import { findShared, isOverloaded } from './shared-load.ts'
import { findMatch, nothing } from './title-match.ts'
import { createTotals } from './totals.ts'

// A page is cached this long whatever happens, so that a popular page costs nothing.
const pageTtlMs = 1_000
// What took too long to find is not looked for again so soon.
const unfoundTtlMs = 60_000
const lookUpWaitMs = 2_000

export type FilmListing = ReturnType<typeof createFilmListing>

interface Dependencies {
  films: FilmRepository
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

export function createFilmListing({ films, filmCache, cache }: Dependencies) {
  const pages = cache.region<string, Page>({
    name: 'film page',
    sizeOf: ({ json }) => json.bytes.length,
    invalidatedBy: { film: 'all', text: 'all', genre: 'all' },
    ttlMs: pageTtlMs,
  })
  const small = { sizeOf: () => 200, invalidatedBy: { film: 'all', genre: 'all' } } as const
  const words = cache.region<string, string>({
    name: 'film words',
    sizeOf: (text) => 2 * text.length,
    invalidatedBy: {},
  })
  // By words: another spelling of the same is no other search. What is not there is remembered too.
  const matches = cache.region<string, Match>({
    name: 'film match',
    ...small,
    sizeOf: (match) => ('ids' in match ? 8 * match.ids.length : 200),
  })
  const unfound = cache.region<string, Match>({
    name: 'film match missed',
    ...small,
    invalidatedBy: {},
    ttlMs: unfoundTtlMs,
  })
  const genreIds = cache.region<string, number[]>({ name: 'genre ids', ...small, invalidatedBy: { genre: 'all' } })
  const commonGenres = cache.region<string, boolean>({ name: 'common genre', ...small })
  // Counting is the expensive part: it must not take all connections.
  const { run: inTurn } = createSemaphore({ name: 'counts', max: 2, maxQueue: 100 })
  // Apart from counts, so that a name that contains the words is found at once, whoever looks for nonsense. Those that get no
  // turn do without.
  const lookUps = createSemaphore({ name: 'look-ups of names', max: 2, maxQueue: 40, maxWaitMs: lookUpWaitMs })
  const late = new WeakSet<object>()
  const totals = createTotals({ films, cache, inTurn })

  async function matchOf(q: string, caller: QueueKey): Promise<Match> {
    const wanted = (await words.find(q, () => films.readWords(q))) ?? ''
    if (wanted === '') return { signs: q.normalize('NFC') }
    const known = unfound.get(wanted)
    if (known) return known
    const names = {
      hasPart: (part: string) => inTurn(caller, () => films.hasPart(part)),
      findLike: (like: string) =>
        lookUps
          .run(caller, () => films.findLike(like))
          .catch((error) => {
            late.add(error)
            throw error
          }),
    }
    try {
      const found = await findShared(matches, wanted, () => findMatch(names, wanted))
      return found ?? (await unfound.find(wanted, async () => nothing)) ?? nothing
    } catch (error) {
      if (isOverloaded(error) && late.has(error)) return nothing
      throw error
    }
  }

  async function readFilter(query: FilmQuery, caller: QueueKey): Promise<Filter> {
    const { genre, min_rate, director_id, year_from, year_to, q } = query
    const ids = genre && (await genreIds.find(JSON.stringify(genre), () => films.findGenreIds(genre)))
    const match = q === undefined ? undefined : await matchOf(q, caller)
    return {
      ...(ids && { genreIds: ids }),
      ...(min_rate !== undefined && { minRate: min_rate }),
      ...(director_id !== undefined && { directorId: director_id }),
      ...(year_from !== undefined && { yearFrom: year_from }),
      ...(year_to !== undefined && { yearTo: year_to }),
      ...(match && { match }),
    }
  }

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

function matchesNothing({ genreIds, match }: Filter): boolean {
  return genreIds?.length === 0 || (match !== undefined && 'ids' in match && match.ids.length === 0)
}

function behind({ id, sort_key }: Place, sort: Sort) {
  return { id, key: sort === 'id' ? id : sort_key }
}
