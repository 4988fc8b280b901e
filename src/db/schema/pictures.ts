import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, smallint, text, timestamp } from 'drizzle-orm/pg-core'

/**
 * What is kept of the picture of a film, or why nothing is. The objects are in the storage, named by film and content. No
 * reference to the film: its objects must be found again when it is gone.
 */
export const pictures = pgTable(
  'pictures',
  {
    film_id: integer().primaryKey(),
    /** Where it came from; another one is fetched when the film has another. */
    source: text().notNull(),
    /** Of what was sent; equal ones of many films are a placeholder. */
    content_hash: text(),
    /** Of the objects; 0 where nothing is kept. */
    bytes: integer().notNull().default(0),
    /** Why nothing is kept, in a word; null where something is. */
    reason: text(),
    failures: smallint().notNull().default(0),
    /** Not fetched again before. */
    retry_at: timestamp({ withTimezone: true }),
    /** By the hour. */
    used_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    index('pictures_used_at_idx').on(table.used_at),
    index('pictures_content_hash_idx').on(table.content_hash),
    check('pictures_kept_check', sql`${table.reason} is not null or ${table.content_hash} is not null`),
  ],
)
