import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, timestamp } from 'drizzle-orm/pg-core'
import { bytea } from './bytea.ts'

/**
 * Recent failed guesses, and registrations, counted under what they have in common: see modules/auth/throttle.ts. `key` is
 * the SHA-256 of that, since a text typed as a login may be a password. A count without a new one for a day is void.
 */
export const authFailures = pgTable(
  'auth_failures',
  {
    key: bytea().primaryKey(),
    failures: integer().notNull().default(1),
    failed_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    // For the cleanup: who guesses decides how many there are.
    index('auth_failures_failed_at_idx').on(table.failed_at),
    check('auth_failures_key_check', sql`length(${table.key}) = 32`),
    check('auth_failures_failures_check', sql`${table.failures} > 0`),
  ],
)
