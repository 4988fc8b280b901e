import { type SQL, sql } from 'drizzle-orm'
import { pattern } from '../../../catalogue/film-filter.ts'
import { movieColumns } from '../../../catalogue/movie-columns.ts'
import { byIndex, byTrigrams, filmNames } from '../../../catalogue/title-search.ts'
import type { Db } from '../../../db/connect.ts'
import { films } from '../../../db/schema/films.ts'

export interface FoundIds {
  /** The best ones. */
  ids: number[]
  total: number
}

// What pages can show, and what is ranked for them.
const maxShown = 400
const maxRanked = 1000
const maxCompared = 2000

const popular = sql`(kinopoisk->>'rating_kinopoisk_votes')::int desc nulls last, rate desc nulls last,
  year desc nulls last, id`

const itemColumns = {
  id: films.id,
  kinopoisk_id: movieColumns.kinopoisk_id,
  title: films.name,
  original_title: films.original_name,
  type: sql<string | null>`${films.kinopoisk}->>'type'`,
  year: films.year,
  minutes: films.minutes,
  rating: films.rate,
  await_percent: sql<number | null>`
    case when ${films.rate} is null then (${films.kinopoisk}->>'rating_await_percent')::float8 end`,
  votes: sql<number | null>`coalesce((${films.kinopoisk}->>'rating_kinopoisk_votes')::int,
    (${films.kinopoisk}->>'rating_await_votes')::int)`,
  genres: sql<string[]>`array(select g.name from film_genres fg join genres g on g.id = fg.genre_id
    where fg.film_id = films.id order by fg.position)`,
  countries: sql<string[]>`coalesce(${films.kinopoisk}->'countries', '[]')`,
  description: films.description,
  poster_url: films.poster_url,
  poster_preview_url: sql<string | null>`${films.kinopoisk}->>'poster_preview_url'`,
}

/** All films known here, listed or not, by their names. */
export function createSearchRepository(db: Db) {
  return {
    readWords: filmNames(db).readWords,

    /**
     * The films whose names have every word, in any order: first exact titles, then titles that begin with the words,
     * contain them as typed, contain all of them; within each the most voted first. Beyond 1000 matches only 1000 are
     * ranked and counted.
     */
    async findHolding(query: string, words: string): Promise<FoundIds> {
      const { condition, rank } = words === '' ? bySigns(query) : byWords(words)
      const named = (column: SQL) => sql`
        select id from films where film_sort_name(${column}) = film_sort_name(${query}) limit ${maxShown}`
      const rows = await byIndex(db, (tx) =>
        tx.execute<{ id: number; total: number }>(sql`
          with found as (
            (${named(sql`name`)}) union (${named(sql`original_name`)}) union
            (select id from films where ${condition} limit ${maxRanked}))
          select id, count(*) over ()::int as total from films where id = any(array(select id from found))
          order by ${rank}, ${popular} limit ${maxShown}`),
      )
      return { ids: rows.map((row) => row.id), total: rows[0]?.total ?? 0 }
    },

    /**
     * Up to 2000 films whose names share this part of the trigrams of `words`; the lower it is, the longer it takes.
     * Undefined when it takes longer than `maxMs`.
     */
    findSimilar(words: string, limits: { shared: number; maxMs: number }) {
      const similar = (tx: Db) =>
        tx
          .select({ id: films.id, words: films.words })
          .from(films)
          .where(sql`${words} <% ${films.words}`)
          .limit(maxCompared)
      return byTrigrams(db, similar, limits)
    },

    /** The most voted first. */
    async sort(ids: number[]): Promise<number[]> {
      const rows = await db.execute<{ id: number }>(
        sql`select id from films where id = any(${sql.param(ids)}::int[]) order by ${popular}`,
      )
      return rows.map((row) => row.id)
    },

    /** In the order of `ids`. */
    readItems(ids: number[]) {
      const wanted = sql`${sql.param(ids)}::int[]`
      return db
        .select(itemColumns)
        .from(films)
        .where(sql`${films.id} = any(${wanted})`)
        .orderBy(sql`array_position(${wanted}, ${films.id})`)
    },
  }
}

export type SearchRepository = ReturnType<typeof createSearchRepository>

function byWords(words: string) {
  const each = [...new Set(words.split(' '))].map((word) => sql`words like ${pattern(word)}`)
  const own = (like: string) => sql`film_words(original_name, null) like ${like}`
  return {
    condition: sql.join(each, sql` and `),
    // Names are normalised only where it can matter: that is the slowest part.
    rank: sql`case
      when words like ${` ${words} %`} and film_words(name, null) = ${` ${words} `} then 0
      when words like ${`% ${words} `} and ${own(` ${words} `)} then 0
      when words like ${` ${words}%`} then 1
      when words like ${`% ${words}%`} and ${own(` ${words}%`)} then 1
      when words like ${pattern(words)} then 2 else 3 end`,
  }
}

/** A query without letters and digits. */
function bySigns(query: string) {
  const literal = query.normalize('NFC')
  const holds = `%${literal.replace(/[\\%_]/g, '\\$&')}%`
  const signs = [...literal.replace(/\s/g, '')]
  return {
    condition: sql`film_signs(name, original_name) @> ${sql.param(signs)}::text[]
      and name || ' ' || coalesce(original_name, '') like ${holds}`,
    rank: sql`case when ${literal} in (name, original_name) then 0 else 1 end`,
  }
}
