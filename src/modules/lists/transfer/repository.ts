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

/** What is to be in a list; `value` is the score of a rating, times are ISO text or null for now. */
export interface Item {
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

/**
 * What became of items, as film ids: `older` have another score in the file, of an older date than that of the list's;
 * `refused` are those that there was no room for. The others were there already.
 */
export interface Changes {
  created: number[]
  updated: number[]
  older: number[]
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

    /** What of the items is there already: the score by film, null in a list without scores; and whether it is newer. */
    async findExisting(userId: number, list: ListName, items: Item[]): Promise<Map<number, Existing>> {
      const table = list === 'ratings' ? ratings : tables[list]
      const isNewer = list === 'ratings' ? sql`kept.updated_at > ${timeOf('item')}` : sql`false`
      const rows = await db.execute<{ id: number } & Existing & Record<string, unknown>>(sql`
        select kept.film_id as id, ${list === 'ratings' ? sql`kept.value::int` : sql`null::int`} as value, ${isNewer} as newer
        from ${itemRows(items)} join ${table} kept on kept.film_id = item.film_id and kept.user_id = ${userId}`)
      return new Map(rows.map(({ id, ...existing }) => [id, existing]))
    },

    /** One statement: of what is not there yet, the first in the file as far as there is room. */
    async add(userId: number, list: 'favorites' | 'wishlist', items: Item[]): Promise<Changes> {
      const [row] = await db.execute<Changes & Record<string, unknown>>(sql`
        with ${fresh(userId, list, items)},
        added as (
          insert into ${tables[list]} (user_id, film_id, created_at)
          select ${userId}, film_id, coalesce(added::timestamptz, statement_timestamp()) from taken order by film_id
          on conflict do nothing returning film_id)
        select ${ids(sql`added`)} as created, '[]'::json as updated, '[]'::json as older, ${refused} as refused`)
      return row ?? noChanges
    },

    /**
     * The same for scores: what is there with another value of no newer date is replaced, and the same value gets the newer
     * date, so that what is older than it does not replace it either. Two statements, each a transaction: one for both would
     * lock votes in two runs over the films, and two users' imports could wait for each other.
     */
    async rate(userId: number, items: Item[]): Promise<Changes> {
      const [known] = await db.execute<Pick<Changes, 'updated' | 'older'> & Record<string, unknown>>(sql`
        with item as materialized (select * from ${itemRows(items)}),
        replaced as (
          update ratings kept set value = item.value, updated_at = ${timeOf('item')},
            created_at = least(kept.created_at, ${addedAt('item')})
          from item join ratings was on was.film_id = item.film_id and was.user_id = ${userId}
          where kept.user_id = was.user_id and kept.film_id = was.film_id
            and (kept.value <> item.value and kept.updated_at <= ${timeOf('item')}
              or kept.value = item.value and kept.updated_at < coalesce(item.updated, item.added)::timestamptz)
          returning kept.film_id, was.value <> item.value as is_other),
        older as (
          select item.film_id from item join ratings kept on kept.film_id = item.film_id and kept.user_id = ${userId}
          where kept.value <> item.value and kept.updated_at > ${timeOf('item')})
        select ${ids(sql`replaced where is_other`)} as updated, ${ids(sql`older`)} as older`)
      const [added] = await db.execute<Pick<Changes, 'created' | 'refused'> & Record<string, unknown>>(sql`
        with ${fresh(userId, 'ratings', items)},
        added as (
          insert into ratings (user_id, film_id, value, created_at, updated_at)
          select ${userId}, film_id, value, ${addedAt('taken')}, ${timeOf('taken')} from taken order by film_id
          on conflict do nothing returning film_id)
        select ${ids(sql`added`)} as created, ${refused} as refused`)
      return { ...noChanges, ...known, ...added }
    },
  }
}

export type TransferRepository = ReturnType<typeof createTransferRepository>

export interface Existing {
  value: number | null
  newer: boolean
}

const noChanges: Changes = { created: [], updated: [], older: [], refused: [] }

const ids = (from: SQL) => sql`coalesce((select json_agg(film_id) from ${from}), '[]')`

/** When an item's score was given; without a time in the file: now. */
function timeOf(item: 'item' | 'taken'): SQL {
  return sql.raw(`coalesce(${item}.updated, ${item}.added, statement_timestamp()::text)::timestamptz`)
}

function addedAt(item: 'item' | 'taken'): SQL {
  return sql.raw(`coalesce(${item}.added, ${item}.updated, statement_timestamp()::text)::timestamptz`)
}

/** The items in the order of the file. */
function itemRows(items: Item[]): SQL {
  const column = (name: keyof Item) => sql.param(items.map((item) => item[name]))
  return sql`unnest(${column('film_id')}::int[], ${column('value')}::smallint[], ${column('added_at')}::text[],
    ${column('updated_at')}::text[]) with ordinality as item (film_id, value, added, updated, place)`
}

/** `item` with what is there marked, and `taken`: what is not, in the order of the file, as far as there is room. */
function fresh(userId: number, list: ListName, items: Item[]): SQL {
  const kept = sql`select from ${list === 'ratings' ? ratings : tables[list]} kept
    where kept.user_id = ${userId} and kept.film_id = item.film_id`
  return sql`
    item as materialized (select item.*, not exists (${kept}) as is_fresh from ${itemRows(items)}),
    taken as materialized (
      select * from item where is_fresh order by place limit (select ${roomIn(tableNames[list], userId)}))`
}

const refused = ids(sql`item where is_fresh and film_id not in (select film_id from taken)`)
