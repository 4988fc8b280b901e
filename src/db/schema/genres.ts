import { sql } from 'drizzle-orm'
import { check, integer, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core'

export const genres = pgTable(
  'genres',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    name: text().notNull(),
  },
  (table) => [
    uniqueIndex('genres_name_key').on(sql`lower(${table.name})`),
    check('genres_name_check', sql`length(${table.name}) between 1 and 100 and ${table.name} = btrim(${table.name})`),
  ],
)
