import { sql } from 'drizzle-orm'
import {
  boolean,
  check,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import { directors } from './directors.ts'
import { genres } from './genres.ts'

/** Films made here have ids from here on; an id below it is the film's id at Kinopoisk. */
export const minOwnId = 1_000_000_000

/** The longest film, in minutes: one bound for bodies, files, columns and upstream. */
export const maxMinutes = 1440

/**
 * Every film the service knows. An id below `minOwnId` is the film's Kinopoisk id. `listed`: in the catalogue;
 * otherwise only known, because a user looked it up or has it in a list. `sort_name` is for sorting, `words` for
 * searching. `kinopoisk` is upstream's film, normalised (kinopoisk/normalise.ts); `kinopoisk_synced_at` is when it was
 * fetched.
 */
export const films = pgTable(
  'films',
  {
    id: integer().primaryKey().generatedByDefaultAsIdentity({ startWith: minOwnId }),
    listed: boolean().notNull().default(false),
    name: text().notNull(),
    original_name: text(),
    sort_name: text().notNull().generatedAlwaysAs(sql`film_sort_name(name)`),
    words: text().notNull().generatedAlwaysAs(sql`film_words(name, original_name)`),
    director_id: integer().references(() => directors.id, { onDelete: 'restrict' }),
    rate: numeric({ precision: 4, scale: 2, mode: 'number' }),
    year: smallint(),
    minutes: smallint(),
    description: text(),
    trailer: text(),
    poster_url: text(),
    /** Before film_votes: for replicas of the release before, while both run. The release after this one drops them. */
    user_rate_sum: integer().notNull().default(0),
    user_votes: integer().notNull().default(0),
    kinopoisk: jsonb(),
    kinopoisk_synced_at: timestamp({ withTimezone: true }),
    /** Listed as the embedded sandbox has it, and not changed since: details of the real Kinopoisk replace it. */
    sandbox: boolean().notNull().default(false),
    created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
    updated_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    check('films_id_check', sql`${table.id} >= 1`),
    check('films_name_check', sql`length(${table.name}) between 1 and 500 and ${table.name} = btrim(${table.name})`),
    check('films_rate_check', sql`${table.rate} between 0 and 10`),
    check('films_year_check', sql`${table.year} between 1800 and 2200`),
    check('films_minutes_check', sql`${table.minutes} between 1 and ${sql.raw(`${maxMinutes}`)}`),
    check(
      'films_user_rate_check',
      sql`${table.user_votes} >= 0 and ${table.user_rate_sum} between ${table.user_votes} and 10 * ${table.user_votes}`,
    ),
    check(
      'films_listed_check',
      sql`not ${table.listed} or (${table.director_id} is not null and ${table.year} is not null)`,
    ),
    uniqueIndex('films_listed_name_key').on(sql`lower(${table.name})`).where(sql`${table.listed}`),
    index('films_director_id_idx').on(table.director_id),
    // One index for each order of the catalogue: (sort key without nulls, id), see catalogue/film-filter.ts. The
    // further columns let the index alone answer: the column behind an expression, and the most used filters.
    index('films_listed_id_idx').on(table.id, table.rate, table.year).where(sql`${table.listed}`),
    // For totals: what of a genre is not in the catalogue.
    index('films_unlisted_idx').on(table.id).where(sql`not ${table.listed}`),
    index('films_rate_idx')
      .on(sql`coalesce(${table.rate}, 99)`, table.id, table.rate, table.year)
      .where(sql`${table.listed}`),
    index('films_rate_desc_idx')
      .on(sql`coalesce(-${table.rate}, 99)`, table.id, table.rate, table.year)
      .where(sql`${table.listed}`),
    index('films_year_idx').on(table.year, table.id, table.rate).where(sql`${table.listed}`),
    index('films_year_desc_idx')
      .on(sql`(-${table.year})`, table.id, table.rate, table.year)
      .where(sql`${table.listed}`),
    index('films_minutes_idx')
      .on(sql`coalesce(${table.minutes}::int, 32767)`, table.id, table.rate, table.year, table.minutes)
      .where(sql`${table.listed}`),
    index('films_minutes_desc_idx')
      .on(sql`coalesce(-${table.minutes}::int, 32767)`, table.id, table.rate, table.year, table.minutes)
      .where(sql`${table.listed}`),
    index('films_name_idx')
      .on(sql`${table.sort_name} collate "C"`, table.id, table.rate, table.year)
      .where(sql`${table.listed}`),
    index('films_name_desc_idx')
      .on(sql`${table.sort_name} collate "C" desc`, table.id, table.rate, table.year)
      .where(sql`${table.listed}`),
    // For the import of lists: by a title in either language, and by the IMDb id. Hashes: text of any length fits.
    index('films_title_idx').using('hash', sql`film_sort_name(${table.name})`),
    index('films_original_title_idx').using('hash', sql`film_sort_name(${table.original_name})`),
    index('films_imdb_id_idx').using('hash', sql`(${table.kinopoisk}->>'imdb_id')`),
    index('films_words_idx').using('gin', table.words.op('gin_trgm_ops')),
    // For suggestions: see drizzle/0019_suggest_words.sql. Without a list of what is to be indexed: every look-up would read it.
    index('films_suggest_words_idx')
      .using('gin', sql`film_suggest_words(${table.words}, ${table.listed}, ${table.rate}, ${table.kinopoisk})`)
      .with({ fastupdate: false }),
    index('films_signs_idx').using('gin', sql`film_signs(${table.name}, ${table.original_name})`),
  ],
)

/**
 * The sum and the number of the users' scores of a film, which follow `ratings` by triggers (drizzle/0018_film_votes.sql);
 * no row: none yet. Apart from the film: a score would write its row anew, and with it all indexes of films.
 */
export const filmVotes = pgTable(
  'film_votes',
  {
    film_id: integer()
      .primaryKey()
      .references(() => films.id, { onDelete: 'cascade' }),
    rate_sum: integer().notNull(),
    votes: integer().notNull(),
  },
  (table) => [
    check(
      'film_votes_check',
      sql`${table.votes} >= 0 and ${table.rate_sum} between ${table.votes} and 10 * ${table.votes}`,
    ),
  ],
)

/** A film's genres in their order: position 0 is the film's first genre. */
export const filmGenres = pgTable(
  'film_genres',
  {
    film_id: integer()
      .notNull()
      .references(() => films.id, { onDelete: 'cascade' }),
    genre_id: integer()
      .notNull()
      .references(() => genres.id, { onDelete: 'restrict' }),
    position: smallint().notNull(),
  },
  (table) => [
    primaryKey({ name: 'film_genres_pkey', columns: [table.film_id, table.genre_id] }),
    index('film_genres_genre_id_idx').on(table.genre_id, table.film_id),
    check('film_genres_position_check', sql`${table.position} >= 0`),
  ],
)

/**
 * The countries and the type of a film by Kinopoisk, one a row: what listings are filtered by and counted for. They follow
 * films.kinopoisk by a trigger (drizzle/0016_own_state.sql). The value itself beside its small letters lets the index
 * alone answer.
 */
export const filmTraits = pgTable(
  'film_traits',
  {
    film_id: integer()
      .notNull()
      .references(() => films.id, { onDelete: 'cascade' }),
    kind: text({ enum: ['country', 'type'] }).notNull(),
    value: text().notNull(),
  },
  (table) => [
    primaryKey({ name: 'film_traits_pkey', columns: [table.film_id, table.kind, table.value] }),
    index('film_traits_value_idx').on(table.kind, sql`lower(${table.value})`, table.film_id, table.value),
    check('film_traits_value_check', sql`length(${table.value}) between 1 and 100`),
  ],
)
