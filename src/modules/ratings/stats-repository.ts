import { sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'

interface StatRow {
  kind: 'total' | 'genre' | 'decade' | 'director' | 'country' | 'score' | 'month'
  id: number | null
  name: string | null
  films: number
  minutes: number
  mean: number | null
}

/** What a user has rated, in one statement: at most as many films as a list may have. */
export function createStatsRepository(db: Db) {
  return {
    /** Of films that were first rated in `year`, by UTC, or of all. */
    async read(userId: number, year: number | undefined): Promise<StatRow[]> {
      const within =
        year === undefined
          ? sql`true`
          : sql`r.created_at >= make_timestamptz(${year}::int, 1, 1, 0, 0, 0, 'UTC')
              and r.created_at < make_timestamptz(${year}::int + 1, 1, 1, 0, 0, 0, 'UTC')`
      const figures = sql`count(*)::int as films, coalesce(sum(seen.minutes), 0)::int as minutes, round(avg(seen.value), 2)::float8 as mean`
      return db.execute<StatRow & Record<string, unknown>>(sql`
        with seen as materialized (
          select r.film_id, r.value, r.created_at at time zone 'UTC' as at, f.year, f.minutes, f.director_id
          from ratings r join films f on f.id = r.film_id where r.user_id = ${userId} and ${within})
        select 'total' as kind, null::int as id, null as name, ${figures} from seen
        union all
        select 'genre', g.id, g.name, ${figures} from seen
        join film_genres fg using (film_id) join genres g on g.id = fg.genre_id group by g.id
        union all
        select 'decade', year / 10 * 10, null, ${figures} from seen where year is not null group by 2
        union all
        (select 'director', d.id, d.name, ${figures} from seen join directors d on d.id = seen.director_id
          group by d.id order by count(*) desc, d.id limit 20)
        union all
        select 'country', null, ft.value, ${figures} from seen
        join film_traits ft on ft.film_id = seen.film_id and ft.kind = 'country' group by ft.value
        union all
        select 'score', seen.value, null, ${figures} from seen group by seen.value
        union all
        select 'month', extract(month from at)::int, to_char(at, 'YYYY-MM'), ${figures} from seen group by 2, 3`)
    },
  }
}

export type StatsRepository = ReturnType<typeof createStatsRepository>
