import type { Cache } from '../../cache/cache.ts'
import { createSemaphore, findShared, isOverloaded, type QueueKey } from '../../semaphore.ts'
import type { FilterQuery } from './filter-schemas.ts'
import type { FilmRepository, Filter, Match } from './repository.ts'
import { findMatch, nothing } from './title-match.ts'
import { createTotals } from './totals.ts'

// What took too long to find is not looked for again so soon.
const unfoundTtlMs = 60_000
const lookUpWaitMs = 2_000

export type FilmFilters = ReturnType<typeof createFilmFilters>

/** What a query filters by, as the database is asked for it, and how many films that are. */
export function createFilmFilters({ films, cache }: { films: FilmRepository; cache: Cache }) {
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

  async function readFilter(query: FilterQuery, caller: QueueKey): Promise<Filter> {
    const { genre, min_rate, director_id, country, type, minutes_from, minutes_to, q } = query
    const { yearFrom, yearTo } = yearsOf(query)
    const ids = genre && (await genreIds.find(JSON.stringify(genre), () => films.findGenreIds(genre)))
    const match = q === undefined ? undefined : await matchOf(q, caller)
    return {
      ...(ids && { genreIds: ids }),
      ...(min_rate !== undefined && { minRate: min_rate }),
      ...(director_id !== undefined && { directorId: director_id }),
      ...(yearFrom !== undefined && { yearFrom }),
      ...(yearTo !== undefined && { yearTo }),
      ...(minutes_from !== undefined && { minutesFrom: minutes_from }),
      ...(minutes_to !== undefined && { minutesTo: minutes_to }),
      ...(country && { countries: country }),
      ...(type && { types: type }),
      ...(match && { match }),
    }
  }

  return { readFilter, totals, inTurn }
}

/** A decade is ten years; with other bounds, what is in both. */
function yearsOf({ year_from, year_to, decade }: FilterQuery) {
  if (decade === undefined) return { yearFrom: year_from, yearTo: year_to }
  return { yearFrom: Math.max(decade, year_from ?? decade), yearTo: Math.min(decade + 9, year_to ?? decade + 9) }
}

export function matchesNothing({ genreIds, match }: Filter): boolean {
  return genreIds?.length === 0 || (match !== undefined && 'ids' in match && match.ids.length === 0)
}
