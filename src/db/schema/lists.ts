import { index, integer, pgTable, primaryKey, timestamp } from 'drizzle-orm/pg-core'
import { films } from './films.ts'
import { users } from './users.ts'

const columns = () => ({
  user_id: integer()
    .notNull()
    .references(() => users.id, { onDelete: 'cascade' }),
  film_id: integer()
    .notNull()
    .references(() => films.id, { onDelete: 'restrict' }),
  created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
})

export const favourites = pgTable('favourites', columns(), (table) => [
  primaryKey({ name: 'favourites_pkey', columns: [table.user_id, table.film_id] }),
  index('favourites_newest_idx').on(table.user_id, table.created_at.desc(), table.film_id.desc()),
  index('favourites_film_id_idx').on(table.film_id),
])

export const wishlist = pgTable('wishlist', columns(), (table) => [
  primaryKey({ name: 'wishlist_pkey', columns: [table.user_id, table.film_id] }),
  index('wishlist_newest_idx').on(table.user_id, table.created_at.desc(), table.film_id.desc()),
  index('wishlist_film_id_idx').on(table.film_id),
])
