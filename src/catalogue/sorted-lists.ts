import { type SQL, sql } from 'drizzle-orm'
import type { Db } from '../db/connect.ts'
import { type ListTable, maxKept, sentTime } from './user-lists.ts'

const keys = {
  added: sql`own.created_at`,
  title: sql`films.sort_name collate "C"`,
  year: sql`films.year`,
  rating: sql`films.rate`,
  my_rating: sql`score.value`,
}

type Key = keyof typeof keys

/** A list in another order than the newest first, or a part of it. */
export interface ListSelection {
  sort?: Key | `-${Key}` | undefined
  /** Names in any case, or ids; any of them. */
  genre?: string[] | undefined
  /** A part of a title. */
  q?: string | undefined
}

export interface ListEntry {
  id: number
  /** Since when it is in the list, as it is sent. */
  at: string
}

/** One of the three lists of users as it is sorted and filtered: a list is short, and is read whole. */
export function sortedList(db: Db, list: ListTable) {
  return {
    /** The films in order; unknown values come last, ties newest first. */
    async findSorted(userId: number, { sort, genre, q }: ListSelection): Promise<ListEntry[]> {
      const newest = sql.identifier(list === 'ratings' ? 'updated_at' : 'created_at')
      const order = sort
        ? sql`${keys[sort.replace('-', '') as Key]} ${sort.startsWith('-') ? sql`desc` : sql`asc`} nulls last,`
        : sql``
      const conditions = [sql`own.user_id = ${userId}`]
      if (genre) conditions.push(hasGenre(genre))
      if (q !== undefined) conditions.push(isNamed(q))
      return db.execute<{ id: number; at: string }>(sql`
        select own.film_id as id, ${sentTime(sql`own.created_at`)} as at
        from ${sql.identifier(list)} own join films on films.id = own.film_id
        left join ratings score on score.user_id = own.user_id and score.film_id = own.film_id
        where ${sql.join(conditions, sql` and `)}
        order by ${order} own.${newest} desc, own.film_id desc limit ${2 * maxKept}`)
    },
  }
}

function hasGenre(names: string[]): SQL {
  const ids = names.filter((name) => /^\d{1,9}$/.test(name)).map(Number)
  return sql`exists (select from film_genres fg join genres g on g.id = fg.genre_id where fg.film_id = own.film_id
    and (g.id = any(${sql.param(ids)}::int[])
      or lower(g.name) in (select lower(name) from unnest(${sql.param(names)}::text[]) as wanted (name))))`
}

/** As GET /films finds it: one or two characters at the beginning of a word, signs anywhere. */
function isNamed(q: string): SQL {
  const words = sql`(select btrim(film_words(${q}, null)))`
  return sql`case
    when ${words} = '' then strpos(films.name || ' ' || coalesce(films.original_name, ''), ${q.normalize('NFC')}) > 0
    when length(${words}) < 3 then films.words like '% ' || ${words} || '%'
    else films.words like '%' || ${words} || '%' end`
}
