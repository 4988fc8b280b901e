import { type SQL, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { kinopoiskRates as rates } from '../../db/schema/kinopoisk.ts'
import { maxRetryAfterSeconds } from '../failures.ts'

/** Calls that upstream allows in any second: of all kinds together, and of some kinds of their own. */
export const callsPerSecond = { overall: 20, search: 5, votes: 2, account: 2 }
export type Rate = keyof typeof callsPerSecond

/** Longer than upstream's second: two calls may arrive closer together than they were sent. */
export const windowMs = 1_200

/** When the last slots were granted, over all replicas, by the database's clock. */
export function createRateRepository(db: Db, keyHash: string) {
  const names = Object.keys(callsPerSecond) as Rate[]
  // A moment in the future is from a clock that has been put back since.
  const waits = (rate: Rate): SQL => {
    const first = sql`${sql.identifier(rate)}[cardinality(${sql.identifier(rate)}) - ${callsPerSecond[rate] - 1}::integer]`
    return sql`case when ${first} between now - ${window} and now then ${first} + ${window} end`
  }
  const pushed = (rate: Rate): SQL => {
    const all = sql`due.${sql.identifier(rate)}`
    return sql`${sql.identifier(rate)} = (${all} || due.now)[cardinality(${all}) + 2 - ${callsPerSecond[rate]}::integer:]`
  }

  async function tryOnce(rate: Rate): Promise<number | undefined> {
    const counted = names.filter((name) => name === 'overall' || name === rate)
    const pause = sql`case when paused_until <= now + ${maxRetryAfterSeconds} * interval '1 second' then paused_until end`
    // The clock is read behind the lock: a slot that was waited for does not lie in the past.
    const [row] = await db.execute<{ wait: number }>(sql`
      with locked as materialized (select * from ${rates} where key_hash = ${keyHash} for update),
      timed as materialized (select locked.*, clock_timestamp() as now from locked),
      due as materialized (
        select timed.*, greatest(now, ${pause}, ${sql.join(counted.map(waits), sql`, `)}) as at from timed
      ),
      granted as (
        update ${rates} set ${sql.join(counted.map(pushed), sql`, `)}
        from due where ${rates.key_hash} = due.key_hash and due.at <= due.now
      )
      select ceil(extract(epoch from at - now) * 1000)::integer as wait from due`)
    return row?.wait
  }

  return {
    /** Grants a slot now (0), or returns after how many ms to try again. */
    async take(rate: Rate): Promise<number> {
      const wait = await tryOnce(rate)
      if (wait !== undefined) return wait
      await db.insert(rates).values({ key_hash: keyHash }).onConflictDoNothing()
      return (await tryOnce(rate)) ?? 0
    },

    /** Grants no slot for a time. */
    async pause(seconds: number): Promise<void> {
      const until = sql`clock_timestamp() + ${Math.min(seconds, maxRetryAfterSeconds)} * interval '1 second'`
      await db
        .insert(rates)
        .values({ key_hash: keyHash, paused_until: until })
        .onConflictDoUpdate({
          target: rates.key_hash,
          set: { paused_until: sql`greatest(${rates.paused_until}, ${until})` },
        })
    },
  }
}

const window = sql`${windowMs} * interval '1 millisecond'`

export type RateRepository = ReturnType<typeof createRateRepository>
