import { type SQL, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { apiKeys } from '../../db/schema/api-keys.ts'
import { kinopoiskSpending as spending, kinopoiskUsage as usage } from '../../db/schema/kinopoisk.ts'
import {
  kinopoiskEndpointCalls as endpointCalls,
  kinopoiskEndpointResults as endpointResults,
  kinopoiskKeySpending as keySpending,
  kinopoiskUserResults as userResults,
} from '../../db/schema/kinopoisk-budgets.ts'
import { users } from '../../db/schema/users.ts'
import { dayTerms, type TermsOptions } from './terms.ts'

/** Of the quota's calls those that were paid for, and how requests to the gateway ended. */
export interface UsageCounts {
  calls: number
  answers: number
  hits: number
  stale: number
  refused: number
  /** Answers that cost no call. */
  saved: number
}

interface CountsRow extends Record<string, unknown> {
  calls: number
  hits: number
  stale: number
  fetched: number
  refused: number
}

export interface UsageRange {
  /** Up to today, which counts as one. */
  days: number
}

/** What was spent, and what was saved, on the last days of the quota. */
export function createUsageReport(db: Db, options: TermsOptions) {
  const { keyHash } = options
  const range = ({ days }: UsageRange) => sql`
    ${dayTerms(options)}, range as materialized (select day as last, day - ${days - 1}::integer as first from terms)`
  const inRange = sql`day between (select first from range) and (select last from range)`
  const ofQuota = sql`key_hash = ${keyHash} and ${inRange}`
  async function run<Names>(statement: SQL): Promise<(Names & UsageCounts)[]> {
    const rows = await db.execute<CountsRow>(statement)
    return rows.map(({ calls, hits, stale, fetched, refused, ...names }) => ({
      ...(names as Names),
      ...countsOf({ calls, hits, stale, fetched, refused }),
    }))
  }

  return {
    /** The first and the last day. */
    async bounds(given: UsageRange) {
      const [row] = await db.execute<{ from: string; to: string }>(sql`
        with ${range(given)} select first::text as from, last::text as to from range`)
      return row ?? { from: '', to: '' }
    },

    /** All of them, also what nobody waited for. */
    async totals(given: UsageRange): Promise<UsageCounts> {
      const [row] = await run<object>(sql`
        with ${range(given)}
        select (select coalesce(sum(interactive + refresh + "import"), 0)::float8 from ${usage} where ${ofQuota}) as calls,
          ${sums} from ${endpointResults} where ${inRange}`)
      return row ?? countsOf()
    },

    byEndpoint: (given: UsageRange) =>
      run<{ endpoint: string }>(sql`
        with ${range(given)},
        spent as (select endpoint, sum(calls) as calls from ${endpointCalls} where ${ofQuota} group by endpoint),
        ended as (select endpoint, ${sums} from ${endpointResults} where ${inRange} group by endpoint)
        select endpoint, coalesce(calls, 0)::float8 as calls, ${ended} from spent full join ended using (endpoint)
        order by 2 desc, 3 desc, endpoint`),

    /** Those who have spent most. */
    byUser: (given: UsageRange, limit: number) =>
      run<{ user_id: number; login: string }>(sql`
        with ${range(given)},
        spent as (
          select user_id, sum(interactive + "import") as calls from ${spending}
          where ${ofQuota} and user_id is not null group by user_id
        ),
        ended as (select user_id, ${sums} from ${userResults} where ${inRange} group by user_id)
        select user_id, login, coalesce(calls, 0)::float8 as calls, ${ended}
        from spent full join ended using (user_id) join ${users} on ${users.id} = user_id
        order by 3 desc, 4 desc, user_id limit ${limit}`),

    /** The same of keys; of one user, also without a limit. A key that was deleted has no name. */
    byKey: (given: UsageRange, limit: number, userId: number | null = null) =>
      run<KeyRow>(sql`
        with ${range(given)},
        spent as (
          select api_key_id, sum(interactive + "import") as calls,
            sum(interactive + "import") filter (where day = (select last from range)) as today
          from ${keySpending} where ${ofQuota} group by api_key_id
        ),
        ended as (
          select api_key_id, max(user_id) as user_id, ${sums} from ${userResults}
          where ${inRange} and api_key_id > 0 group by api_key_id
        )
        select coalesce(api_key_id, ${apiKeys.id}) as key_id, ${apiKeys.name} as name, ${apiKeys.daily_limit} as daily_limit,
          coalesce(${apiKeys.user_id}, ended.user_id) as user_id, coalesce(today, 0)::float8 as calls_today,
          coalesce(calls, 0)::float8 as calls, ${ended}
        from spent full join ended using (api_key_id) full join ${apiKeys} on ${apiKeys.id} = api_key_id
        where ${userId}::integer is null and api_key_id is not null
          or coalesce(${apiKeys.user_id}, ended.user_id) = ${userId}::integer
        order by 6 desc, 7 desc, 1 limit ${limit}`),

    /** Of one user. */
    byDay: (given: UsageRange, userId: number) =>
      run<{ day: string }>(sql`
        with ${range(given)},
        days as (select generate_series(first, last, interval '1 day')::date as day from range),
        spent as (
          select day, sum(interactive + "import") as calls from ${spending}
          where ${ofQuota} and user_id = ${userId}::integer group by day
        ),
        ended as (select day, ${sums} from ${userResults} where ${inRange} and user_id = ${userId}::integer group by day)
        select day::text, coalesce(calls, 0)::float8 as calls, ${ended}
        from days left join spent using (day) left join ended using (day) order by days.day desc`),
  }
}

interface KeyRow {
  key_id: number
  name: string | null
  daily_limit: number | null
  user_id: number | null
  calls_today: number
}

const kinds = ['hits', 'stale', 'fetched', 'refused'] as const
const sums = sql.join(
  kinds.map((kind) => sql`coalesce(sum(${sql.identifier(kind)}), 0)::float8 as ${sql.identifier(kind)}`),
  sql`, `,
)
const ended = sql.join(
  kinds.map((kind) => sql`coalesce(ended.${sql.identifier(kind)}, 0)::float8 as ${sql.identifier(kind)}`),
  sql`, `,
)

const nothing = { calls: 0, hits: 0, stale: 0, fetched: 0, refused: 0 }

function countsOf({
  calls,
  hits,
  stale,
  fetched,
  refused,
}: Record<keyof typeof nothing, number> = nothing): UsageCounts {
  const answers = hits + stale + fetched
  // A call whose caller did not wait for it, or that failed, has no answer.
  return { calls, answers, hits, stale, refused, saved: Math.max(0, answers - calls) }
}
