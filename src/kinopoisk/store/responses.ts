import { eq, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { kinopoiskAnswers as answers } from '../../db/schema/kinopoisk.ts'
import { paths } from '../endpoints.ts'

/** The answers kept in PostgreSQL by the question's path. */
export function createAnswerRepository(db: Db) {
  const byPath = db
    .select({ text: answers.body, fetchedAt: answers.fetched_at, expiresAt: answers.expires_at })
    .from(answers)
    .where(eq(answers.path, sql.placeholder('path')))
    .prepare('kinopoisk_answer')
  return {
    async find(path: string) {
      const [row] = await byPath.execute({ path })
      return row
    },

    /** How many are kept, by endpoint: fresh or expired at `now`. */
    async count(now: Date) {
      const ofEndpoint = (endpoint: keyof typeof paths) => sql`${answers.path} like ${`${paths[endpoint]}%`}`
      const fresh = sql`${answers.expires_at} > ${now.toISOString()}`
      const count = (endpoint: keyof typeof paths) => ({
        fresh: sql<number>`(count(*) filter (where ${ofEndpoint(endpoint)} and ${fresh}))::int`,
        expired: sql<number>`(count(*) filter (where ${ofEndpoint(endpoint)} and not ${fresh}))::int`,
      })
      const [row] = await db
        .select({ film: count('film'), search: count('search'), staff: count('staff'), votes: count('votes') })
        .from(answers)
      if (!row) throw new Error('a count has one row')
      return row
    },

    /** An answer never replaces a newer one, so that replicas may write in any order. */
    async save(path: string, answer: { text: string | null; fetchedAt: Date; expiresAt: Date }) {
      const row = {
        status: answer.text === null ? 404 : 200,
        body: answer.text,
        fetched_at: answer.fetchedAt,
        expires_at: answer.expiresAt,
      }
      await db
        .insert(answers)
        .values({ path, ...row })
        .onConflictDoUpdate({
          target: answers.path,
          set: row,
          setWhere: sql`${answers.fetched_at} <= excluded.fetched_at`,
        })
    },
  }
}

export type AnswerRepository = ReturnType<typeof createAnswerRepository>
