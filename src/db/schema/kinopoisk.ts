import { sql } from 'drizzle-orm'
import {
  bigint,
  check,
  date,
  index,
  integer,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  unique,
  uuid,
} from 'drizzle-orm/pg-core'
import { users } from './users.ts'

/**
 * Upstream's responses by the request's path, stored past their expiry: an old response is better than none. `status`
 * 200 has the checked JSON in `body`; 404 has no body.
 */
export const kinopoiskAnswers = pgTable(
  'kinopoisk_answers',
  {
    path: text().primaryKey(),
    status: smallint().notNull(),
    body: text(),
    fetched_at: timestamp({ withTimezone: true }).notNull(),
    expires_at: timestamp({ withTimezone: true }).notNull(),
  },
  (table) => [
    check('kinopoisk_answers_status_check', sql`${table.status} in (200, 404)`),
    check('kinopoisk_answers_body_check', sql`(${table.status} = 200) = (${table.body} is not null)`),
    check('kinopoisk_answers_expires_at_check', sql`${table.expires_at} >= ${table.fetched_at}`),
    index('kinopoisk_answers_expires_at_idx').on(table.expires_at),
  ],
)

/** Which replica is calling upstream for which path. A row with a `failure` has ended, and says so to waiting callers. */
export const kinopoiskLeases = pgTable(
  'kinopoisk_leases',
  {
    path: text().primaryKey(),
    holder: uuid().notNull(),
    /** By the database's clock. */
    expires_at: timestamp({ withTimezone: true }).notNull(),
    failure: text({
      enum: ['rejected_key', 'quota', 'rate_limited', 'server_error', 'timeout', 'connection', 'bad_response'],
    }),
    retry_after: integer(),
  },
  (table) => [index('kinopoisk_leases_expires_at_idx').on(table.expires_at)],
)

/**
 * Upstream requests that failed, until they succeed: none is sent again before `retry_at`. `failures` in a row make the
 * pause; 0 if upstream as a whole was in trouble.
 */
export const kinopoiskFailures = pgTable(
  'kinopoisk_failures',
  {
    path: text().primaryKey(),
    outcome: text({ enum: ['server_error', 'timeout', 'connection', 'bad_response'] }).notNull(),
    failures: integer().notNull(),
    /** By the database's clock, like `retry_at`. */
    failed_at: timestamp({ withTimezone: true }).notNull(),
    retry_at: timestamp({ withTimezone: true }).notNull(),
  },
  (table) => [
    index('kinopoisk_failures_failed_at_idx').on(table.failed_at),
    check('kinopoisk_failures_failures_check', sql`${table.failures} >= 0`),
  ],
)

/**
 * The last probe of upstream, in one row: a film that is known to exist was fetched, because a response was doubtful.
 * Without a `reason` upstream was well; with one it is not trusted, `since` then.
 */
export const kinopoiskProbes = pgTable(
  'kinopoisk_probes',
  {
    id: smallint().primaryKey().default(1),
    /** By the database's clock, like the others. */
    begun_at: timestamp({ withTimezone: true }).notNull(),
    /** Null while it is under way, or when it never ended. */
    ended_at: timestamp({ withTimezone: true }),
    /** The film that was fetched last. */
    path: text(),
    reason: text({ enum: ['not_found', 'bad_response', 'server_error', 'timeout', 'connection', 'unasked'] }),
    since: timestamp({ withTimezone: true }),
  },
  (table) => [
    check('kinopoisk_probes_id_check', sql`${table.id} = 1`),
    check('kinopoisk_probes_since_check', sql`(${table.reason} is null) = (${table.since} is null)`),
  ],
)

/** The account of an API key. `key_hash` identifies the key without revealing it. */
export const kinopoiskAccounts = pgTable(
  'kinopoisk_accounts',
  {
    key_hash: text().primaryKey(),
    /** Calls a day that upstream allows, -1 without limit; null until the account was polled. */
    daily_limit: integer(),
    /** When the account was last polled, or is being polled. */
    checked_at: timestamp({ withTimezone: true }),
    /** Why no call is sent until `blocked_until`: the quota is used up (402), or the key rejected (401). */
    blocked: text({ enum: ['quota', 'key'] }),
    blocked_at: timestamp({ withTimezone: true }),
    blocked_until: timestamp({ withTimezone: true }),
    /** When a poll of the account last ended a block. */
    cleared_at: timestamp({ withTimezone: true }),
  },
  (table) => [
    check('kinopoisk_accounts_daily_limit_check', sql`${table.daily_limit} >= -1`),
    check(
      'kinopoisk_accounts_blocked_check',
      sql`(${table.blocked} is null) = (${table.blocked_until} is null) and (${table.blocked} is null) = (${table.blocked_at} is null)`,
    ),
  ],
)

/**
 * Calls spent of a day's quota, by purpose. `day` is the calendar day in KINOPOISK_QUOTA_RESET_TZ. `outside` are those
 * that upstream has counted and we have not made; below 0 when it counts fewer than we made.
 */
export const kinopoiskUsage = pgTable(
  'kinopoisk_usage',
  {
    key_hash: text().notNull(),
    day: date({ mode: 'string' }).notNull(),
    interactive: integer().notNull().default(0),
    refresh: integer().notNull().default(0),
    import: integer().notNull().default(0),
    outside: integer().notNull().default(0),
  },
  (table) => [
    primaryKey({ name: 'kinopoisk_usage_pkey', columns: [table.key_hash, table.day] }),
    check('kinopoisk_usage_calls_check', sql`least(${table.interactive}, ${table.refresh}, ${table.import}) >= 0`),
  ],
)

/**
 * Of the calls of a day's usage those that a user waited for or imported; or, with `network`, those of all new accounts
 * of a network together. Both are null where the user was erased since: what was spent stays spent.
 */
export const kinopoiskSpending = pgTable(
  'kinopoisk_spending',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    key_hash: text().notNull(),
    day: date({ mode: 'string' }).notNull(),
    user_id: integer().references(() => users.id, { onDelete: 'set null' }),
    /** As text/networks.ts has it. */
    network: text(),
    interactive: integer().notNull().default(0),
    import: integer().notNull().default(0),
  },
  (table) => [
    unique('kinopoisk_spending_user_id_key').on(table.user_id, table.day, table.key_hash),
    unique('kinopoisk_spending_network_key').on(table.network, table.day, table.key_hash),
    index('kinopoisk_spending_day_idx').on(table.key_hash, table.day),
    check('kinopoisk_spending_by_check', sql`${table.user_id} is null or ${table.network} is null`),
    check('kinopoisk_spending_calls_check', sql`least(${table.interactive}, ${table.import}) >= 0`),
  ],
)

/** When the last slots were granted, for each rate as many as it allows in a second, the oldest first. */
export const kinopoiskRates = pgTable('kinopoisk_rates', {
  key_hash: text().primaryKey(),
  overall: timestamp({ withTimezone: true }).array().notNull().default([]),
  search: timestamp({ withTimezone: true }).array().notNull().default([]),
  votes: timestamp({ withTimezone: true }).array().notNull().default([]),
  account: timestamp({ withTimezone: true }).array().notNull().default([]),
  /** Upstream said 429: no slot is granted before. */
  paused_until: timestamp({ withTimezone: true }),
})

/**
 * The highest film id that upstream is asked about although no answer of its has named it: one row for each day (UTC)
 * on which it grew. See kinopoisk/store/id-range.ts.
 */
export const kinopoiskIdRanges = pgTable('kinopoisk_id_ranges', {
  day: date({ mode: 'string' }).primaryKey(),
  max_id: integer().notNull(),
})
