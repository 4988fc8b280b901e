import { type SQL, sql } from 'drizzle-orm'
import { deleteInBatches } from '../../db/cleanup.ts'
import type { Db } from '../../db/connect.ts'
import { kinopoiskSpending as spending, kinopoiskUsage as usage } from '../../db/schema/kinopoisk.ts'
import {
  kinopoiskEndpointCalls as endpointCalls,
  kinopoiskKeySpending as keySpending,
  kinopoiskReservations as reservations,
} from '../../db/schema/kinopoisk-budgets.ts'
import type { Purpose } from '../request.ts'

/** Until when a process is believed to be alive that does not extend its reservations; with the polls, less than 60 s. */
export const holdFor = sql`clock_timestamp() + interval '30 s'`
// Longer than any call takes: until then it may turn out that it was never sent.
const sentFor = sql`interval '1 hour'`
const atOnce = 1_000

/** What becomes of charged calls that are not sent: sent ones stay spent. */
export function createReservations(db: Db, { keyHash, holder }: { keyHash: string; holder: string }) {
  /** Refunds what `which` finds. Each reservation is deleted by one statement alone, so it is refunded once. */
  async function refundWhere(which: SQL): Promise<number> {
    const [row] = await db.execute<{ refunded: number }>(sql`
      with days as materialized (
        select distinct day from ${reservations} where key_hash = ${keyHash} and ${which}
      ),
      locked as materialized (
        select * from ${usage} where key_hash = ${keyHash} and day in (select day from days) order by day for update
      ),
      gone as (
        delete from ${reservations} where key_hash = ${keyHash} and day in (select day from locked) and ${which}
        returning day, purpose, endpoint, user_id, network, api_key_id
      ),
      by_day as (select day, ${calls} from gone group by day),
      by_caller as (
        select day, user_id, null::text as network, ${calls} from gone where user_id is not null group by day, user_id
        union all
        select day, null, network, ${calls} from gone where network is not null group by day, network
      ),
      by_key as (select day, api_key_id, ${calls} from gone where api_key_id is not null group by day, api_key_id),
      by_endpoint as (select day, endpoint, count(*)::integer as calls from gone group by day, endpoint),
      refunded_day as (
        update ${usage} set ${less(usage, 'by_day', ['interactive', 'refresh', 'import'])} from by_day
        where ${usage.key_hash} = ${keyHash} and ${usage.day} = by_day.day
      ),
      refunded_caller as (
        update ${spending} set ${less(spending, 'by_caller', ['interactive', 'import'])} from by_caller
        where ${spending.key_hash} = ${keyHash} and ${spending.day} = by_caller.day
          and (${spending.user_id} = by_caller.user_id or ${spending.network} = by_caller.network)
      ),
      refunded_key as (
        update ${keySpending} set ${less(keySpending, 'by_key', ['interactive', 'import'])} from by_key
        where ${keySpending.key_hash} = ${keyHash} and ${keySpending.day} = by_key.day
          and ${keySpending.api_key_id} = by_key.api_key_id
      ),
      refunded_endpoint as (
        update ${endpointCalls} set calls = greatest(0, ${endpointCalls.calls} - by_endpoint.calls) from by_endpoint
        where ${endpointCalls.key_hash} = ${keyHash} and ${endpointCalls.day} = by_endpoint.day
          and ${endpointCalls.endpoint} = by_endpoint.endpoint
      )
      select count(*)::integer as refunded from gone`)
    return row?.refunded ?? 0
  }

  return {
    /** Refunds a call that was not sent. False: that was done already. */
    async refund(reservation: number): Promise<boolean> {
      return (await refundWhere(sql`id = ${reservation}`)) > 0
    },

    /** Says that this process lives: its calls wait for their slots. */
    async extend(): Promise<void> {
      await db.execute(sql`update ${reservations} set expires_at = ${holdFor} where holder = ${holder} and not sent`)
    },

    /** Refunds what processes that have died have reserved and not sent; how many. */
    refundExpired: () =>
      refundWhere(sql`id in (
        select id from ${reservations} where not sent and expires_at <= clock_timestamp()
        order by expires_at limit ${atOnce}
      ) and not sent and expires_at <= clock_timestamp()`),

    /** Removes reservations of calls that have ended long ago. */
    deleteOldReservations: (signal?: AbortSignal) =>
      deleteInBatches(db, reservations, sql`sent and expires_at < clock_timestamp() - ${sentFor}`, signal),
  }
}

const calls = sql.join(
  (['interactive', 'refresh', 'import'] satisfies Purpose[]).map(
    (purpose) =>
      sql`count(*) filter (where purpose = ${sql.raw(`'${purpose}'`)})::integer as ${sql.identifier(purpose)}`,
  ),
  sql`, `,
)

type Counted = typeof usage | typeof spending | typeof keySpending

/** Each column less what the row of `by` has counted. */
function less(table: Counted, by: string, columns: Purpose[]): SQL {
  return sql.join(
    columns.map((name) => {
      const column = sql.identifier(name)
      return sql`${column} = greatest(0, ${table}.${column} - ${sql.identifier(by)}.${column})`
    }),
    sql`, `,
  )
}
