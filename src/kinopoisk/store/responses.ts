import { eq, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { kinopoiskAnswers as responses } from '../../db/schema/kinopoisk.ts'
import { pathForms } from '../path-forms.ts'
import { ofEndpoints } from '../request.ts'

export interface StoredResponse {
  /** Null: upstream's 404. */
  text: string | null
  fetchedAt: Date
  expiresAt: Date
}

/** The responses stored in PostgreSQL, by the request's path. */
export function createResponseRepository(db: Db) {
  const byPath = db
    .select({ text: responses.body, fetchedAt: responses.fetched_at, expiresAt: responses.expires_at })
    .from(responses)
    .where(eq(responses.path, sql.placeholder('path')))
    .prepare('kinopoisk_answer')
  return {
    async find(path: string) {
      const [row] = await byPath.execute({ path })
      return row
    },

    /** The path of one of the responses that were fetched lately, other than `except`: `prefix` and a number. */
    async findRecent(prefix: string, except: string[]): Promise<string | undefined> {
      const isOne = sql`${responses.status} = 200 and ${responses.path} <> all(${sql.param(except)}::text[])
        and starts_with(${responses.path}, ${prefix})
        and substr(${responses.path}, ${prefix.length + 1}::integer) ~ '^[0-9]+$'`
      // Not always the same one: it may be gone, or be odd.
      const [row] = await db.execute<{ path: string }>(sql`
        select path from (select path from ${responses} where ${isOne} order by ${responses.expires_at} desc limit 20) as recent
        order by random() limit 1`)
      return row?.path
    },

    /** How many are stored, by endpoint: fresh or expired at `now`. */
    async count(now: Date) {
      const isFresh = sql`${responses.expires_at} > ${now.toISOString()}`
      const form = sql<string>`regexp_replace(regexp_replace(${responses.path}, '=.*', ''), '/\\d+', '/{id}')`
      const rows = await db
        .select({
          form,
          fresh: sql<number>`(count(*) filter (where ${isFresh}))::int`,
          expired: sql<number>`(count(*) filter (where not ${isFresh}))::int`,
        })
        .from(responses)
        .groupBy(sql`1`)
      return ofEndpoints((endpoint) => {
        const { fresh = 0, expired = 0 } = rows.find((row) => row.form === pathForms[endpoint]) ?? {}
        return { fresh, expired }
      })
    },

    /** A response never replaces a newer one, so that replicas may write in any order. */
    async save(path: string, response: StoredResponse): Promise<void> {
      const row = {
        status: response.text === null ? 404 : 200,
        body: response.text,
        fetched_at: response.fetchedAt,
        expires_at: response.expiresAt,
      }
      await db
        .insert(responses)
        .values({ path, ...row })
        .onConflictDoUpdate({
          target: responses.path,
          set: row,
          setWhere: sql`${responses.fetched_at} <= excluded.fetched_at`,
        })
    },
  }
}

export type ResponseRepository = ReturnType<typeof createResponseRepository>
