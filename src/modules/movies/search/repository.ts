import { type SQL, sql } from 'drizzle-orm'
import { pattern } from '../../../catalogue/film-filter.ts'
import { movieColumns } from '../../../catalogue/movie-columns.ts'
import { byIndex, byTrigrams, filmNames } from '../../../catalogue/title-search.ts'
import type { Db } from '../../../db/connect.ts'
import { films } from '../../../db/schema/films.ts'

/** A title to be found, its words in the form of films.words, and what else is known of the film. */
export interface WantedTitle {
  title: string
  words: string
  year: number | undefined
  isSeries: boolean | undefined
}

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

const series = sql`kinopoisk->>'type' in ('TV_SERIES', 'MINI_SERIES', 'TV_SHOW')`

const itemColumns = {
  id: films.id,
  kinopoisk_id: movieColumns.kinopoisk_id,
  imdb_id: sql<string | null>`${films.kinopoisk}->>'imdb_id'`,
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
     * contain them as typed, contain all of them; within each the most voted first. Films of another year are left out;
     * those of the other kind, a film or a series, come last. Beyond 1000 matches only 1000 are ranked and counted.
     */
    async findHolding({ title, words, year, isSeries }: WantedTitle): Promise<FoundIds> {
      const { condition, rank } = words === '' ? bySigns(title) : byWords(words)
      const named = (column: SQL) => sql`
        select id from films where film_sort_name(${column}) = film_sort_name(${title}) and ${isOfYear(year)}
        limit ${maxShown}`
      const kind = isSeries === undefined ? sql`` : sql`${isSeries ? sql`not ` : sql``}coalesce(${series}, false),`
      const rows = await byIndex(db, (tx) =>
        tx.execute<{ id: number; total: number }>(sql`
          with found as (
            (${named(sql`name`)}) union (${named(sql`original_name`)}) union
            (select id from films where ${condition} and ${isOfYear(year)} limit ${maxRanked}))
          select id, count(*) over ()::int as total from films where id = any(array(select id from found))
          order by ${kind} ${rank}, ${popular} limit ${maxShown}`),
      )
      return { ids: rows.map((row) => row.id), total: rows[0]?.total ?? 0 }
    },

    /**
     * Up to 2000 films whose names share this part of the trigrams of `words`; the lower it is, the longer it takes.
     * Undefined when it takes longer than `maxMs`.
     */
    findSimilar(words: string, year: number | undefined, limits: { shared: number; maxMs: number }) {
      const similar = (tx: Db) =>
        tx
          .select({ id: films.id, words: films.words })
          .from(films)
          .where(sql`${words} <% ${films.words} and ${isOfYear(year)}`)
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

/**
 * Within a year of it, as sources differ; a series in any year that it ran. Films without a year are not left out, nor
 * those that have the number in their name.
 */
function isOfYear(year: number | undefined): SQL {
  if (year === undefined) return sql`true`
  const [first, last] = [sql`${year - 1}::int`, sql`${year + 1}::int`]
  return sql`(films.year is null or films.year between ${first} and ${last}
    or ${series} and films.year <= ${last} and coalesce((kinopoisk->>'end_year')::int, ${last}) >= ${first}
    or words like ${pattern(String(year))})`
}

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
