import { sql } from 'drizzle-orm'
import { check, date, index, integer, pgTable, primaryKey, smallint, text, timestamp } from 'drizzle-orm/pg-core'

/**
 * Upstream's answers by the question's path, kept past their expiry: an old answer is better than none.
 * `status` 200 has the checked JSON in `body`; 404 has no body.
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

/** Calls spent of a day's quota. `day` is the calendar day in KINOPOISK_QUOTA_RESET_TZ. */
export const kinopoiskUsage = pgTable(
  'kinopoisk_usage',
  {
    day: date({ mode: 'string' }).notNull(),
    purpose: text({ enum: ['interactive', 'refresh', 'import'] }).notNull(),
    calls: integer().notNull().default(0),
  },
  (table) => [
    primaryKey({ name: 'kinopoisk_usage_pkey', columns: [table.day, table.purpose] }),
    check('kinopoisk_usage_purpose_check', sql`${table.purpose} in ('interactive', 'refresh', 'import')`),
    check('kinopoisk_usage_calls_check', sql`${table.calls} >= 0`),
  ],
)
