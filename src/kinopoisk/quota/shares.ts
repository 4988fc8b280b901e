import { type SQL, sql } from 'drizzle-orm'
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

/** Whether one more call exceeds the share of a user, or of a network, that has spent `spent`; over `calls_left`. */
export function exceedsShare(purpose: UserPurpose, spent: SQL): SQL {
  const part = sql`(${userShare}::float8 * ${reservedPart} + (1 - ${reservedPart}))`
  return sql`${spent} + 1 > greatest(${minUserCalls[purpose]}::integer, (calls_left + ${spent}) * ${part})`
}
