import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, primaryKey, smallint, timestamp } from 'drizzle-orm/pg-core'
import { films } from './films.ts'
import { users } from './users.ts'

/** A user's own score of a film; films.user_rate_sum and user_votes follow it in the same transaction. */
export const ratings = pgTable(
  'ratings',
  {
    user_id: integer()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    film_id: integer()
      .notNull()
      .references(() => films.id, { onDelete: 'restrict' }),
    value: smallint().notNull(),
    created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
    updated_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ name: 'ratings_pkey', columns: [table.user_id, table.film_id] }),
    index('ratings_film_id_idx').on(table.film_id),
    check('ratings_value_check', sql`${table.value} between 1 and 10`),
  ],
)
