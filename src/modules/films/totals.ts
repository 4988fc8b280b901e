import type { Cache } from '../../cache/cache.ts'
import { findShared, type QueueKey } from '../../semaphore.ts'
import { createRanking, type Ranking } from './ranking.ts'
import type { FilmRepository, Filter } from './repository.ts'

/** After this many requests that differ in rate and year only, a filter's films are ranked. */
const minRequests = 3
/** More films than these stay in the database: reading them would block all other requests. */
const maxRanked = 50_000

interface Dependencies {
  films: Pick<FilmRepository, 'count' | 'rank'>
  cache: Cache
  /** Counting is slow: it waits for the turn of its caller. */
  inTurn<T>(caller: QueueKey, work: () => Promise<T>): Promise<T>
}

/**
 * How many films a filter has, counted once and cached. For filters that differ in rate and year only, as a slider
 * sends them, the films themselves are cached, ranked.
 */
export function createTotals({ films, cache, inTurn }: Dependencies) {
  const invalidatedBy = { film: 'all', genre: 'all' } as const
  const totals = cache.region<string, number>({ name: 'film total', sizeOf: () => 100, invalidatedBy })
  const requested = cache.region<string, { times: number }>({
    name: 'film ranking asked',
    sizeOf: () => 100,
    invalidatedBy,
  })
  const rankings = cache.region<string, Ranking | 'too many'>({
    name: 'film ranking',
    sizeOf: (ranking) => (ranking === 'too many' ? 0 : ranking.bytes),
    invalidatedBy,
  })

  return {
    /** `named` is the filter's key. */
    count: async (filter: Filter, named: string, caller: QueueKey): Promise<number> =>
      (await findShared(totals, named, () => inTurn(caller, () => films.count(filter)))) ?? 0,

    /** The ranked films of the filter without its rate and years, if they are requested often enough. */
    async ranking({ minRate, yearFrom, yearTo, ...others }: Filter, caller: QueueKey): Promise<Ranking | undefined> {
      if (others.match || (minRate ?? yearFrom ?? yearTo) === undefined) return undefined
      const key = JSON.stringify(others)
      const known = rankings.get(key)
      if (known) return known === 'too many' ? undefined : known
      const requests = await requested.find(key, async () => ({ times: 0 }))
      if (!requests || ++requests.times <= minRequests) return undefined
      const made = await findShared(rankings, key, async () => {
        const found = await inTurn(caller, () => films.rank(others, maxRanked + 1))
        return found.length > maxRanked ? 'too many' : createRanking(found)
      })
      return made === 'too many' ? undefined : made
    },
  }
}
