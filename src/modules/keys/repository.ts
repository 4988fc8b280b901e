import { and, asc, eq, inArray, sql } from 'drizzle-orm'
import { deleteInBatches } from '../../db/cleanup.ts'
import type { Db } from '../../db/connect.ts'
import { apiKeys, type KeyScope } from '../../db/schema/api-keys.ts'
import { sessions } from '../../db/schema/sessions.ts'
import { users } from '../../db/schema/users.ts'

export interface NewKey {
  name: string
  hash: Buffer
  scopes: KeyScope[]
  daily_limit: number | null
  expires_at: Date | null
}

export type KeyChange = { [name in keyof Omit<NewKey, 'hash'>]?: NewKey[name] | undefined }

export const maxKeys = 50
/** For how long an expired key is still listed, and named where its calls are. */
const expiredDays = 31

// Never the hash.
const columns = {
  id: apiKeys.id,
  name: apiKeys.name,
  scopes: apiKeys.scopes,
  created_at: apiKeys.created_at,
  expires_at: apiKeys.expires_at,
  daily_limit: apiKeys.daily_limit,
  last_used_at: apiKeys.last_used_at,
}

export function createKeyRepository(db: Db) {
  const own = (id: number, userId: number) => and(eq(apiKeys.id, id), eq(apiKeys.user_id, userId))
  const valid = db
    .select({
      id: apiKeys.id,
      userId: apiKeys.user_id,
      scopes: apiKeys.scopes,
      dailyLimit: apiKeys.daily_limit,
      seconds_left: sql<number | null>`extract(epoch from ${apiKeys.expires_at} - clock_timestamp())::float8`,
    })
    .from(apiKeys)
    .innerJoin(users, eq(users.id, apiKeys.user_id))
    .where(and(eq(apiKeys.hash, sql.placeholder('hash')), eq(users.blocked, false)))
    .prepare('keys_valid')

  return {
    /** By its hash, with the seconds until it expires; not that of a blocked user. */
    async findByHash(hash: Buffer) {
      const [row] = await valid.execute({ hash })
      return row
    },

    list: (userId: number) =>
      db.select(columns).from(apiKeys).where(eq(apiKeys.user_id, userId)).orderBy(asc(apiKeys.id)).limit(maxKeys),

    /**
     * For a session that lives: the end of all sessions, as by a password reset, must not leave a key that is made just
     * then. Expired keys make room.
     */
    insert(userId: number, sessionId: string, key: NewKey) {
      return db.transaction(async (tx) => {
        // In the order of what ends sessions: the user first.
        const [user] = await tx
          .select({ blocked: users.blocked })
          .from(users)
          .where(eq(users.id, userId))
          .for('no key update')
        const [session] = await tx
          .select({ id: sessions.id })
          .from(sessions)
          .where(and(eq(sessions.id, sessionId), eq(sessions.user_id, userId)))
        if (!session || user?.blocked !== false) return 'session ended'
        const keys = await tx
          .select({
            id: apiKeys.id,
            expired: sql<boolean>`coalesce(${apiKeys.expires_at} <= clock_timestamp(), false)`,
          })
          .from(apiKeys)
          .where(eq(apiKeys.user_id, userId))
        if (keys.length >= maxKeys) {
          const expired = keys.filter((each) => each.expired).map(({ id }) => id)
          if (expired.length === 0) return 'too many'
          await tx.delete(apiKeys).where(inArray(apiKeys.id, expired))
        }
        const [row] = await tx
          .insert(apiKeys)
          .values({ ...key, user_id: userId })
          .returning(columns)
        return row ?? 'session ended'
      })
    },

    /** Undefined: the user has no such key. Without a change, as it is. */
    async update(id: number, userId: number, change: KeyChange) {
      const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
      if (Object.keys(given).length === 0) {
        const [row] = await db.select(columns).from(apiKeys).where(own(id, userId))
        return row
      }
      const [row] = await db.update(apiKeys).set(given).where(own(id, userId)).returning(columns)
      return row
    },

    /** True when the user had such a key. */
    async remove(id: number, userId: number): Promise<boolean> {
      const rows = await db.delete(apiKeys).where(own(id, userId)).returning({ id: apiKeys.id })
      return rows.length > 0
    },

    async noteUse(ids: number[]): Promise<void> {
      await db.update(apiKeys).set({ last_used_at: sql`clock_timestamp()` }).where(inArray(apiKeys.id, ids))
    },

    /** Removes keys that expired long ago. */
    deleteExpired: (signal?: AbortSignal) =>
      deleteInBatches(db, apiKeys, sql`${apiKeys.expires_at} < now() - ${expiredDays} * interval '1 day'`, signal),
  }
}

export type KeyRepository = ReturnType<typeof createKeyRepository>
