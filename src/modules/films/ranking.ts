import type { Filter, Place } from './repository.ts'

/** A film as it is read to be ranked: the best first, those without a rate last, ties by id. */
export interface Ranked {
  id: number
  rate: number | null
  year: number
}

/** Films by rate, the best first; filters by rate and year are applied in memory. */
export function createRanking(films: Ranked[]) {
  const ids = Int32Array.from(films, (film) => film.id)
  // In hundredths, -1 for none: rates have two decimals.
  const rates = Int16Array.from(films, ({ rate }) => (rate === null ? -1 : Math.round(rate * 100)))
  const years = Int16Array.from(films, (film) => film.year)

  /** As `-rate` sorts: see catalogue/film-filter.ts. */
  function placeOf(index: number) {
    const rate = rates[index] as number
    return { id: ids[index] as number, sort_key: rate < 0 ? 99 : 0 - rate / 100 } satisfies Place
  }

  function isBehind(index: number, position: { key: unknown; id: unknown }): boolean {
    const { id, sort_key } = placeOf(index)
    return sort_key > Number(position.key) || (sort_key === position.key && id > Number(position.id))
  }

  /** The first film behind a place. */
  function indexBehind(position: { key: unknown; id: unknown }): number {
    let [low, high] = [0, ids.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBehind(middle, position)) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Calls `found` with each film that fits, from `from` on, until it says false. */
  function walk(
    { minRate = -1, yearFrom = 0, yearTo = 9999 }: Filter,
    from: number,
    found: (index: number) => boolean,
  ) {
    for (let i = from; i < ids.length; i++) {
      if ((rates[i] as number) / 100 < minRate) return
      const year = years[i] as number
      if (year >= yearFrom && year <= yearTo && !found(i)) return
    }
  }

  return {
    bytes: ids.length * 8,

    count(filter: Filter): number {
      let count = 0
      walk(filter, 0, () => ++count > 0)
      return count
    },

    /** As FilmRepository.list has it, sorted by `-rate`: one more than `limit` if there is one. */
    list(
      filter: Filter,
      {
        limit,
        offset,
        position,
      }: { limit: number; offset: number; position?: { key: unknown; id: unknown } | undefined },
    ): Place[] {
      const places: Place[] = []
      let skipped = 0
      walk(filter, position ? indexBehind(position) : 0, (index) => {
        if (skipped++ >= offset) places.push(placeOf(index))
        return places.length <= limit
      })
      return places
    },
  }
}

export type Ranking = ReturnType<typeof createRanking>
