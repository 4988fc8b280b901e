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
/** Words of very many titles, beside single letters. */
const common = new Set('the of and in to on for на не по за из от до для'.split(' '))
/** As film_suggest_words has it. */
const maxLetters = 100
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
  if (!all.some((word) => lengthOf(word) >= minLetters)) return []
  // Beside other words the common ones are left to the filter: the index would collect every film with "the".
  const rare = all.filter((word) => lengthOf(word) >= minLetters && !common.has(word))
  const beginnings = (rare.length > 0 ? rare : all).map((word) => [...word].slice(0, maxLetters).join(''))
  const likes = all.map((word) => `% ${word}%`)
  const places = standings.flatMap((standing) => (isOpen ? [standing] : [standing, standing.toUpperCase()]))
  return places.map((place) => ({
    // Letters and digits alone, so that they stand in quotes as they are.
    query: beginnings.map((beginning) => `'${place}${beginning}':*`).join(' & '),
    likes,
  }))
}

function lengthOf(word: string): number {
  return [...word].length
}
