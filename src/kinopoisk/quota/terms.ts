import { type SQL, sql } from 'drizzle-orm'
import { kinopoiskAccounts as accounts } from '../../db/schema/kinopoisk.ts'
import { reservedUntil } from './shares.ts'

export interface TermsOptions {
  /** Identifies the key without revealing it. */
  keyHash: string
  /** Calls a day as configured, -1 without limit; undefined: the limit of the key's account. */
  configured: number | undefined
  resetTz: string
}

// The limit of a free key, until the account was polled.
const defaultLimit = 500

/**
 * The rows `today` and `terms` of a statement: the day by the database's clock, and what the key's account allows. The
 * day's bounds are by the clock of the zone: a day of its summer time has 23 or 25 hours.
 */
export function dayTerms({ keyHash, configured, resetTz }: TermsOptions): SQL {
  return sql`
    moment as materialized (select clock_timestamp() as now),
    today as materialized (
      select now, day,
        day::timestamp at time zone ${resetTz}::text as starts,
        (day + 1)::timestamp at time zone ${resetTz}::text as ends
      from moment, lateral (select (now at time zone ${resetTz}::text)::date as day) as local
    ),
    terms as materialized (
      select now, day, ends, checked_at, starts + (ends - starts) * ${reservedUntil}::float8 as releases,
        (extract(epoch from now - starts) / extract(epoch from ends - starts))::float8 as elapsed,
        case when daily_limit is null then nullif(${configured ?? defaultLimit}::integer, -1)
          else least(nullif(daily_limit, -1), nullif(${configured ?? -1}::integer, -1)) end as max_calls,
        case when blocked_until > now then blocked end as blocked, blocked_at, blocked_until
      from today left join ${accounts} on ${accounts.key_hash} = ${keyHash}
    )`
}
