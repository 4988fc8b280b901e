import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, primaryKey, timestamp } from 'drizzle-orm/pg-core'
import { bytea } from './bytea.ts'
import { users } from './users.ts'

/**
 * The creations of the last day that a client can repeat: stored in the transaction of the creation. Hashes, as a key may be
 * any text. `director_id` refers to a director that may have been deleted since: the key then still creates no other one.
 */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    user_id: integer()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    key_hash: bytea().notNull(),
    request_hash: bytea().notNull(),
    director_id: integer().notNull(),
    /** By the database's clock. */
    created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ name: 'idempotency_keys_pkey', columns: [table.user_id, table.key_hash] }),
    index('idempotency_keys_created_at_idx').on(table.created_at),
    check('idempotency_keys_hash_check', sql`length(${table.key_hash}) = 32 and length(${table.request_hash}) = 32`),
  ],
)
