import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  date,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'
import { users } from './users.ts'

/**
 * Of the calls of a day's usage those that a personal key has paid for. Without a reference to the key: what was spent
 * stays spent when the key is deleted, and a key's id says nothing of its user.
 */
export const kinopoiskKeySpending = pgTable(
  'kinopoisk_key_spending',
  {
    api_key_id: integer().notNull(),
    day: date({ mode: 'string' }).notNull(),
    /** Of upstream's key, as in the other tables. */
    key_hash: text().notNull(),
    interactive: integer().notNull().default(0),
    import: integer().notNull().default(0),
  },
  (table) => [
    primaryKey({ name: 'kinopoisk_key_spending_pkey', columns: [table.api_key_id, table.day, table.key_hash] }),
    index('kinopoisk_key_spending_day_idx').on(table.day),
    check('kinopoisk_key_spending_calls_check', sql`least(${table.interactive}, ${table.import}) >= 0`),
  ],
)

/**
 * A call that is charged, from before it waits for its slot. `sent` is set with the slot, before the first byte goes out.
 * One that is not sent belongs to `holder`, a process that extends it; when that dies it expires, and is refunded. One
 * that was sent stays spent; its row is there for a while to refund it if no connection was made.
 */
export const kinopoiskReservations = pgTable(
  'kinopoisk_reservations',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    key_hash: text().notNull(),
    day: date({ mode: 'string' }).notNull(),
    purpose: text({ enum: ['interactive', 'refresh', 'import'] }).notNull(),
    endpoint: text().notNull(),
    /** To whom it is charged: rows of users and keys that are gone by then are not found, and that is right. */
    user_id: integer(),
    network: text(),
    api_key_id: integer(),
    holder: uuid().notNull(),
    sent: boolean().notNull().default(false),
    /** By the database's clock. */
    expires_at: timestamp({ withTimezone: true }).notNull(),
  },
  (table) => [
    index('kinopoisk_reservations_open_idx').on(table.expires_at).where(sql`not ${table.sent}`),
    index('kinopoisk_reservations_sent_idx').on(table.expires_at).where(sql`${table.sent}`),
  ],
)

/** Of the calls of a day's usage those of each endpoint. */
export const kinopoiskEndpointCalls = pgTable(
  'kinopoisk_endpoint_calls',
  {
    day: date({ mode: 'string' }).notNull(),
    key_hash: text().notNull(),
    endpoint: text().notNull(),
    calls: integer().notNull().default(0),
  },
  (table) => [
    primaryKey({ name: 'kinopoisk_endpoint_calls_pkey', columns: [table.day, table.key_hash, table.endpoint] }),
    check('kinopoisk_endpoint_calls_calls_check', sql`${table.calls} >= 0`),
  ],
)

const count = () => bigint({ mode: 'number' }).notNull().default(0)
const counts = () => ({ hits: count(), stale: count(), fetched: count(), refused: count(), failed: count() })

/**
 * How the requests of a day ended, by user, key and endpoint. They are counted in memory and written once a second: of what
 * was spent the other tables are the ledger. The key is 0 with an access token; one that was deleted stays here by its id.
 */
export const kinopoiskUserResults = pgTable(
  'kinopoisk_user_results',
  {
    user_id: integer()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    day: date({ mode: 'string' }).notNull(),
    api_key_id: integer().notNull(),
    endpoint: text().notNull(),
    ...counts(),
  },
  (table) => [
    primaryKey({
      name: 'kinopoisk_user_results_pkey',
      columns: [table.user_id, table.day, table.api_key_id, table.endpoint],
    }),
    index('kinopoisk_user_results_day_idx').on(table.day),
  ],
)

/** The same of all together: with what nobody waited for, and with users who are erased since. */
export const kinopoiskEndpointResults = pgTable(
  'kinopoisk_endpoint_results',
  { day: date({ mode: 'string' }).notNull(), endpoint: text().notNull(), ...counts() },
  (table) => [primaryKey({ name: 'kinopoisk_endpoint_results_pkey', columns: [table.day, table.endpoint] })],
)
