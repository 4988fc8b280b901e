import { sql } from 'drizzle-orm'
import { customType, index, pgTable, text } from 'drizzle-orm/pg-core'

const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' })

/**
 * The latest changes of what replicas cache, noted by triggers (drizzle/0004_changes.sql) in the transaction of the
 * change, read by cache/change-feed.ts and removed after a minute. Unlogged: a crash that empties it also breaks every
 * reader's connection, and then they clear their caches. `key` is null where many have changed.
 */
export const changes = pgTable(
  'changes',
  {
    xid: xid8().notNull().default(sql`pg_current_xact_id()`),
    topic: text({ enum: ['film', 'text', 'fans', 'genre', 'list', 'rating', 'session', 'answer', 'key'] }).notNull(),
    key: text(),
  },
  (table) => [index('changes_xid_idx').on(table.xid)],
)
