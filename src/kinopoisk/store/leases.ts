import { eq, sql } from 'drizzle-orm'
import { deleteInBatches } from '../../db/cleanup.ts'
import type { Database } from '../../db/connect.ts'
import { kinopoiskLeases as leases } from '../../db/schema/kinopoisk.ts'
import type { Failed } from '../failures.ts'

const channel = 'kinopoisk_leases'

/**
 * Which replica calls upstream for which path: a row with an expiry by the database's clock. The end of a call is
 * announced by NOTIFY; a replica that misses it finds it in the row.
 */
export function createLeaseRepository({ db, sql: driver, ownsSessions }: Database) {
  const wakers = new Map<string, Set<() => void>>()
  const wake = (path: string) => {
    for (const each of wakers.get(path) ?? []) each()
  }
  const expiry = (ms: number) => sql`clock_timestamp() + ${ms} * interval '1 millisecond'`
  const mine = (path: string, holder: string) => sql`${leases.path} = ${path} and ${leases.holder} = ${holder}`

  return {
    /**
     * Listens to the ends of all calls from now on. Rejects when the database can't be reached; the driver listens
     * again by itself after. Behind a pooler in transaction mode nobody listens: the rows are looked at all the same.
     */
    async listen(): Promise<void> {
      if (ownsSessions) await driver.listen(channel, wake)
    },

    /** False while another holds it. */
    async take(path: string, holder: string, ms: number): Promise<boolean> {
      const taken = await db
        .insert(leases)
        .values({ path, holder, expires_at: expiry(ms) })
        .onConflictDoUpdate({
          target: leases.path,
          set: { holder, expires_at: expiry(ms), failure: null, retry_after: null },
          setWhere: sql`${leases.expires_at} <= clock_timestamp()`,
        })
        .returning({ path: leases.path })
      return taken.length > 0
    },

    /** Those that have not ended: a heartbeat may come behind the end. `held`: each holder with its path. */
    async extend(held: ReadonlyMap<string, string>, ms: number): Promise<void> {
      await db.execute(sql`
        update ${leases} set expires_at = ${expiry(ms)}
        from unnest(${sql.param([...held.keys()])}::text[], ${sql.param([...held.values()])}::text[]) as held (holder, path)
        where ${leases.path} = held.path and ${leases.holder} = held.holder::uuid and ${leases.failure} is null`)
    },

    async find(path: string) {
      const [row] = await db
        .select({
          holder: leases.holder,
          failure: leases.failure,
          retryAfter: leases.retry_after,
          isHeld: sql<boolean>`${leases.expires_at} > clock_timestamp()`,
        })
        .from(leases)
        .where(eq(leases.path, path))
      return row
    },

    /** Ends it; with `failure`, which stays in the row for waiting callers. */
    async release(path: string, holder: string, failure?: { outcome: Failed; retryAfter: number | null }) {
      const end = failure
        ? sql`update ${leases} set expires_at = clock_timestamp(), failure = ${failure.outcome},
            retry_after = ${failure.retryAfter} where ${mine(path, holder)} returning path`
        : sql`delete from ${leases} where ${mine(path, holder)} returning path`
      await db.execute(sql`with ended as (${end}) select pg_notify(${channel}, path) from ended`)
    },

    deleteExpired: (signal?: AbortSignal) =>
      deleteInBatches(db, leases, sql`${leases.expires_at} < clock_timestamp() - interval '1 minute'`, signal),

    /** Resolves when the path's call has ended, or after `ms`. */
    untilReleased(path: string, ms: number): Promise<void> {
      return new Promise((resolve) => {
        const waiting = wakers.get(path) ?? new Set()
        const done = () => {
          clearTimeout(timer)
          waiting.delete(done)
          if (waiting.size === 0) wakers.delete(path)
          resolve()
        }
        const timer = setTimeout(done, ms)
        wakers.set(path, waiting.add(done))
      })
    },
  }
}

export type LeaseRepository = ReturnType<typeof createLeaseRepository>
