import type { Cache } from '../../../cache/cache.ts'
import type { Caller, Semaphore } from '../../../semaphore.ts'
import { distance, maxEdits } from '../../../text/edit-distance.ts'
import { otherLayout } from '../../../text/keyboard-layout.ts'
import type { FoundIds, SearchRepository } from './repository.ts'

const pageSize = 20
const maxPages = 20
// The share of the query's trigrams that a name must have to be compared: a typo leaves most of them, in a short name a
// third. The lower the share, the longer it takes; with one edit found, no name can be nearer.
const passes = [
  { shared: 0.6, maxLength: 100 },
  { shared: 0.45, maxLength: 100 },
  { shared: 0.3, maxLength: 11 },
]

// For how long the nearest names of a query are looked for: with some words that would take seconds. What was found,
// nothing too, is remembered for a while.
const maxLookUpMs = 1_000
const nearestTtlMs = 60_000

export type LocalSearch = ReturnType<typeof createLocalSearch>

interface Dependencies {
  films: SearchRepository
  /** Keeps searches from taking all connections. */
  semaphore: Semaphore
  cache: Cache
}

/** Searches the films known here by title. */
export function createLocalSearch({ films, semaphore, cache }: Dependencies) {
  const nearest = cache.region<string, number[]>({
    name: 'nearest names',
    sizeOf: (ids) => 8 * ids.length,
    invalidatedBy: { film: 'all' },
    ttlMs: nearestTtlMs,
  })

  /** As typed; else in the other keyboard layout; else the nearest of both by edit distance. */
  async function find(query: string): Promise<FoundIds> {
    const texts = [query, otherLayout(query)].filter((text) => text !== undefined)
    const readings: { text: string; words: string }[] = []
    for (const text of texts) {
      const words = await films.readWords(text)
      const found = await films.findHolding(text, words)
      if (found.total > 0) return found
      readings.push({ text, words })
    }
    const words = readings.map((reading) => reading.words)
    const ids = (await nearest.find(words.join('\n'), async () => films.sort(await findNearest(words)))) ?? []
    return { ids, total: ids.length }
  }

  /** The films with the lowest edit distance from any of the readings, of those found in time. */
  async function findNearest(readings: string[]): Promise<number[]> {
    const deadline = performance.now() + maxLookUpMs
    const edits = new Map<number, number>()
    let fewest = Number.POSITIVE_INFINITY
    for (const { shared, maxLength } of passes) {
      const fitting = readings.filter((words) => maxEdits(words) > 0 && [...words].length <= maxLength)
      for (const words of fitting) {
        const maxMs = deadline - performance.now()
        const found = maxMs > 0 ? await films.findSimilar(words, { shared, maxMs }) : undefined
        for (const film of found ?? []) {
          edits.set(film.id, Math.min(distance(words, film.words), edits.get(film.id) ?? Number.POSITIVE_INFINITY))
        }
      }
      fewest = Math.min(...edits.values())
      if (fewest <= 1) break
    }
    return [...edits].filter(([, count]) => count === fewest && Number.isFinite(count)).map(([id]) => id)
  }

  /** `page` from 1, 20 films each. @throws {AppError} overloaded */
  return (query: string, page: number, caller: Caller) =>
    semaphore.run(caller, async () => {
      const { ids, total } = await find(query)
      const shown = ids.slice((page - 1) * pageSize, page * pageSize)
      const items = shown.length > 0 ? await films.readItems(shown) : []
      return { total, pages: Math.min(maxPages, Math.ceil(total / pageSize)), items }
    })
}
