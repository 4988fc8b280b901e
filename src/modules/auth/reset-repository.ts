import { eq, gt, sql } from 'drizzle-orm'
import { deleteInBatches } from '../../db/cleanup.ts'
import type { Db } from '../../db/connect.ts'
import { apiKeys } from '../../db/schema/api-keys.ts'
import { knownNetworks } from '../../db/schema/known-networks.ts'
import { passwordResets } from '../../db/schema/password-resets.ts'
import { sessions } from '../../db/schema/sessions.ts'
import { users } from '../../db/schema/users.ts'

const isValid = gt(passwordResets.expires_at, sql`now()`)

/** The one-time tokens for a new password, one of an account at most. */
export function createResetRepository(db: Db) {
  return {
    /** Stores the hash in place of an earlier one; when it expires. @returns undefined: no such user; 'blocked' */
    async save(userId: number, tokenHash: Buffer, hours: number): Promise<Date | 'blocked' | undefined> {
      return db.transaction(async (tx) => {
        const user = await lockUser(tx, userId)
        if (!user) return undefined
        if (user.blocked) return 'blocked'
        const row = { token_hash: tokenHash, expires_at: sql`now() + ${hours}::integer * interval '1 hour'` }
        const [saved] = await tx
          .insert(passwordResets)
          .values({ user_id: userId, ...row })
          .onConflictDoUpdate({ target: passwordResets.user_id, set: row })
          .returning({ expiresAt: passwordResets.expires_at })
        return saved?.expiresAt
      })
    },

    /** The account of a valid token. */
    async find(tokenHash: Buffer) {
      const [row] = await db
        .select({ userId: users.id, login: users.login })
        .from(passwordResets)
        .innerJoin(users, eq(users.id, passwordResets.user_id))
        .where(sql`${passwordResets.token_hash} = ${tokenHash} and ${isValid} and not ${users.blocked}`)
      return row
    },

    /**
     * Spends the token: the new password, the end of all sessions and keys, and the network as a known one. False, and nothing
     * done, when the token is not valid any more: hashing takes its time.
     */
    async redeem(userId: number, tokenHash: Buffer, passwordHash: string, network: string): Promise<boolean> {
      return db.transaction(async (tx) => {
        if ((await lockUser(tx, userId))?.blocked !== false) return false
        const spent = await tx
          .delete(passwordResets)
          .where(
            sql`${passwordResets.user_id} = ${userId} and ${passwordResets.token_hash} = ${tokenHash} and ${isValid}`,
          )
          .returning({ user_id: passwordResets.user_id })
        if (spent.length === 0) return false
        await tx.update(users).set({ password_hash: passwordHash, updated_at: sql`now()` }).where(eq(users.id, userId))
        await tx.delete(sessions).where(eq(sessions.user_id, userId))
        await tx.delete(apiKeys).where(eq(apiKeys.user_id, userId))
        await tx
          .insert(knownNetworks)
          .values({ user_id: userId, network })
          .onConflictDoUpdate({
            target: [knownNetworks.user_id, knownNetworks.network],
            set: { last_login_at: sql`now()` },
          })
        return true
      })
    },

    deleteExpired: (signal?: AbortSignal) => deleteInBatches(db, passwordResets, sql`not ${isValid}`, signal),
  }
}

export type ResetRepository = ReturnType<typeof createResetRepository>

/** Before its token, always: so that issuing, redeeming and blocking wait for each other. */
async function lockUser(tx: Db, userId: number) {
  const [user] = await tx
    .select({ blocked: users.blocked })
    .from(users)
    .where(eq(users.id, userId))
    .for('no key update')
  return user
}
