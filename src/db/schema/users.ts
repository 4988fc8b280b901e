import { sql } from 'drizzle-orm'
import { boolean, check, integer, pgTable, smallint, text, timestamp, unique } from 'drizzle-orm/pg-core'
import { genres } from './genres.ts'

/** An account. `login` holds a normalised phone (E.164), e-mail or user name: see modules/auth/logins.ts. */
export const users = pgTable(
  'users',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    login: text().notNull(),
    password_hash: text().notNull(),
    role: text({ enum: ['user', 'admin'] })
      .notNull()
      .default('user'),
    blocked: boolean().notNull().default(false),
    /** Kinopoisk calls a day, -1 without limit; null: a share of the quota, like everybody. */
    daily_limit: integer(),
    age: smallint(),
    name: text(),
    surname: text(),
    favorite_genre: integer().references(() => genres.id, { onDelete: 'set null' }),
    created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
    updated_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    unique('users_login_key').on(table.login),
    check('users_login_check', sql`length(${table.login}) between 3 and 254`),
    check('users_role_check', sql`${table.role} in ('user', 'admin')`),
    check('users_daily_limit_check', sql`${table.daily_limit} >= -1`),
    check('users_age_check', sql`${table.age} between 0 and 150`),
    check('users_name_check', sql`length(${table.name}) between 1 and 100`),
    check('users_surname_check', sql`length(${table.surname}) between 1 and 100`),
  ],
)
