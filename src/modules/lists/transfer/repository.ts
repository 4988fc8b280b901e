import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../../../db/connect.ts'
import { films } from '../../../db/schema/films.ts'
import { favourites, wishlist } from '../../../db/schema/lists.ts'
import { ratings } from '../../../db/schema/ratings.ts'

export const listNames = ['favorites', 'wishlist', 'ratings'] as const
export type ListName = (typeof listNames)[number]

/** What is to be in a list; `value` is the score of a rating, times are ISO text or null for now. */
export interface Item {
  film_id: number
  value: number | null
  added_at: string | null
  updated_at: string | null
}

/** Where the next page of an export goes on. */
export interface Cursor {
  at: string
  film_id: number
}

// With all the digits that PostgreSQL stores: a Date would lose some, and with them the order.
const iso = (column: SQL | typeof ratings.updated_at) =>
  sql<string>`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

const nulls = { favorites: sql`nulls last`, wishlist: sql`nulls last`, ratings: sql`nulls first` }
const tables = { favorites: favourites, wishlist }

/** The three lists of a user as they go out and come in, in batches. */
export function createTransferRepository(db: Db) {
  return {
    /** Newest first, behind `after`. */
    async findPage(userId: number, list: ListName, limit: number, after: Cursor | undefined) {
      const table = list === 'ratings' ? ratings : tables[list]
      const at = list === 'ratings' ? ratings.updated_at : table.created_at
      const behind = after && sql`(${at}, ${table.film_id}) < (${after.at}::timestamptz, ${after.film_id})`
      return (
        db
          .select({
            film_id: films.id,
            imdb_id: sql<string | null>`${films.kinopoisk}->>'imdb_id'`,
            title: films.name,
            original_title: films.original_name,
            year: films.year,
            rating: list === 'ratings' ? ratings.value : sql<null>`null`,
            added_at: iso(sql`${table.created_at}`),
            updated_at: list === 'ratings' ? iso(ratings.updated_at) : sql<null>`null`,
            at: iso(sql`${at}`),
          })
          .from(table)
          .innerJoin(films, eq(films.id, table.film_id))
          .where(and(eq(table.user_id, userId), behind))
          // As the indexes have it, though none is ever null: otherwise PostgreSQL sorts the whole list for a page.
          .orderBy(sql`${at} desc ${nulls[list]}`, sql`${table.film_id} desc ${nulls[list]}`)
          .limit(limit)
      )
    },

    /** Which of the films the user has in the list: the score by film, null in a list without scores. */
    async findExisting(userId: number, list: ListName, filmIds: number[]): Promise<Map<number, number | null>> {
      const table = list === 'ratings' ? ratings : tables[list]
      const rows = await db
        .select({ id: table.film_id, value: list === 'ratings' ? ratings.value : sql<null>`null` })
        .from(table)
        .where(and(eq(table.user_id, userId), sql`${table.film_id} = any(${sql.param(filmIds)}::int[])`))
      return new Map(rows.map((row) => [row.id, row.value]))
    },

    /** One statement, films by id; returns how many were not there before. */
    async add(userId: number, list: 'favorites' | 'wishlist', items: Item[]): Promise<number> {
      const rows = await db.execute(sql`
        insert into ${tables[list]} (user_id, film_id, created_at)
        select ${userId}, film_id, coalesce(added::timestamptz, statement_timestamp()) from ${unnest(items)} order by film_id
        on conflict do nothing returning film_id`)
      return rows.length
    },

    /** The same for scores: what is there with another value is replaced; `updated` counts those. */
    async rate(userId: number, items: Item[]): Promise<{ created: number; updated: number }> {
      const rows = await db.execute<{ added: boolean }>(sql`
        insert into ratings (user_id, film_id, value, created_at, updated_at)
        select ${userId}, film_id, value, coalesce(added, updated, statement_timestamp()::text)::timestamptz,
          coalesce(updated, added, statement_timestamp()::text)::timestamptz
        from ${unnest(items)} order by film_id
        on conflict (user_id, film_id) do update set value = excluded.value, updated_at = excluded.updated_at,
          created_at = least(ratings.created_at, excluded.created_at)
        where ratings.value <> excluded.value
        returning ratings.xmax = 0 as added`)
      const created = rows.filter((row) => row.added).length
      return { created, updated: rows.length - created }
    },
  }
}

export type TransferRepository = ReturnType<typeof createTransferRepository>

function unnest(items: Item[]): SQL {
  const column = (name: keyof Item) => sql.param(items.map((item) => item[name]))
  return sql`unnest(${column('film_id')}::int[], ${column('value')}::smallint[], ${column('added_at')}::text[],
    ${column('updated_at')}::text[]) as item (film_id, value, added, updated)`
}
