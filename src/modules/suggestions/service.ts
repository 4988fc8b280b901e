import stringifier from 'fast-json-stringify'
import type { Cache } from '../../cache/cache.ts'
import { type JsonPayload, serialize } from '../../http/json-payload.ts'
import { findShared, type QueueKey, type Semaphore } from '../../semaphore.ts'
import { otherLayout } from '../../text/keyboard-layout.ts'
import { toVisible } from '../../text/search-key.ts'
import type { Step, SuggestionRepository } from './repository.ts'
import { Suggestions } from './schemas.ts'

export type SuggestionService = ReturnType<typeof createSuggestionService>

interface Dependencies {
  suggestions: SuggestionRepository
  /** Keeps suggestions from taking all connections. */
  semaphore: Semaphore
  cache: Cache
}

const stringify = stringifier(Suggestions as object)
// The same letters are typed by many.
const ttlMs = 1_000
const minLetters = 2
const maxWords = 8
/** As film_suggest_keys has them. */
const sizes = [6, 4, 3, 2]
/** As film_standing has them, the best known first. */
const standings = [...'abcdefghijklmnopqrs']

/** The films whose title words begin as somebody types. Kinopoisk is not asked. */
export function createSuggestionService({ suggestions, semaphore, cache }: Dependencies) {
  const region = cache.region<string, JsonPayload>({
    name: 'suggestions',
    sizeOf: ({ bytes }) => bytes.length,
    invalidatedBy: { film: 'all', text: 'all' },
    ttlMs,
  })
  const readings = cache.region<string, string>({
    name: 'suggestion words',
    sizeOf: (text) => 2 * text.length,
    invalidatedBy: {},
  })
  const wordsOf = async (text: string) => (await readings.find(text, () => suggestions.readWords(text))) ?? ''

  async function read(text: string, isOpen: boolean): Promise<JsonPayload> {
    const other = otherLayout(text)
    const words = [await wordsOf(text), ...(other === undefined ? [] : [await wordsOf(other)])]
    const steps = words.flatMap((typed) => stepsOf(typed, isOpen))
    const found = steps.length > 0 ? await suggestions.find(steps) : []
    // Where both layouts have it, once.
    const items = [...new Map(found.map((film) => [film.id, film])).values()]
    return serialize(stringify({ items }))
  }

  return {
    /** `isOpen`: for everyone, so of the catalogue alone. @throws {AppError} overloaded */
    find(query: string, isOpen: boolean, caller: QueueKey) {
      const text = toVisible(query).toLowerCase()
      return findShared(region, `${isOpen} ${text}`, () => semaphore.run(caller, () => read(text, isOpen)))
    },
  }
}

/** Every word begins a word of the title. The best known films come first, so the look-up goes from standing to standing. */
function stepsOf(words: string, isOpen: boolean): Step[] {
  const all = [...new Set(words.split(' '))].slice(0, maxWords)
  const beginnings = all.map(beginningOf).filter((beginning) => beginning !== undefined)
  if (beginnings.length === 0) return []
  const likes = all.map((word) => `% ${word}%`)
  const endings = standings.flatMap((standing) => (isOpen ? [standing] : [standing, standing.toUpperCase()]))
  return endings.map((ending) => ({ keys: beginnings.map((beginning) => `${beginning}|${ending}`), likes }))
}

/** The longest beginning of a word that the index has; undefined for a single letter. */
function beginningOf(word: string): string | undefined {
  const letters = [...word]
  const size = sizes.find((each) => each <= letters.length)
  return letters.length < minLetters || size === undefined ? undefined : letters.slice(0, size).join('')
}
