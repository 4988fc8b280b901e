import { createHash, randomUUID } from 'node:crypto'
import { type SQL, sql } from 'drizzle-orm'
import { deleteInBatches } from '../../db/cleanup.ts'
import type { Db } from '../../db/connect.ts'
import { kinopoiskSpending as spending, kinopoiskUsage as usage } from '../../db/schema/kinopoisk.ts'
import {
  kinopoiskEndpointCalls as endpointCalls,
  kinopoiskEndpointResults as endpointResults,
  kinopoiskKeySpending as keySpending,
  kinopoiskUserResults as userResults,
} from '../../db/schema/kinopoisk-budgets.ts'
import { type Purpose, purposes } from '../request.ts'
import { createCharges } from './charges.ts'
import { createReservations } from './reservations.ts'
import { dayTerms } from './terms.ts'

export type QuotaConsumer = Purpose | 'outside'
export const quotaConsumers = [...purposes, 'outside'] as const

export interface Balance {
  /** Calls a day; -1 is no limit. */
  limit: number
  spent: Record<QuotaConsumer, number>
  /** The most that a user has spent. */
  spentByUserMax: number
  /** From when on what is reserved is released. */
  releasesAt: Date
  resetsAt: Date
  resetsInSeconds: number
  blocked: { reason: 'quota' | 'key'; since: Date; until: Date | null } | null
  checkedAt: Date | null
}

const slack = 20

export function hashKey(apiKey: string): string {
  return createHash('sha256').update(apiKey).digest('hex').slice(0, 16)
}

/** The day's spent quota, over all replicas, by the database's clock. */
export function createLedger(db: Db, options: Omit<Parameters<typeof createCharges>[1], 'holder'>) {
  const { keyHash } = options
  const holder = randomUUID()
  const today = dayTerms(options)
  const column = (purpose: QuotaConsumer) => sql.identifier(purpose)

  return {
    ...createCharges(db, { ...options, holder }),
    ...createReservations(db, { keyHash, holder }),

    async read(): Promise<Balance> {
      const [row] = await db.execute<Record<QuotaConsumer, number> & BalanceRow>(sql`
        with ${today}
        select coalesce(max_calls, -1) as max_calls, blocked, ${ms(sql`blocked_at`)} as since, ${ms(sql`blocked_until`)} as until,
          ${ms(sql`checked_at`)} as checked, ${ms(sql`ends`)} as ends, extract(epoch from ends - now)::float8 as seconds,
          ${ms(sql`releases`)} as releases, (
            select coalesce(max(interactive + import), 0) from ${spending}
            where key_hash = ${keyHash} and day = terms.day and network is null
          ) as by_user,
          ${sql.join(
            quotaConsumers.map((consumer) => sql`coalesce(${usage[consumer]}, 0) as ${column(consumer)}`),
            sql`, `,
          )}
        from terms left join ${usage} on ${usage.key_hash} = ${keyHash} and ${usage.day} = terms.day`)
      if (!row) throw new Error('a select without where has one row')
      const { interactive, refresh, import: imported, outside } = row
      return {
        limit: row.max_calls,
        spent: { interactive, refresh, import: imported, outside },
        spentByUserMax: row.by_user,
        releasesAt: new Date(row.releases),
        resetsAt: new Date(row.ends),
        resetsInSeconds: row.seconds,
        blocked: row.blocked && { reason: row.blocked, since: new Date(row.since ?? 0), until: date(row.until) },
        checkedAt: date(row.checked),
      }
    },

    /** The calls of today by those users and keys that have spent most, in their order and without their names. */
    async readRanks(ranks: number): Promise<Record<'user' | 'key', number[]>> {
      const top = (calls: SQL) => sql`coalesce((
        select json_agg(calls) from (select calls from (${calls}) as each order by calls desc limit ${ranks}) as top
      ), '[]')`
      const ofDay = sql`key_hash = ${keyHash} and day = (select day from terms)`
      const [row] = await db.execute<{ user: number[]; key: number[] }>(sql`
        with ${today} select
          ${top(sql`select interactive + "import" as calls from ${spending} where ${ofDay} and network is null`)} as "user",
          ${top(sql`select interactive + "import" as calls from ${keySpending} where ${ofDay}`)} as "key"`)
      return row ?? { user: [], key: [] }
    },

    /** Removes what neither a share nor a report depends on any more. */
    async deleteOld(signal?: AbortSignal): Promise<void> {
      const isOld = sql`day < (clock_timestamp() - interval '35 days')::date`
      for (const table of [spending, keySpending, endpointCalls, endpointResults, userResults])
        await deleteInBatches(db, table, isOld, signal)
    },

    /**
     * Upstream has counted `used` calls on that day, which is of no use once it is over. The difference is those made
     * outside, or, below 0, those that an early reset dropped. Calls that we have counted and upstream not yet are no
     * difference, unless no call is under way.
     */
    async reconcile(used: number, { quiet, day }: { quiet: boolean; day: string }): Promise<void> {
      const ours = sql`${usage.interactive} + ${usage.refresh} + ${usage.import}`
      const margin = quiet ? 0 : slack
      await db.execute(sql`
        with ${today}
        insert into ${usage} (key_hash, day, outside) select ${keyHash}, day, ${used}::integer from terms where day = ${day}::date
        on conflict (key_hash, day) do update set outside = ${used}::integer - (${ours})
        where ${used}::integer not between ${ours} + ${usage.outside} - ${margin}::integer and ${ours} + ${usage.outside}`)
    },
  }
}

export type Ledger = ReturnType<typeof createLedger>

interface BalanceRow extends Record<string, unknown> {
  max_calls: number
  blocked: 'quota' | 'key' | null
  since: number | null
  until: number | null
  checked: number | null
  ends: number
  releases: number
  by_user: number
  seconds: number
}

/** As a number: the driver and Date read infinity, and each other's text, differently. */
function ms(moment: SQL): SQL {
  return sql`(extract(epoch from ${moment}) * 1000)::float8`
}

function date(ms: number | null): Date | null {
  return ms === null || ms === Number.POSITIVE_INFINITY ? null : new Date(ms)
}
