import stringifier from 'fast-json-stringify'
import type { Cache } from '../../cache/cache.ts'
import { AppError } from '../../errors.ts'
import { type JsonPayload, serialize } from '../../http/json-payload.ts'
import { createSemaphore, findShared, type QueueKey } from '../../semaphore.ts'
import type { FilmCache } from './cache.ts'
import type { FacetRepository } from './facets-repository.ts'
import { Facets, type FilterQuery } from './filter-schemas.ts'
import { type FilmFilters, matchesNothing } from './filters.ts'
import type { Filter } from './repository.ts'

interface Dependencies {
  facets: FacetRepository
  filters: FilmFilters
  filmCache: FilmCache
  cache: Cache
}

interface CountedFacets {
  json: JsonPayload
  genres: { id: number; count: number }[]
}

export type FilmFacets = ReturnType<typeof createFilmFacets>

const stringify = stringifier(Facets as object)
const nothing = serialize(stringify({ total: 0, genres: [], decades: [], countries: [] } satisfies Facets))

/** How many films a filter has of each genre, decade and country; and one film of it by chance. */
export function createFilmFacets({ facets, filters, filmCache, cache }: Dependencies) {
  const { readFilter, totals, inTurn } = filters
  // Countries and lengths are noted as changes of the film too, so what is here is as exact as totals are.
  const region = cache.region<string, CountedFacets>({
    name: 'film facets',
    sizeOf: ({ json, genres }) => json.bytes.length + 50 * genres.length,
    invalidatedBy: { film: 'all', genre: 'all' },
  })

  // Apart from the totals of listings: all of these read many films.
  const countings = createSemaphore({ name: 'facets', max: 2, maxPerCaller: 1, maxQueue: 100 })

  async function read(filter: Filter): Promise<CountedFacets> {
    const found = toFacets(await facets.count(filter))
    return { json: serialize(stringify(found)), genres: found.genres }
  }

  const countAll = (filter: Filter, named: string, caller: QueueKey) =>
    findShared(region, named, () => countings.run(caller, () => read(filter))) as Promise<CountedFacets>

  return {
    /** @throws {AppError} overloaded */
    async count(query: FilterQuery, caller: QueueKey): Promise<JsonPayload> {
      const filter = await readFilter(query, caller)
      // Not kept: it may say so only because names could not be looked up now.
      if (matchesNothing(filter)) return nothing
      return (await countAll(filter, JSON.stringify({ ...filter, match: query.q }), caller)).json
    },

    /** The number of films of each genre, by its id. @throws {AppError} overloaded */
    async countGenres(caller: QueueKey): Promise<Map<number, number>> {
      const { genres } = await countAll({}, '{}', caller)
      return new Map(genres.map(({ id, count }) => [id, count]))
    },

    /** @throws {AppError} film_not_found where no film has all of it, overloaded */
    async pick(query: FilterQuery, caller: QueueKey): Promise<JsonPayload> {
      const filter = await readFilter(query, caller)
      const named = JSON.stringify({ ...filter, match: query.q })
      const total = matchesNothing(filter) ? 0 : await totals.count(filter, named, caller)
      const id = total === 0 ? undefined : await inTurn(caller, () => facets.pick(filter, total))
      const [film] = id === undefined ? [] : await filmCache.findMany([id])
      if (!film)
        throw new AppError('film_not_found', { detail: 'No film of the catalogue has all of this: leave out a filter' })
      return film
    },
  }
}

function toFacets(rows: Awaited<ReturnType<FacetRepository['count']>>): Facets {
  const of = (kind: string) => rows.filter((row) => row.kind === kind)
  const most = (a: { count: number; name: string }, b: { count: number; name: string }) =>
    b.count - a.count || (a.name < b.name ? -1 : 1)
  return {
    total: of('total')[0]?.count ?? 0,
    genres: of('genre')
      .map(({ id, name, count }) => ({ id: id ?? 0, name: name ?? '', count }))
      .toSorted(most),
    decades: of('decade')
      .map(({ id, count }) => ({ decade: id ?? 0, count }))
      .toSorted((a, b) => b.decade - a.decade),
    countries: of('country')
      .map(({ name, count }) => ({ name: name ?? '', count }))
      .toSorted(most),
  }
}
