import { sql } from 'drizzle-orm'
import type { Db } from '../db/connect.ts'
import { isCanceled } from '../db/errors.ts'
import { films } from '../db/schema/films.ts'
import { pattern } from './film-filter.ts'

/** The words of a query in the form of films.words; empty when it has no letter and no digit. */
export function wordsOf(db: Db) {
  return async (query: string): Promise<string> => {
    const [row] = await db.execute<{ words: string }>(sql`select btrim(film_words(${query}, null)) as words`)
    return row?.words ?? ''
  }
}

/** Search of films by title, with the trigrams of films.words. */
export function filmNames(db: Db) {
  return {
    readWords: wordsOf(db),

    async hasPart(part: string): Promise<boolean> {
      const [row] = await byIndex(db, (tx) =>
        tx.execute<{ found: boolean }>(sql`
          select exists (select from films where listed and words like ${pattern(part)}) as found`),
      )
      return row?.found === true
    },

    /** The films whose names have most in common with `words`, at most 500; undefined when that takes too long. */
    findLike(words: string): Promise<{ id: number; words: string }[] | undefined> {
      return byTrigrams(
        db,
        (tx) =>
          tx
            .select({ id: films.id, words: films.words })
            .from(films)
            .where(sql`${films.listed} and ${words} <% ${films.words}`)
            .orderBy(sql`strict_word_similarity(${words}, ${films.words}) desc, ${films.id}`)
            .limit(500),
        { shared: sharedTrigrams(words), maxMs: maxLookUpMs },
      )
    },
  }
}

/**
 * For conditions on films.words. The planner takes a name for common when it doesn't know it, and would read film by film:
 * only the index may be used.
 */
export function byIndex<T>(db: Db, work: (tx: Db) => Promise<T>, settings: Record<string, string> = {}): Promise<T> {
  const all = { enable_seqscan: 'off', enable_indexscan: 'off', enable_indexonlyscan: 'off', ...settings }
  const rows = Object.entries(all).map(([name, value]) => sql`(${name}, ${value})`)
  return db.transaction(async (tx) => {
    await tx.execute(sql`
      select set_config(name, value, true) from (values ${sql.join(rows, sql`, `)}) settings (name, value)`)
    return work(tx)
  })
}

/** For how long the nearest names are looked for: with some words that would take seconds. */
const maxLookUpMs = 1_000

/**
 * The same for `<%`: `shared` is the share of its trigrams that the left side must find in the right. Undefined when it
 * takes longer than `maxMs`.
 */
export async function byTrigrams<T>(
  db: Db,
  work: (tx: Db) => Promise<T>,
  { shared, maxMs }: { shared: number; maxMs: number },
): Promise<T | undefined> {
  const settings = {
    'pg_trgm.word_similarity_threshold': String(shared),
    statement_timeout: String(Math.max(1, Math.ceil(maxMs))),
  }
  try {
    return await byIndex(db, work, settings)
  } catch (error) {
    if (isCanceled(error)) return undefined
    throw error
  }
}

/**
 * The share of its trigrams that a query must have in common with a name. Two swapped letters take four: of the eight in
 * a word of seven letters they leave three or four, of the twenty in two words sixteen.
 */
function sharedTrigrams(words: string): number {
  return [...words].length < 12 ? 0.3 : 0.45
}
