import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, text, timestamp, unique } from 'drizzle-orm/pg-core'
import { bytea } from './bytea.ts'
import { users } from './users.ts'

/** What a key opens: the compatible paths; all that its user may read; that, and writing to lists and ratings. */
export const keyScopes = ['gateway', 'read', 'lists'] as const
export type KeyScope = (typeof keyScopes)[number]

/** A key as those who check it need it. */
export interface ApiKey {
  id: number
  scopes: KeyScope[]
  /** Kinopoisk calls a day; null: as many as its user may spend. */
  dailyLimit: number | null
}

/** The user of a valid key. */
export interface KeyUser {
  userId: number
  key: ApiKey
}

/**
 * Personal keys of users. The row is the key: deleting it kills the key at once. `hash` is the SHA-256 of the key, which
 * is random, so that a slow hash would protect nothing.
 */
export const apiKeys = pgTable(
  'api_keys',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    user_id: integer()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    hash: bytea().notNull(),
    scopes: text({ enum: keyScopes }).array().notNull(),
    /** Kinopoisk calls a day; null: as many as the user may spend. */
    daily_limit: integer(),
    /** Null: never. */
    expires_at: timestamp({ withTimezone: true }),
    created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
    /** At most a minute late. */
    last_used_at: timestamp({ withTimezone: true }),
  },
  (table) => [
    unique('api_keys_hash_key').on(table.hash),
    index('api_keys_user_id_idx').on(table.user_id),
    index('api_keys_expires_at_idx').on(table.expires_at),
    check('api_keys_name_check', sql`length(${table.name}) between 1 and 100`),
    check('api_keys_hash_check', sql`length(${table.hash}) = 32`),
    check(
      'api_keys_scopes_check',
      sql`${table.scopes} <@ array['gateway', 'read', 'lists'] and cardinality(${table.scopes}) > 0`,
    ),
    check('api_keys_daily_limit_check', sql`${table.daily_limit} >= 0`),
  ],
)
