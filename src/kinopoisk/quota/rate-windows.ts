import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { kinopoiskRates as rates } from '../../db/schema/kinopoisk.ts'
import { kinopoiskReservations as reservations } from '../../db/schema/kinopoisk-budgets.ts'
import { maxRetryAfterSeconds } from '../failures.ts'

/** Calls that upstream allows in any second: of all kinds together, and of some kinds of their own. */
export const callsPerSecond = { overall: 20, search: 5, votes: 2, account: 2 }
export type Rate = keyof typeof callsPerSecond

/** Longer than upstream's second: two calls may arrive closer together than they were sent. */
export const windowMs = 1_200

/** A slot is granted (0), or after how many ms to try again; `lost`: the call's reservation is gone, so it has none. */
export type Taken = number | 'lost'

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

  // With the slot, so that nothing comes between that and the first byte.
  const setSent = (reservation: number) => sql`
    update ${reservations} set sent = true from due
    where ${reservations.id} = ${reservation} and not sent and due.at <= due.now returning id`

  async function tryOnce(rate: Rate, reservation: number | undefined): Promise<Taken | undefined> {
    const counted = names.filter((name) => name === 'overall' || name === rate)
    const pause = sql`case when paused_until <= now + ${maxRetryAfterSeconds} * interval '1 second' then paused_until end`
    // The clock is read behind the lock: a slot that was waited for does not lie in the past.
    const isThere = reservation === undefined ? sql`true` : sql`exists (select from sending)`
    const [row] = await db.execute<{ wait: number; there: boolean }>(sql`
      with locked as materialized (select * from ${rates} where key_hash = ${keyHash} for update),
      timed as materialized (select locked.*, clock_timestamp() as now from locked),
      due as materialized (
        select timed.*, greatest(now, ${pause}, ${sql.join(counted.map(waits), sql`, `)}) as at from timed
      ),
      ${reservation === undefined ? sql`` : sql`sending as (${setSent(reservation)}),`}
      granted as (
        update ${rates} set ${sql.join(counted.map(pushed), sql`, `)}
        from due where ${rates.key_hash} = due.key_hash and due.at <= due.now and ${isThere}
      )
      select ceil(extract(epoch from at - now) * 1000)::integer as wait, ${isThere} as there from due`)
    return row && row.wait <= 0 && !row.there ? 'lost' : row?.wait
  }

  return {
    /** Grants a slot now, to the call that has the reservation: it counts as sent from then on. */
    async take(rate: Rate, reservation?: number): Promise<Taken> {
      const taken = await tryOnce(rate, reservation)
      if (taken !== undefined) return taken
      await db.insert(rates).values({ key_hash: keyHash }).onConflictDoNothing()
      return (await tryOnce(rate, reservation)) ?? 0
    },

    /** For a call that got the slot of another one. False: its reservation is gone. */
    async setSent(reservation: number): Promise<boolean> {
      const rows = await db
        .update(reservations)
        .set({ sent: true })
        .where(and(eq(reservations.id, reservation), eq(reservations.sent, false)))
        .returning({ id: reservations.id })
      return rows.length > 0
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
