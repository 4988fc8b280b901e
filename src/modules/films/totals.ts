import type { Memory } from '../../db/memory.ts'
import type { FilmRepository, Filter } from './repository.ts'

// How late a write of another replica may show in a total while changes can't be followed.
const ttlMs = 10_000
/** Asked for so many rates, a listing's films are counted for all of them at once. */
const fewRates = 3

interface Dependencies {
  films: Pick<FilmRepository, 'count' | 'countByRate'>
  memory: Memory
  /** Counting takes its time: it waits for its turn. */
  inTurn<T>(work: () => Promise<T>): Promise<T>
}

/** How many films there are of a rate or more, the best first. */
type Ranks = { rate: number; films: number }[]

/** How many films a filter has; `named` names the filter. Counted once, and kept. */
export function createTotals({ films, memory, inTurn }: Dependencies) {
  const dropped = { film: 'all', genre: 'all' } as const
  const totals = memory.shelf<string, number>({ name: 'film total', sizeOf: () => 100, dropped, ttlMs })
  const ranks = memory.shelf<string, Ranks>({ name: 'film ranks', sizeOf: (all) => all.length * 40, dropped, ttlMs })
  const asked = memory.shelf<string, { rates: number }>({ name: 'film rates', sizeOf: () => 100, dropped, ttlMs })

  async function rank(filter: Filter): Promise<Ranks> {
    let sum = 0
    const rows = await inTurn(() => films.countByRate(filter))
    return rows
      .toSorted((a, b) => b.rate - a.rate)
      .map((row) => {
        sum += row.films
        return { rate: row.rate, films: sum }
      })
  }

  /** One that is the same but for the rate has been asked for several times: the next one will be. */
  async function isOfMany(others: string): Promise<boolean> {
    const seen = await asked.find(others, async () => ({ rates: 0 }))
    return seen !== undefined && ++seen.rates > fewRates
  }

  async function countOne(filter: Filter): Promise<number> {
    const { minRate, ...others } = filter
    const key = JSON.stringify(others)
    if (minRate === undefined || others.match || !(await isOfMany(key))) return inTurn(() => films.count(filter))
    const ranked = (await ranks.find(key, () => rank(others))) ?? []
    return ranked.findLast(({ rate }) => rate >= minRate)?.films ?? 0
  }

  return async (filter: Filter, named: string): Promise<number> =>
    (await totals.find(named, () => countOne(filter))) ?? 0
}
