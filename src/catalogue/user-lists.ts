import { type AnyColumn, type SQL, sql } from 'drizzle-orm'
import { favourites, wishlist } from '../db/schema/lists.ts'
import { ratings } from '../db/schema/ratings.ts'

/** How many films a user can keep in a list; whoever has more keeps them. */
export const maxKept = 20_000

/** Behind which film of a list a batch goes on. */
export interface Position {
  at: string
  film_id: number
}

interface Order {
  at: AnyColumn
  film_id: AnyColumn
  nulls: SQL
}

/** Newest first; of ratings, newest change first. */
const orders = {
  favourites: { at: favourites.created_at, film_id: favourites.film_id, nulls: sql`nulls last` },
  wishlist: { at: wishlist.created_at, film_id: wishlist.film_id, nulls: sql`nulls last` },
  ratings: { at: ratings.updated_at, film_id: ratings.film_id, nulls: sql`nulls first` },
} satisfies Record<string, Order>

export type ListTable = keyof typeof orders

/** As the indexes have it, though none is ever null: otherwise PostgreSQL sorts the whole list for a batch. */
export function newestFirst(list: ListTable): SQL {
  const { at, film_id, nulls } = orders[list]
  return sql`${at} desc ${nulls}, ${film_id} desc ${nulls}`
}

/** The films of a list behind a position; without one all. */
export function behind(list: ListTable, position: Position | undefined): SQL | undefined {
  const { at, film_id } = orders[list]
  return position && sql`(${at}, ${film_id}) < (${position.at}::timestamptz, ${position.film_id})`
}

/** Where a film stands in its list, as text. */
export function positionOf(list: ListTable): SQL<string> {
  return isoTime(orders[list].at)
}

/** Since when a film is in its list, as it is sent: RFC 3339 with milliseconds. As text, since a Date costs each response. */
export function sentTime(column: SQL | AnyColumn): SQL<string> {
  return sql<string>`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}

/** With all the digits that PostgreSQL stores: a Date would lose some, and with them the order. */
export function isoTime(column: AnyColumn): SQL<string> {
  return sql<string>`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
}

/**
 * How many more films the user may keep. It locks: until the transaction ends, nobody else adds to this list, so that
 * parallel requests together do not exceed the limit.
 */
export function roomIn(list: ListTable, userId: number): SQL {
  return sql`list_room(${list}, ${userId}, ${maxKept})`
}
