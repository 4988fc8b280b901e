import { and, eq, exists, gt, ne, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { sessions } from '../../db/schema/sessions.ts'
import { users } from '../../db/schema/users.ts'

export type NewUser = Pick<
  typeof users.$inferInsert,
  'login' | 'password_hash' | 'role' | 'age' | 'name' | 'surname' | 'favorite_genre'
>
export type NewSession = Pick<
  typeof sessions.$inferInsert,
  'id' | 'user_id' | 'refresh_hash' | 'expires_at' | 'user_agent' | 'ip'
>

/** Credentials and sessions. The only place that reads a password hash. */
export function createAuthRepository(db: Db) {
  const liveSession = db
    .select({ id: users.id, role: users.role })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.user_id))
    .where(
      and(
        eq(sessions.id, sql.placeholder('sessionId')),
        eq(sessions.user_id, sql.placeholder('userId')),
        eq(users.blocked, false),
        gt(sessions.expires_at, sql`now()`),
      ),
    )
    .prepare('auth_live_session')
  const unblocked = db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.id, sessions.user_id), eq(users.blocked, false)))
  return {
    async insertUser(user: NewUser): Promise<number> {
      const [row] = await db.insert(users).values(user).returning({ id: users.id })
      return (row as { id: number }).id
    },

    async findCredentials(login: string) {
      const [row] = await db
        .select({ id: users.id, password_hash: users.password_hash, blocked: users.blocked })
        .from(users)
        .where(eq(users.login, login))
      return row
    },

    async findPasswordHash(userId: number) {
      const [row] = await db
        .select({ login: users.login, password_hash: users.password_hash })
        .from(users)
        .where(eq(users.id, userId))
      return row
    },

    /** False, and no session, when the user was blocked or has another password by now: checking one takes its time. */
    async insertSession(session: NewSession, passwordHash: string): Promise<boolean> {
      return db.transaction(async (tx) => {
        const [user] = await tx
          .select({ id: users.id })
          .from(users)
          .where(and(eq(users.id, session.user_id), eq(users.password_hash, passwordHash), eq(users.blocked, false)))
          .for('share')
        if (user) await tx.insert(sessions).values(session)
        return user !== undefined
      })
    },

    /** The user of a session that is alive now; asked on every request. */
    async findLiveSession(sessionId: string, userId: number) {
      const [row] = await liveSession.execute({ sessionId, userId })
      return row
    },

    /** Replaces the token of `from` by its child, if `from` is still the good one. One statement, so only one wins. */
    async rotate(sessionId: string, from: Buffer, to: Buffer, expiresAt: Date) {
      const [row] = await db
        .update(sessions)
        .set({
          refresh_hash: to,
          generation: sql`${sessions.generation} + 1`,
          rotated_at: sql`now()`,
          last_used_at: sql`now()`,
          expires_at: expiresAt,
        })
        .where(
          and(
            eq(sessions.id, sessionId),
            eq(sessions.refresh_hash, from),
            gt(sessions.expires_at, sql`now()`),
            exists(unblocked),
          ),
        )
        .returning({ user_id: sessions.user_id })
      return row
    },

    async findSession(sessionId: string) {
      const [row] = await db
        .select({
          user_id: sessions.user_id,
          generation: sessions.generation,
          refresh_hash: sessions.refresh_hash,
          expired: sql<boolean>`${sessions.expires_at} <= now()`,
          seconds_since_rotation: sql<number>`extract(epoch from now() - ${sessions.rotated_at})::float8`,
        })
        .from(sessions)
        .where(eq(sessions.id, sessionId))
      return row
    },

    async deleteSession(sessionId: string): Promise<void> {
      await db.delete(sessions).where(eq(sessions.id, sessionId))
    },

    async deleteExpiredSessions(): Promise<void> {
      await db.delete(sessions).where(sql`${sessions.expires_at} <= now()`)
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
        if (row) await tx.delete(sessions).where(and(eq(sessions.user_id, user.id), ne(sessions.id, user.sessionId)))
        return row !== undefined
      })
    },

    async hasAdmin(): Promise<boolean> {
      const [row] = await db.select({ id: users.id }).from(users).where(eq(users.role, 'admin')).limit(1)
      return row !== undefined
    },

    /** Makes an administrator of `login`; an account that exists gets the new password and loses its sessions. */
    async upsertAdmin(login: string, passwordHash: string): Promise<void> {
      const admin = { password_hash: passwordHash, role: 'admin' as const }
      await db.transaction(async (tx) => {
        const [row] = await tx
          .insert(users)
          .values({ login, ...admin })
          .onConflictDoUpdate({ target: users.login, set: { ...admin, blocked: false, updated_at: sql`now()` } })
          .returning({ id: users.id })
        if (row) await tx.delete(sessions).where(eq(sessions.user_id, row.id))
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
  }
}

export type AuthRepository = ReturnType<typeof createAuthRepository>
