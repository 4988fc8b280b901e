import type { Cache } from '../../../cache/cache.ts'
import type { QueueKey, Semaphore } from '../../../semaphore.ts'
import { distance, maxEdits } from '../../../text/edit-distance.ts'
import { otherLayout } from '../../../text/keyboard-layout.ts'
import { toVisible } from '../../../text/search-key.ts'
import { readTitle, type TitleReading } from '../../../text/title-reading.ts'
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

  /**
   * As typed, or in the other keyboard layout; else as people mean it who write more than a title; else the nearest by
   * edit distance.
   */
  async function find(query: string): Promise<FoundIds> {
    const texts = [query, otherLayout(query)].filter((text) => text !== undefined)
    const typed = texts.map((title): TitleReading => ({ title, year: undefined, isSeries: undefined }))
    const meant = texts.map(readTitle).filter((reading) => reading !== undefined)
    const readings: (TitleReading & { words: string })[] = []
    for (const reading of [...typed, ...meant]) {
      const words = await films.readWords(reading.title)
      const found = await films.findHolding({ ...reading, words })
      if (found.total > 0) return found
      readings.push({ ...reading, words })
    }
    const near = meant.length > 0 ? readings.slice(typed.length) : readings
    const key = near.map(({ words, year }) => `${words} ${year ?? ''}`).join('\n')
    const ids = (await nearest.find(key, async () => films.sort(await findNearest(near)))) ?? []
    return { ids, total: ids.length }
  }

  /** The films with the lowest edit distance from any of the readings, of those found in time. */
  async function findNearest(readings: (TitleReading & { words: string })[]): Promise<number[]> {
    const deadline = performance.now() + maxLookUpMs
    const edits = new Map<number, number>()
    let fewest = Number.POSITIVE_INFINITY
    for (const { shared, maxLength } of passes) {
      const fitting = readings.filter(({ words }) => maxEdits(words) > 0 && [...words].length <= maxLength)
      for (const { words, year } of fitting) {
        const maxMs = deadline - performance.now()
        const found = maxMs > 0 ? await films.findSimilar(words, year, { shared, maxMs }) : undefined
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
  return (query: string, page: number, key: QueueKey) =>
    semaphore.run(key, async () => {
      const { ids, total } = await find(toVisible(query))
      const shown = ids.slice((page - 1) * pageSize, page * pageSize)
      const items = shown.length > 0 ? await films.readItems(shown) : []
      return { total, pages: Math.min(maxPages, Math.ceil(total / pageSize)), items }
    })
}
