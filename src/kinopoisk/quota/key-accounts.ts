import { and, eq, lte, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { kinopoiskAccounts as accounts } from '../../db/schema/kinopoisk.ts'

/** The key's account, over all replicas: its limit by upstream, and why no call is sent. */
export function createKeyAccountRepository(db: Db, { keyHash, resetTz }: { keyHash: string; resetTz: string }) {
  const now = sql`clock_timestamp()`
  const midnight = sql`(date_trunc('day', ${now} at time zone ${resetTz}::text) + interval '1 day')
    at time zone ${resetTz}::text`
  const isBlocked = sql`${accounts.blocked_until} > ${now}`
  const ageOver = (age: string) => sql`${accounts.checked_at} <= ${now} - ${age}::interval`

  // A short block is polled soon, unless it comes back as soon.
  const first = sql`${accounts.checked_at} <= ${accounts.blocked_at} and ${accounts.blocked_at} <= ${now} - interval '15 s'
    and coalesce(${accounts.cleared_at} <= ${now} - interval '15 min', true)`
  const isUnknown = sql`${accounts.daily_limit} is null and ${ageOver('15 min')}`

  return {
    /** No call is sent until the next reset of the quota, or until the key is accepted. True when that is new. */
    async block(reason: 'quota' | 'key'): Promise<boolean> {
      const until = reason === 'quota' ? midnight : sql`timestamptz 'infinity'`
      const [row] = await db.execute<{ anew: boolean }>(sql`
        insert into ${accounts} (key_hash, blocked, blocked_at, blocked_until)
        values (${keyHash}, ${reason}, ${now}, ${until})
        on conflict (key_hash) do update set blocked = excluded.blocked, blocked_until = excluded.blocked_until,
          blocked_at = case when ${isBlocked} then ${accounts.blocked_at} else excluded.blocked_at end
        where not coalesce(${isBlocked} and ${accounts.blocked} = ${reason}, false)
        returning true as anew`)
      return row !== undefined
    },

    /** For one replica at a time: whether it must poll the account, if that was not done for `rest`; and on which day. */
    async claim(rest: '1 min' | '15 min' | '3 h'): Promise<{ blocked: boolean; day: string } | undefined> {
      const [row] = await db.execute<{ blocked: boolean; day: string }>(sql`
        insert into ${accounts} (key_hash, checked_at) values (${keyHash}, ${now})
        on conflict (key_hash) do update set checked_at = ${now}
        where ${accounts.checked_at} is null or ${ageOver(rest)} or (${isBlocked} and ${first}) or (${isUnknown})
        returning coalesce(${isBlocked}, false) as blocked, (${now} at time zone ${resetTz}::text)::date::text as day`)
      return row
    },

    /** The account by upstream; without a limit, the one known before stays. True when that ended a block. */
    async update({ limit, left }: { limit: number | undefined; left: boolean }): Promise<boolean> {
      if (limit !== undefined) {
        await db.update(accounts).set({ daily_limit: limit }).where(eq(accounts.key_hash, keyHash))
      }
      // A call that was refused since is newer than this.
      const cleared = await db
        .update(accounts)
        .set({ blocked: null, blocked_at: null, blocked_until: null, cleared_at: now })
        .where(
          and(
            eq(accounts.key_hash, keyHash),
            lte(accounts.blocked_at, accounts.checked_at),
            left ? undefined : eq(accounts.blocked, 'key'),
          ),
        )
        .returning({ key_hash: accounts.key_hash })
      return cleared.length > 0
    },
  }
}

export type KeyAccountRepository = ReturnType<typeof createKeyAccountRepository>
