import { and, desc, eq, exists, gt, ne, sql } from 'drizzle-orm'
import { deleteInBatches } from '../../db/cleanup.ts'
import type { Db } from '../../db/connect.ts'
import { sessions } from '../../db/schema/sessions.ts'
import { users } from '../../db/schema/users.ts'

type Columns = Pick<typeof sessions.$inferInsert, 'id' | 'user_id' | 'refresh_hash' | 'user_agent' | 'ip'>

export interface NewSession extends Columns {
  ttlMs: number
}

// Enough for any number of devices and robots; the list of them stays readable.
const maxSessions = 500

/** Made by the clock by which it is judged. */
const expiry = (ms: number) => sql`now() + ${ms}::float8 * interval '1 millisecond'`

export function createSessionRepository(db: Db) {
  const isAlive = gt(sessions.expires_at, sql`now()`)
  const live = db
    .select({
      id: users.id,
      role: users.role,
      seconds_left: sql<number>`extract(epoch from ${sessions.expires_at} - now())::float8`,
    })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.user_id))
    .where(
      and(
        eq(sessions.id, sql.placeholder('sessionId')),
        eq(sessions.user_id, sql.placeholder('userId')),
        eq(users.blocked, false),
        isAlive,
      ),
    )
    .prepare('auth_live_session')
  const unblocked = db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.id, sessions.user_id), eq(users.blocked, false)))
  return {
    /**
     * Opens a session and notes its network as known. Ends sessions beyond 500, the longest unused first. False, and
     * nothing done, when the user was blocked or has another hash by now: checking a password takes its time.
     */
    async insert(session: NewSession, passwordHash: string, network: string): Promise<boolean> {
      const value = (name: keyof Columns) => sql.param(session[name], sessions[name])
      // One statement: as a transaction of many it takes longer than all else of a login but the hash.
      const opened = await db.execute(sql`
        with account as (
          select id from users
          where id = ${session.user_id} and password_hash = ${passwordHash} and not blocked for share
        ), opened as (
          insert into sessions (id, user_id, refresh_hash, expires_at, user_agent, ip)
          select ${value('id')}::uuid, account.id, ${value('refresh_hash')}::bytea, ${expiry(session.ttlMs)},
            ${value('user_agent')}::text, ${value('ip')}::text
          from account
        ), known as (
          insert into known_networks (user_id, network) select account.id, ${network} from account
          on conflict (user_id, network) do update set last_login_at = now()
        ), ended as (
          delete from sessions where id in (
            select sessions.id from sessions, account where user_id = account.id
            -- The new one is not among them.
            order by last_used_at desc offset ${maxSessions - 1}
          )
        )
        select id from account`)
      return opened.length > 0
    },

    /** The user of a session that is alive now. */
    async findLive(sessionId: string, userId: number) {
      const [row] = await live.execute({ sessionId, userId })
      return row
    },

    /** Replaces the token of `from` by its child, if `from` is still the good one. One statement, so only one wins. */
    async rotate(sessionId: string, from: Buffer, { ttlMs, ...next }: Omit<NewSession, 'id' | 'user_id'>) {
      const [row] = await db
        .update(sessions)
        .set({
          ...next,
          expires_at: expiry(ttlMs),
          generation: sql`${sessions.generation} + 1`,
          rotated_at: sql`now()`,
          last_used_at: sql`now()`,
        })
        .where(and(eq(sessions.id, sessionId), eq(sessions.refresh_hash, from), isAlive, exists(unblocked)))
        .returning({ user_id: sessions.user_id })
      return row
    },

    async find(sessionId: string) {
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

    /** Those alive, the last used first. */
    list(userId: number) {
      return db
        .select({
          id: sessions.id,
          created_at: sessions.created_at,
          last_used_at: sessions.last_used_at,
          expires_at: sessions.expires_at,
          user_agent: sessions.user_agent,
          ip: sessions.ip,
        })
        .from(sessions)
        .where(and(eq(sessions.user_id, userId), isAlive))
        .orderBy(desc(sessions.last_used_at), sessions.id)
        .limit(maxSessions)
    },

    /** True when there was such a session of the user. */
    async remove(sessionId: string, userId: number): Promise<boolean> {
      const rows = await db
        .delete(sessions)
        .where(and(eq(sessions.id, sessionId), eq(sessions.user_id, userId)))
        .returning({ id: sessions.id })
      return rows.length > 0
    },

    async removeOthers(sessionId: string, userId: number): Promise<void> {
      await db.delete(sessions).where(and(eq(sessions.user_id, userId), ne(sessions.id, sessionId)))
    },

    deleteExpired: (signal?: AbortSignal) =>
      deleteInBatches(db, sessions, sql`${sessions.expires_at} <= now()`, signal),
  }
}

export type SessionRepository = ReturnType<typeof createSessionRepository>
