import type { PendingQuery, Row, Sql } from 'postgres'

/** What is understood of GET /films. */
export interface ListQuery {
  limit?: number
  genre?: string
  min_rate?: number
  year_from?: number
  sort?: 'id' | '-rate'
  cursor?: string
}

interface FilmRow {
  genres: string[]
  director_id: number | null
  director_name: string | null
  sort_key: string | number
}

const totalMs = 10_000
const mostTotals = 1000

/** The queries of the peers in Node, written as one does over postgres.js: tagged templates, prepared by the driver. */
export function createFilms(sql: Sql) {
  const columns = sql`f.id, f.name, f.original_name,
    array(select g.name from film_genres fg join genres g on g.id = fg.genre_id where fg.film_id = f.id order by fg.position) as genres,
    f.director_id, d.name as director_name, f.rate::float8 as rate, f.year, f.minutes, f.description, f.trailer, f.poster_url,
    case when f.id < 1000000000 then f.id end as kinopoisk_id,
    (select round(rate_sum::numeric / nullif(votes, 0), 2)::float8 from film_votes where film_id = f.id) as user_rate,
    coalesce((select votes from film_votes where film_id = f.id), 0) as user_votes, f.created_at, f.updated_at`
  const totals = new Map<string, { until: number; total: number }>()

  async function count(name: string, condition: PendingQuery<Row[]>): Promise<number> {
    const known = totals.get(name)
    if (known && known.until > Date.now()) return known.total
    const [row] = await sql`select count(*)::int as total from films f where ${condition}`
    if (totals.size >= mostTotals) totals.clear()
    totals.set(name, { until: Date.now() + totalMs, total: row?.total })
    return row?.total
  }

  return {
    async find(id: number) {
      const [row] = await sql<FilmRow[]>`
        select ${columns} from films f left join directors d on d.id = f.director_id where f.id = ${id}`
      return row && toFilm(row)
    },

    async list({ limit = 20, genre, min_rate, year_from, sort = 'id', cursor }: ListQuery) {
      const key = sort === 'id' ? sql`f.id` : sql`coalesce(-f.rate, 99)`
      const condition = sql`f.listed
        ${genre === undefined ? sql`` : sql`and f.id in (select film_id from film_genres where genre_id = (select id from genres where lower(name) = lower(${genre})))`}
        ${min_rate === undefined ? sql`` : sql`and coalesce(-f.rate, 99) <= ${-min_rate}`}
        ${year_from === undefined ? sql`` : sql`and f.year >= ${year_from}`}`
      const after = cursor === undefined ? undefined : JSON.parse(Buffer.from(cursor, 'base64url').toString())
      const rows = await sql<(FilmRow & { id: number })[]>`
        select ${columns}, ${key} as sort_key
        from films f left join directors d on d.id = f.director_id
        where ${condition} ${after ? sql`and (${key}, f.id) > (${after[0]}, ${after[1]})` : sql``}
        order by ${key}, f.id limit ${limit + 1}`
      const items = rows.slice(0, limit)
      const last = items.at(-1)
      const isMore = rows.length > limit
      const total = isMore || after ? await count(`${genre} ${min_rate} ${year_from}`, condition) : items.length
      return {
        items: items.map(toFilm),
        total,
        limit,
        page: after ? null : 1,
        pages: Math.ceil(total / limit),
        next_cursor:
          isMore && last ? Buffer.from(JSON.stringify([last.sort_key, last.id])).toString('base64url') : null,
      }
    },

    async favourites(userId: number) {
      const rows = await sql<{ genres: { id: number }[] }[]>`
        select f.id, case when f.id < 1000000000 then f.id end as kinopoisk_id, f.name as title,
          f.original_name as original_title, coalesce(f.description, '') as description, coalesce(f.trailer, '') as trailer,
          f.year, f.rate::float8 as rating, f.minutes,
          coalesce((select json_agg(json_build_object('id', g.id, 'name', g.name) order by fg.position)
            from film_genres fg join genres g on g.id = fg.genre_id where fg.film_id = f.id), '[]') as genres,
          f.director_id, (select json_build_object('id', d.id, 'name', d.name) from directors d where d.id = f.director_id) as director,
          f.poster_url, (select count(*)::int from favourites where film_id = f.id) as favorites_count,
          (select round(rate_sum::numeric / nullif(votes, 0), 2)::float8 from film_votes where film_id = f.id) as user_rate,
          coalesce((select votes from film_votes where film_id = f.id), 0) as user_votes, f.kinopoisk
        from favourites l join films f on f.id = l.film_id
        where l.user_id = ${userId} order by l.created_at desc nulls last, l.film_id desc nulls last`
      return rows.map((row) => {
        const [genre = null] = row.genres
        return { ...row, genre_id: genre?.id ?? null, genre }
      })
    },
  }
}

function toFilm<T extends FilmRow>({ director_name, ...film }: T) {
  return {
    ...film,
    sort_key: undefined,
    genre: film.genres[0] ?? null,
    director: film.director_id === null ? null : { id: film.director_id, name: director_name },
  }
}
