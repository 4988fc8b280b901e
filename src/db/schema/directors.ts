import { sql } from 'drizzle-orm'
import { check, date, index, integer, pgTable, text, timestamp, unique } from 'drizzle-orm/pg-core'

/** `photo_key` names the photo in the storage; `kinopoisk_id` is upstream's staffId where the director came from there. */
export const directors = pgTable(
  'directors',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    name: text().notNull(),
    date_of_birth: date({ mode: 'string' }),
    photo_key: text(),
    kinopoisk_id: integer(),
  },
  (table) => [
    unique('directors_kinopoisk_id_key').on(table.kinopoisk_id),
    check(
      'directors_name_check',
      sql`length(${table.name}) between 1 and 200 and ${table.name} = btrim(${table.name})`,
    ),
    index('directors_words_idx').using('gin', sql`film_words(${table.name}, null) gin_trgm_ops`),
    check('directors_kinopoisk_id_check', sql`${table.kinopoisk_id} > 0`),
  ],
)

/** Photos in the storage that no director has: noted before they are stored, and by the change that orphans them. */
export const loosePhotos = pgTable('loose_photos', {
  key: text().primaryKey(),
  since: timestamp({ withTimezone: true }).notNull().defaultNow(),
})
