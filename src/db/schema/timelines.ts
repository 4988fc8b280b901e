import { pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'

/** A mark for each timeline of the database, that is for each promotion: see cache/timeline-mark.ts. */
export const timelines = pgTable(
  'timelines',
  {
    system: text().notNull(),
    timeline: text().notNull(),
    mark: uuid().notNull().defaultRandom(),
  },
  (table) => [primaryKey({ name: 'timelines_pkey', columns: [table.system, table.timeline] })],
)
