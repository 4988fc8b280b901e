import { and, eq, type SQL, sql } from 'drizzle-orm'
import {
  behind,
  isoTime,
  maxKept,
  newestFirst,
  type Position,
  positionOf,
  roomIn,
} from '../../../catalogue/user-lists.ts'
import type { Db } from '../../../db/connect.ts'
import { allRows } from '../../../db/page.ts'
import { films } from '../../../db/schema/films.ts'
import { favourites, wishlist } from '../../../db/schema/lists.ts'
import { ratings } from '../../../db/schema/ratings.ts'

export { maxKept }

export const listNames = ['favorites', 'wishlist', 'ratings'] as const
export type ListName = (typeof listNames)[number]

/** What is to be in a list; `value` is the score of a rating, times are ISO text or null for now. `row` is its row in the file. */
export interface Item {
  row: number
  film_id: number
  value: number | null
  added_at: string | null
  updated_at: string | null
}

/** A film in a list, as it goes out; times are ISO text. */
export interface ListedRow {
  film_id: number
  imdb_id: string | null
  title: string
  original_title: string | null
  /** As Kinopoisk calls it. */
  type: string | null
  minutes: number | null
  year: number | null
  rating: number | null
  added_at: string
  updated_at: string | null
}

/** What became of items: `refused` are the films that there was no room for. */
export interface Outcome {
  created: number
  updated: number
  refused: number[]
}

const tables = { favorites: favourites, wishlist }
const tableNames = { favorites: 'favourites', wishlist: 'wishlist', ratings: 'ratings' } as const

/** The three lists of a user as they go out and come in, in batches. */
export function createTransferRepository(db: Db) {
  return {
    /** Newest first. */
    rows(userId: number, list: ListName): AsyncGenerator<ListedRow> {
      const table = list === 'ratings' ? ratings : tables[list]
      const name = tableNames[list]
      return allRows<ListedRow & Position>(({ last, limit }) =>
        db
          .select({
            film_id: films.id,
            imdb_id: sql<string | null>`${films.kinopoisk}->>'imdb_id'`,
            title: films.name,
            original_title: films.original_name,
            type: sql<string | null>`${films.kinopoisk}->>'type'`,
            minutes: films.minutes,
            year: films.year,
            rating: list === 'ratings' ? ratings.value : sql<null>`null`,
            added_at: isoTime(table.created_at),
            updated_at: list === 'ratings' ? isoTime(ratings.updated_at) : sql<null>`null`,
            at: positionOf(name),
          })
          .from(table)
          .innerJoin(films, eq(films.id, table.film_id))
          .where(and(eq(table.user_id, userId), behind(name, last)))
          .orderBy(newestFirst(name))
          .limit(limit),
      )
    },

    /** How many more films the user may keep, now. */
    async findRoom(userId: number, list: ListName): Promise<number> {
      const [row] = await db.execute<{ room: number }>(sql`select ${roomIn(tableNames[list], userId)} as room`)
      return row?.room ?? 0
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

    /** One statement: of what is not there yet, the first in the file as far as there is room. */
    async add(userId: number, list: 'favorites' | 'wishlist', items: Item[]): Promise<Outcome> {
      const [row] = await db.execute<{ created: number; refused: number[] }>(sql`
        with ${fresh(userId, list, items)},
        added as (
          insert into ${tables[list]} (user_id, film_id, created_at)
          select ${userId}, film_id, coalesce(added::timestamptz, statement_timestamp()) from taken order by film_id
          on conflict do nothing returning film_id)
        select (select count(*)::int from added) as created, ${refused} as refused`)
      return { updated: 0, ...(row ?? { created: 0, refused: [] }) }
    },

    /** The same for scores: what is there with another value is replaced; `updated` counts those. */
    async rate(userId: number, items: Item[]): Promise<Outcome> {
      const [row] = await db.execute<Outcome & Record<string, unknown>>(sql`
        with ${fresh(userId, 'ratings', items)},
        rated as (
          insert into ratings (user_id, film_id, value, created_at, updated_at)
          select ${userId}, film_id, value, coalesce(added, updated, statement_timestamp()::text)::timestamptz,
            coalesce(updated, added, statement_timestamp()::text)::timestamptz
          from (select * from item where not is_fresh union all select * from taken) wanted order by film_id
          on conflict (user_id, film_id) do update set value = excluded.value, updated_at = excluded.updated_at,
            created_at = least(ratings.created_at, excluded.created_at)
          where ratings.value <> excluded.value
          returning ratings.xmax = 0 as added)
        select (select count(*)::int from rated where added) as created,
          (select count(*)::int from rated where not added) as updated, ${refused} as refused`)
      return row ?? { created: 0, updated: 0, refused: [] }
    },
  }
}

export type TransferRepository = ReturnType<typeof createTransferRepository>

/** `item` with what is there marked, and `taken`: what is not, in the order of the file, as far as there is room. */
function fresh(userId: number, list: ListName, items: Item[]): SQL {
  const column = (name: keyof Item) => sql.param(items.map((item) => item[name]))
  const kept = sql`select from ${list === 'ratings' ? ratings : tables[list]} kept
    where kept.user_id = ${userId} and kept.film_id = item.film_id`
  return sql`
    item as materialized (
      select item.*, not exists (${kept}) as is_fresh
      from unnest(${column('film_id')}::int[], ${column('value')}::smallint[], ${column('added_at')}::text[],
        ${column('updated_at')}::text[]) with ordinality as item (film_id, value, added, updated, place)),
    taken as materialized (
      select * from item where is_fresh order by place limit (select ${roomIn(tableNames[list], userId)}))`
}

const refused = sql`coalesce(
  (select json_agg(film_id) from item where is_fresh and film_id not in (select film_id from taken)), '[]')`
