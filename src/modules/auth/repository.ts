import { and, eq, exists, ne, sql } from 'drizzle-orm'
import { deleteInBatches } from '../../db/cleanup.ts'
import type { Db } from '../../db/connect.ts'
import { knownNetworks } from '../../db/schema/known-networks.ts'
import { passwordResets } from '../../db/schema/password-resets.ts'
import { sessions } from '../../db/schema/sessions.ts'
import { users } from '../../db/schema/users.ts'

export type NewUser = Pick<
  typeof users.$inferInsert,
  'login' | 'password_hash' | 'role' | 'age' | 'name' | 'surname' | 'favorite_genre'
>

/** Credentials. The only place that reads a password hash. */
export function createAuthRepository(db: Db) {
  const known = db
    .select({ user_id: knownNetworks.user_id })
    .from(knownNetworks)
    .where(and(eq(knownNetworks.user_id, users.id), eq(knownNetworks.network, sql.placeholder('network'))))
  const credentials = db
    .select({
      id: users.id,
      password_hash: users.password_hash,
      blocked: users.blocked,
      is_known_network: sql<boolean>`${exists(known)}`,
    })
    .from(users)
    .where(eq(users.login, sql.placeholder('login')))
    .prepare('auth_credentials')
  return {
    /** The new user's id; the network is noted as known. Undefined when the login is taken. */
    async insertUser(user: NewUser, network: string): Promise<number | undefined> {
      return db.transaction(async (tx) => {
        const [row] = await tx
          .insert(users)
          .values(user)
          .onConflictDoNothing({ target: users.login })
          .returning({ id: users.id })
        if (row) await tx.insert(knownNetworks).values({ user_id: row.id, network })
        return row?.id
      })
    },

    async findCredentials(login: string, network: string) {
      const [row] = await credentials.execute({ login, network })
      return row
    },

    async findByLogin(login: string) {
      const [row] = await db.select({ id: users.id }).from(users).where(eq(users.login, login))
      return row
    },

    async findPasswordHash(userId: number) {
      const [row] = await db
        .select({ login: users.login, password_hash: users.password_hash })
        .from(users)
        .where(eq(users.id, userId))
      return row
    },

    /** Another hash of the same password; nothing is done when it is not `from` any more. */
    async replaceHash(userId: number, from: string, to: string): Promise<void> {
      await db
        .update(users)
        .set({ password_hash: to })
        .where(and(eq(users.id, userId), eq(users.password_hash, from)))
    },

    /**
     * A new password, and the end of all sessions but the one named. False, and nothing done, when the password is not
     * `from` any more or the session has ended: hashing takes its time.
     */
    async replacePassword(user: { id: number; sessionId: string }, from: string, to: string): Promise<boolean> {
      return db.transaction(async (tx) => {
        const own = tx.select({ id: sessions.id }).from(sessions).where(eq(sessions.id, user.sessionId))
        const [row] = await tx
          .update(users)
          .set({ password_hash: to, updated_at: sql`now()` })
          .where(and(eq(users.id, user.id), eq(users.password_hash, from), exists(own)))
          .returning({ id: users.id })
        if (!row) return false
        await tx.delete(sessions).where(and(eq(sessions.user_id, user.id), ne(sessions.id, user.sessionId)))
        await tx.delete(passwordResets).where(eq(passwordResets.user_id, user.id))
        return true
      })
    },

    async hasAdmin(): Promise<boolean> {
      const [row] = await db.select({ id: users.id }).from(users).where(eq(users.role, 'admin')).limit(1)
      return row !== undefined
    },

    /** Makes an administrator of `login`; an account that exists gets the new password and loses its sessions and networks. */
    async upsertAdmin(login: string, passwordHash: string): Promise<void> {
      const admin = { password_hash: passwordHash, role: 'admin' as const }
      await db.transaction(async (tx) => {
        const [row] = await tx
          .insert(users)
          .values({ login, ...admin })
          .onConflictDoUpdate({ target: users.login, set: { ...admin, blocked: false, updated_at: sql`now()` } })
          .returning({ id: users.id })
        if (!row) return
        await tx.delete(sessions).where(eq(sessions.user_id, row.id))
        await tx.delete(knownNetworks).where(eq(knownNetworks.user_id, row.id))
        await tx.delete(passwordResets).where(eq(passwordResets.user_id, row.id))
      })
    },

    /** True when there was such a user. */
    async promote(login: string): Promise<boolean> {
      const rows = await db
        .update(users)
        .set({ role: 'admin', blocked: false, updated_at: sql`now()` })
        .where(eq(users.login, login))
        .returning({ id: users.id })
      return rows.length > 0
    },

    /** Deletes networks without a login for 90 days. */
    cleanupNetworks: (signal?: AbortSignal) =>
      deleteInBatches(db, knownNetworks, sql`${knownNetworks.last_login_at} < now() - interval '90 days'`, signal),
  }
}

export type AuthRepository = ReturnType<typeof createAuthRepository>
