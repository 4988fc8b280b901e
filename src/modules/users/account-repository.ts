import { and, eq, exists, gt, inArray, type SQL, sql } from 'drizzle-orm'
import { minOwnId } from '../../catalogue/film-ids.ts'
import type { Db } from '../../db/connect.ts'
import { allRows } from '../../db/page.ts'
import { apiKeys } from '../../db/schema/api-keys.ts'
import { films } from '../../db/schema/films.ts'
import { kinopoiskSpending } from '../../db/schema/kinopoisk.ts'
import { kinopoiskUserResults as results } from '../../db/schema/kinopoisk-budgets.ts'
import { knownNetworks } from '../../db/schema/known-networks.ts'
import { favourites, wishlist } from '../../db/schema/lists.ts'
import { ratings } from '../../db/schema/ratings.ts'
import { sessions } from '../../db/schema/sessions.ts'
import { users } from '../../db/schema/users.ts'
import { lockOtherAdmins } from './admin-lock.ts'

const lists = [favourites, wishlist, ratings]
const sessionColumns = {
  id: sessions.id,
  created_at: sessions.created_at,
  last_used_at: sessions.last_used_at,
  expires_at: sessions.expires_at,
  user_agent: sessions.user_agent,
  ip: sessions.ip,
}

const resultColumns = {
  day: results.day,
  api_key_id: results.api_key_id,
  endpoint: results.endpoint,
  hits: results.hits,
  stale: results.stale,
  fetched: results.fetched,
  refused: results.refused,
  failed: results.failed,
}

/** An account as a whole: its data, and its end. */
export function createAccountRepository(db: Db) {
  return {
    /** By id; nothing that is a secret. */
    sessions: (userId: number) =>
      allRows<Pick<typeof sessions.$inferSelect, keyof typeof sessionColumns>>(({ last, limit }) =>
        db
          .select(sessionColumns)
          .from(sessions)
          .where(and(eq(sessions.user_id, userId), last && gt(sessions.id, last.id)))
          .orderBy(sessions.id)
          .limit(limit),
      ),

    /** The networks of its recent logins. */
    networks: (userId: number) =>
      allRows<Pick<typeof knownNetworks.$inferSelect, 'network' | 'last_login_at'>>(({ last, limit }) =>
        db
          .select({ network: knownNetworks.network, last_login_at: knownNetworks.last_login_at })
          .from(knownNetworks)
          .where(and(eq(knownNetworks.user_id, userId), last && gt(knownNetworks.network, last.network)))
          .orderBy(knownNetworks.network)
          .limit(limit),
      ),

    /** By id; never the hash. There are few. */
    async *keys(userId: number) {
      yield* await db
        .select({
          id: apiKeys.id,
          name: apiKeys.name,
          scopes: apiKeys.scopes,
          daily_limit: apiKeys.daily_limit,
          created_at: apiKeys.created_at,
          expires_at: apiKeys.expires_at,
          last_used_at: apiKeys.last_used_at,
        })
        .from(apiKeys)
        .where(eq(apiKeys.user_id, userId))
        .orderBy(apiKeys.id)
    },

    /** How its requests to the gateway have ended on those days. */
    results: (userId: number) =>
      allRows<Omit<typeof results.$inferSelect, 'user_id'>>(({ last, limit }) =>
        db
          .select(resultColumns)
          .from(results)
          .where(
            and(
              eq(results.user_id, userId),
              last &&
                sql`(${results.day}, ${results.api_key_id}, ${results.endpoint}) > (${last.day}, ${last.api_key_id}, ${last.endpoint})`,
            ),
          )
          .orderBy(results.day, results.api_key_id, results.endpoint)
          .limit(limit),
      ),

    /** What its requests have cost on the days that are still counted. */
    async *calls(userId: number) {
      yield* await db
        .select({
          day: kinopoiskSpending.day,
          interactive: sql<number>`sum(${kinopoiskSpending.interactive})::int`,
          import: sql<number>`sum(${kinopoiskSpending.import})::int`,
        })
        .from(kinopoiskSpending)
        .where(eq(kinopoiskSpending.user_id, userId))
        .groupBy(kinopoiskSpending.day)
        .orderBy(kinopoiskSpending.day)
    },

    /**
     * Erases the account with its lists, ratings and sessions: the tables cascade, and the films' figures follow. Nothing is
     * done when the session has ended, or the password or role is another by now: checking a password takes its time.
     */
    erase(user: { id: number; role: 'user' | 'admin'; sessionId: string }, passwordHash: string) {
      return db.transaction(async (tx) => {
        if (user.role === 'admin' && !(await lockOtherAdmins(tx, user.id))) return 'last admin'
        const unlistedFilms = await findUnlistedFilms(tx, user.id)
        const own = tx.select({ id: sessions.id }).from(sessions).where(eq(sessions.id, user.sessionId))
        const erased = await tx
          .delete(users)
          .where(
            and(
              eq(users.id, user.id),
              eq(users.role, user.role),
              eq(users.password_hash, passwordHash),
              eq(users.blocked, false),
              exists(own),
            ),
          )
          .returning({ id: users.id })
        if (erased.length === 0) return 'changed'
        await removeUnreferenced(tx, unlistedFilms)
        return 'done'
      })
    },
  }
}

export type AccountRepository = ReturnType<typeof createAccountRepository>

/** The user's films that were made here and are no longer listed. */
async function findUnlistedFilms(tx: Db, userId: number): Promise<number[]> {
  const rows = await tx
    .select({ id: films.id })
    .from(films)
    .where(sql`${films.id} >= ${minOwnId} and not ${films.listed} and (${anyOf(sql`user_id = ${userId}`)})`)
  return rows.map((row) => row.id)
}

/**
 * Deletes films made here that no list and no rating refers to, as when a film leaves the catalogue. Rows that another
 * transaction has locked stay.
 */
async function removeUnreferenced(tx: Db, ids: number[]): Promise<void> {
  if (ids.length === 0) return
  const lockedRows = await tx
    .select({ id: films.id })
    .from(films)
    .where(inArray(films.id, ids))
    .for('update', { skipLocked: true })
  const locked = lockedRows.map((row) => row.id)
  if (locked.length === 0) return
  // A statement of its own, so that it sees references that were added before the lock.
  await tx.delete(films).where(sql`${inArray(films.id, locked)} and not ${films.listed} and not (${anyOf(sql`true`)})`)
}

/** Whether the film is in a list, or rated, where `condition` holds. */
function anyOf(condition: SQL): SQL {
  return sql.join(
    lists.map((list) => sql`exists (select from ${list} where film_id = films.id and ${condition})`),
    sql` or `,
  )
}
