import { index, integer, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core'
import { users } from './users.ts'

/** The networks of an account's recent logins and of its registration; an address as text/networks.ts has it. */
export const knownNetworks = pgTable(
  'known_networks',
  {
    user_id: integer()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    network: text().notNull(),
    last_login_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ name: 'known_networks_pkey', columns: [table.user_id, table.network] }),
    index('known_networks_last_login_at_idx').on(table.last_login_at),
  ],
)
