import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import { bytea } from './bytea.ts'
import { users } from './users.ts'

/**
 * One signed-in device. The row is the session: deleting it kills every access and refresh token of it at once.
 * `refresh_hash` is the SHA-256 of the only refresh token that is good now, the one of `generation`.
 */
export const sessions = pgTable(
  'sessions',
  {
    id: uuid().primaryKey(),
    user_id: integer()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    generation: integer().notNull().default(0),
    refresh_hash: bytea().notNull(),
    rotated_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
    expires_at: timestamp({ withTimezone: true }).notNull(),
    created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
    last_used_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
    user_agent: text(),
    ip: text(),
  },
  (table) => [
    index('sessions_user_id_idx').on(table.user_id),
    index('sessions_expires_at_idx').on(table.expires_at),
    check('sessions_generation_check', sql`${table.generation} >= 0`),
    check('sessions_refresh_hash_check', sql`length(${table.refresh_hash}) = 32`),
  ],
)
