import { sql } from 'drizzle-orm'
import { check, integer, pgTable, timestamp, unique } from 'drizzle-orm/pg-core'
import { bytea } from './bytea.ts'
import { users } from './users.ts'

/** The valid one-time token of an account, made by an administrator; only its SHA-256 is kept. */
export const passwordResets = pgTable(
  'password_resets',
  {
    user_id: integer()
      .primaryKey()
      .references(() => users.id, { onDelete: 'cascade' }),
    token_hash: bytea().notNull(),
    expires_at: timestamp({ withTimezone: true }).notNull(),
  },
  (table) => [
    unique('password_resets_token_hash_key').on(table.token_hash),
    check('password_resets_token_hash_check', sql`length(${table.token_hash}) = 32`),
  ],
)
