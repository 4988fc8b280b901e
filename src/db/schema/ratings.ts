import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, primaryKey, smallint, timestamp } from 'drizzle-orm/pg-core'
import { films } from './films.ts'
import { users } from './users.ts'

/**
 * A user's own score of a film. film_votes follows by triggers (drizzle/0018_film_votes.sql), after any change of a row, a
 * deleted user's cascade included. The order of locks is users, ratings, films and their votes by id: a transaction that
 * changes ratings in several statements must go by film id too, and lock no film before.
 */
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
    // Nulls first, as `order by … desc` has them: with the generator's default, last, the index could not serve it.
    index('ratings_newest_idx').on(
      table.user_id,
      table.updated_at.desc().nullsFirst(),
      table.film_id.desc().nullsFirst(),
    ),
    check('ratings_value_check', sql`${table.value} between 1 and 10`),
  ],
)
