import { sql } from 'drizzle-orm'
import { type Filter, where } from '../../catalogue/film-filter.ts'
import type { Db } from '../../db/connect.ts'

interface FacetRow {
  kind: 'total' | 'genre' | 'decade' | 'country'
  id: number | null
  name: string | null
  count: number
}

/** More films than these are sampled by their places: to count up to one of them would take too long. */
const maxCounted = 10_000
/** The most rows that a page of 8 kB can have. */
const maxRowsOfPage = 291
const maxRounds = 8

/** Counts of the films of a filter, and one of them. */
export function createFacetRepository(db: Db) {
  /**
   * Some films, each as likely as any other: random places in the table, of which those without a film of the filter are
   * left out. How many places are tried follows from how many films there are.
   */
  async function sample(filter: Filter, total: number): Promise<number[]> {
    const pages = sql`(select pg_relation_size('films') / current_setting('block_size')::int as pages) as size`
    const places = sql`least(4000, 100 + 3 * ${maxRowsOfPage}::bigint * pages / ${total})`
    const rows = await db.execute<{ id: number }>(sql`
      with drawn as materialized (
        select array(
          select ('(' || floor(random() * pages)::bigint || ',' || 1 + floor(random() * ${maxRowsOfPage})::int || ')')::tid
          from generate_series(1, ${places})) as places
        from ${pages})
      select films.id from films where films.ctid = any((select places from drawn)::tid[]) and ${where(filter)}`)
    return rows.map((row) => row.id)
  }

  return {
    /** The films of a filter by genre, decade and country, and how many there are. */
    async count(filter: Filter): Promise<FacetRow[]> {
      return db.execute<FacetRow & Record<string, unknown>>(sql`
        with found as materialized (select films.id, films.year from films where ${where(filter)})
        select 'total' as kind, null::int as id, null as name, count(*)::int as count from found
        union all
        select 'genre', genres.id, genres.name, counted.count from genres join (
          select fg.genre_id, count(*)::int as count from found join film_genres fg on fg.film_id = found.id group by 1
        ) counted on counted.genre_id = genres.id
        union all
        select 'decade', year / 10 * 10, null, count(*)::int from found group by 2
        union all
        select 'country', null, ft.value, count(*)::int
        from found join film_traits ft on ft.film_id = found.id and ft.kind = 'country' group by ft.value`)
    },

    /** One of the `total` films of a filter, each as likely as any other; undefined where there is none. */
    async pick(filter: Filter, total: number): Promise<number | undefined> {
      for (let round = 0; total > maxCounted && round < maxRounds; round++) {
        const found = await sample(filter, total)
        if (found.length > 0) return found[Math.floor(Math.random() * found.length)]
      }
      const [row] = await db.execute<{ id: number }>(sql`
        select films.id from films where ${where(filter)}
        order by films.id offset ${Math.floor(Math.random() * total)} limit 1`)
      return row?.id
    },
  }
}

export type FacetRepository = ReturnType<typeof createFacetRepository>
