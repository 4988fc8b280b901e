import { createHash } from 'node:crypto'
import { type SQL, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { kinopoiskAccounts as accounts, kinopoiskUsage as usage } from '../../db/schema/kinopoisk.ts'
import { type Purpose, purposes } from '../request.ts'

export interface LedgerOptions {
  /** Identifies the key without revealing it. */
  keyHash: string
  /** Calls a day as configured, -1 without limit; undefined: the limit of the key's account. */
  configured: number | undefined
  resetTz: string
  /** Whether refresh may spend as much as the bootstrap of popular films needs. */
  isBootstrapping?: (() => boolean) | undefined
}

export type QuotaConsumer = Purpose | 'outside'
export const quotaConsumers = [...purposes, 'outside'] as const

export interface Balance {
  /** Calls a day; -1 is no limit. */
  limit: number
  spent: Record<QuotaConsumer, number>
  resetsAt: Date
  resetsInSeconds: number
  blocked: { reason: 'quota' | 'key'; since: Date; until: Date | null } | null
  checkedAt: Date | null
}

// The limit of a free key, until the account was polled.
const defaultLimit = 500
// Of the day's quota; the rest is for users.
const shares = { refresh: 0.15, import: 0.05 }
// While most popular films are not known yet: one page has 20 of them.
const bootstrapShare = 0.5
// From this part of the day on, what refresh and import have not used is gradually released to users.
const reservedUntil = 0.75
const slack = 20

export function hashKey(apiKey: string): string {
  return createHash('sha256').update(apiKey).digest('hex').slice(0, 16)
}

/** The day's spent quota, over all replicas, by the database's clock. */
export function createLedger(db: Db, { keyHash, configured, resetTz, isBootstrapping }: LedgerOptions) {
  const refreshShare = () => (isBootstrapping?.() ? bootstrapShare : shares.refresh)
  const column = (purpose: QuotaConsumer) => sql.identifier(purpose)
  // Bounds of the day by the clock of the zone: a day of its summer time has 23 or 25 hours.
  const today = sql`
    moment as materialized (select clock_timestamp() as now),
    today as materialized (
      select now, day,
        day::timestamp at time zone ${resetTz}::text as starts,
        (day + 1)::timestamp at time zone ${resetTz}::text as ends
      from moment, lateral (select (now at time zone ${resetTz}::text)::date as day) as local
    ),
    terms as materialized (
      select now, day, ends, checked_at,
        (extract(epoch from now - starts) / extract(epoch from ends - starts))::float8 as elapsed,
        case when daily_limit is null then nullif(${configured ?? defaultLimit}::integer, -1)
          else least(nullif(daily_limit, -1), nullif(${configured ?? -1}::integer, -1)) end as max_calls,
        case when blocked_until > now then blocked end as blocked, blocked_at, blocked_until
      from today left join ${accounts} on ${accounts.key_hash} = ${keyHash}
    )`

  return {
    /** Charges a call to the day's quota; undefined when it must not be sent. Returns the day, for `refund`. */
    async reserve(purpose: Purpose): Promise<string | undefined> {
      const nothing = Object.fromEntries(quotaConsumers.map((consumer) => [consumer, sql`0`])) as Record<
        QuotaConsumer,
        SQL
      >
      const stored = Object.fromEntries(
        quotaConsumers.map((consumer) => [consumer, sql`${usage[consumer]}`]),
      ) as Record<QuotaConsumer, SQL>
      // A row that another transaction has locked is waited for and then read again, so that concurrent calls can't
      // both be the last.
      const [row] = await db.execute<{ day: string }>(sql`
        with ${today}
        insert into ${usage} (key_hash, day, ${column(purpose)})
        select ${keyHash}, day, 1 from terms where blocked is null and ${allows(purpose, nothing, refreshShare())}
        on conflict (key_hash, day) do update set ${column(purpose)} = ${usage[purpose]} + 1
        where (select ${allows(purpose, stored, refreshShare())} from terms)
        returning day::text`)
      return row?.day
    },

    /** Refunds a call that was not sent. */
    async refund(purpose: Purpose, day: string): Promise<void> {
      await db.execute(sql`
        update ${usage} set ${column(purpose)} = ${column(purpose)} - 1
        where key_hash = ${keyHash} and day = ${day}::date and ${column(purpose)} > 0`)
    },

    async read(): Promise<Balance> {
      const [row] = await db.execute<Record<QuotaConsumer, number> & BalanceRow>(sql`
        with ${today}
        select coalesce(max_calls, -1) as max_calls, blocked, ${ms(sql`blocked_at`)} as since, ${ms(sql`blocked_until`)} as until,
          ${ms(sql`checked_at`)} as checked, ${ms(sql`ends`)} as ends, extract(epoch from ends - now)::float8 as seconds,
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
        resetsAt: new Date(row.ends),
        resetsInSeconds: row.seconds,
        blocked: row.blocked && { reason: row.blocked, since: new Date(row.since ?? 0), until: date(row.until) },
        checkedAt: date(row.checked),
      }
    },

    /**
     * Upstream has counted `used` calls today. The difference is those made outside, or, below 0, those that an early
     * reset dropped. Calls that we have counted and upstream not yet are no difference, unless no call is under way.
     */
    async reconcile(used: number, { quiet }: { quiet: boolean }): Promise<void> {
      const ours = sql`${usage.interactive} + ${usage.refresh} + ${usage.import}`
      const margin = quiet ? 0 : slack
      await db.execute(sql`
        with ${today}
        insert into ${usage} (key_hash, day, outside) select ${keyHash}, day, ${used}::integer from terms
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
  seconds: number
}

/** Whether the day's row, `spent`, leaves a call for the purpose; over the row `terms`. */
function allows(purpose: Purpose, spent: Record<QuotaConsumer, SQL>, refreshShare: number): SQL {
  const all = sql`(${spent.interactive} + ${spent.refresh} + ${spent.import} + ${spent.outside})`
  const share = (of: keyof typeof shares) =>
    sql`round(max_calls * ${of === 'refresh' ? refreshShare : shares[of]}::numeric)`
  const left = (of: keyof typeof shares) => sql`greatest(0, ${share(of)} - ${spent[of]})`
  const reservedPart = sql`least(1, (1 - elapsed) / ${1 - reservedUntil}::float8)`
  // Far behind an even spend: a quiet day, with calls to spare.
  const quiet = sql`${all} < max_calls * elapsed / 2`
  const own = {
    interactive: sql`${all} < max_calls - (${left('refresh')} + ${left('import')}) * ${reservedPart}`,
    refresh: sql`(${spent.refresh} < least(${share('refresh')}, ${share('refresh')} * elapsed + 5) or ${quiet})`,
    import: sql`(${spent.import} < ${share('import')} or ${quiet})`,
  }
  return sql`(max_calls is null or (${all} < max_calls and ${own[purpose]}))`
}

/** As a number: the driver and Date read infinity, and each other's text, differently. */
function ms(moment: SQL): SQL {
  return sql`(extract(epoch from ${moment}) * 1000)::float8`
}

function date(ms: number | null): Date | null {
  return ms === null || ms === Number.POSITIVE_INFINITY ? null : new Date(ms)
}
