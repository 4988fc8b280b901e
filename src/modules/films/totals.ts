import type { Cache } from '../../cache/cache.ts'
import { createRanking, type Ranking } from './ranking.ts'
import type { FilmRepository, Filter } from './repository.ts'

/** Asked for so many rates and years, a listing's films are ranked. */
const minRequests = 3
/** More are left to the database: reading them would hold up everybody else. */
const maxRanked = 50_000

interface Dependencies {
  films: Pick<FilmRepository, 'count' | 'rank'>
  cache: Cache
  /** Counting takes its time: it waits for its turn. */
  inTurn<T>(work: () => Promise<T>): Promise<T>
}

/**
 * How many films a filter has: counted once, and kept. Where many ask for the same but for rate and year, as whoever moves a
 * slider does, the films themselves are kept, ranked.
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
    /** `named` names the filter. */
    count: async (filter: Filter, named: string): Promise<number> =>
      (await totals.find(named, () => inTurn(() => films.count(filter)))) ?? 0,

    /** The films of the filter and others, where they are worth to be kept. */
    async ranking({ minRate, yearFrom, yearTo, ...others }: Filter): Promise<Ranking | undefined> {
      if (others.match || (minRate ?? yearFrom ?? yearTo) === undefined) return undefined
      const key = JSON.stringify(others)
      const known = rankings.get(key)
      if (known) return known === 'too many' ? undefined : known
      const requests = await requested.find(key, async () => ({ times: 0 }))
      if (!requests || ++requests.times <= minRequests) return undefined
      const made = await rankings.find(key, async () => {
        const found = await inTurn(() => films.rank(others, maxRanked + 1))
        return found.length > maxRanked ? 'too many' : createRanking(found)
      })
      return made === 'too many' ? undefined : made
    },
  }
}
