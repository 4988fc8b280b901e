import type { Memory } from '../../cache/cache.ts'
import { createRanking, type Ranking } from './ranking.ts'
import type { FilmRepository, Filter } from './repository.ts'

/** Asked for so many rates and years, a listing's films are ranked. */
const fewAsked = 3
/** More are left to the database: reading them would hold up everybody else. */
const mostRanked = 50_000

interface Dependencies {
  films: Pick<FilmRepository, 'count' | 'rank'>
  memory: Memory
  /** Counting takes its time: it waits for its turn. */
  inTurn<T>(work: () => Promise<T>): Promise<T>
}

/**
 * How many films a filter has: counted once, and kept. Where many ask for the same but for rate and year, as whoever moves a
 * slider does, the films themselves are kept, ranked.
 */
export function createTotals({ films, memory, inTurn }: Dependencies) {
  const dropped = { film: 'all', genre: 'all' } as const
  const totals = memory.shelf<string, number>({ name: 'film total', sizeOf: () => 100, dropped })
  const asked = memory.shelf<string, { times: number }>({ name: 'film ranking asked', sizeOf: () => 100, dropped })
  const rankings = memory.shelf<string, Ranking | 'too many'>({
    name: 'film ranking',
    sizeOf: (ranking) => (ranking === 'too many' ? 0 : ranking.bytes),
    dropped,
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
      const seen = await asked.find(key, async () => ({ times: 0 }))
      if (!seen || ++seen.times <= fewAsked) return undefined
      const made = await rankings.find(key, async () => {
        const found = await inTurn(() => films.rank(others, mostRanked + 1))
        return found.length > mostRanked ? 'too many' : createRanking(found)
      })
      return made === 'too many' ? undefined : made
    },
  }
}
