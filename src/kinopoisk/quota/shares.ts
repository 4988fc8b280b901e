import { type SQL, sql } from 'drizzle-orm'
import { kinopoiskSpending as spending } from '../../db/schema/kinopoisk.ts'
import { sessions } from '../../db/schema/sessions.ts'
import { users } from '../../db/schema/users.ts'
import type { Purpose } from '../request.ts'

/** What a user may spend of: a refresh in the background is nobody's. */
export type UserPurpose = Exclude<Purpose, 'refresh'>

// Of the day's quota; the rest is for users.
const shares = { refresh: 0.15, import: 0.05 }
// While most popular films are not known yet: one page has 20 of them.
const bootstrapShare = 0.5
/** From this part of the day on, whatever is reserved is gradually released to users, and to each of them. */
export const reservedUntil = 0.75
// Of what the purpose leaves to users, for each of them; and so many in any case.
const userShare = 0.2
const minUserCalls: Record<UserPurpose, number> = { interactive: 20, import: 10 }

const reservedPart = sql`least(1, (1 - elapsed) / ${1 - reservedUntil}::float8)`

/**
 * How many calls the day leaves for the purpose: one more may be sent while it is above 0. Null is no limit. Over the
 * row `terms` and the day's row of what was spent.
 */
export function callsLeft(purpose: Purpose, isBootstrapping: boolean): SQL {
  const all = sql`(interactive + refresh + "import" + outside)`
  const share = {
    refresh: sql`round(max_calls * ${isBootstrapping ? bootstrapShare : shares.refresh}::numeric)`,
    import: sql`round(max_calls * ${shares.import}::numeric)`,
  }
  const reserved = sql`greatest(0, ${share.refresh} - refresh) + greatest(0, ${share.import} - "import")`
  // Far behind an even spend: a quiet day, with calls to spare.
  const spare = sql`max_calls * elapsed / 2 - ${all}`
  const own = {
    interactive: sql`max_calls - (${reserved}) * ${reservedPart} - ${all}`,
    refresh: sql`greatest(least(${share.refresh}, ${share.refresh} * elapsed + 5) - refresh, ${spare})`,
    import: sql`greatest(${share.import} - "import", ${spare})`,
  }
  return sql`least(max_calls - ${all}, ${own[purpose]})`
}

/** Of what a user has, with what is spent of it; over `calls_left`. */
export function shareOf(purpose: UserPurpose, spent: SQL): SQL {
  const part = sql`(${userShare}::float8 * ${reservedPart} + (1 - ${reservedPart}))`
  return sql`greatest(${minUserCalls[purpose]}::integer, (calls_left + ${spent}) * ${part})`
}

/**
 * The end of a `case`: whose share one more call exceeds, `user` or `network`; over `balance`, `caller`, `own` and
 * `shared`. A user who is the only one of the week has no share.
 */
export function overShare(purpose: UserPurpose, keyHash: string): SQL {
  const exceeds = (row: 'own' | 'shared') => {
    const spent = sql.raw(`${row}.${purpose}`)
    return sql`${spent} + 1 > ${shareOf(purpose, spent)}`
  }
  // Others are those who have spent, and readers who were here: an administrator may only have looked after things.
  const callers = sql`select from ${spending} where key_hash = ${keyHash} and day > balance.day - 7
    and network is null and user_id is distinct from caller.user_id and interactive + import > 0`
  const readers = sql`select from ${sessions} join ${users} on ${users.id} = ${sessions.user_id}
    where ${users.role} = 'user' and ${users.id} <> caller.user_id
      and last_used_at > balance.now - interval '7 days'`
  return sql`
    when own_limit is not null or calls_left is null then null
    when not (coalesce(${exceeds('own')}, false) or coalesce(${exceeds('shared')}, false)) then null
    when not (exists (${callers}) or exists (${readers})) then null
    when ${exceeds('own')} then 'user' else 'network'`
}
