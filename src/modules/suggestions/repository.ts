import { sql } from 'drizzle-orm'
import type { PosterOf } from '../../catalogue/movie-columns.ts'
import { wordsOf } from '../../catalogue/title-search.ts'
import type { Db } from '../../db/connect.ts'
import { films } from '../../db/schema/films.ts'

/** One step of a look-up: the tsquery that the index is asked for, and what the words of a name must hold. */
export interface Step {
  query: string
  likes: string[]
}

export interface SuggestedFilm {
  id: number
  title: string
  original_title: string | null
  year: number | null
  rating: number | null
  poster_url: string | null
  poster: string | null
}

const maxSuggested = 10

/** The films of a step, the best known first; as prepared, its plan is made once. */
export function createSuggestionRepository(db: Db, posterOf: PosterOf) {
  const steps = sql`unnest(${sql.placeholder('queries')}::text[], ${sql.placeholder('likes')}::text[])`
  // A film is looked for step by step, and no further than needed: the order of an unsorted loop.
  const query = db
    .select({
      id: sql<number>`found.id`,
      title: sql<string>`found.name`,
      original_title: sql<string | null>`found.original_name`,
      year: sql<number | null>`found.year`,
      rating: sql<number | null>`found.rate::float8`,
      poster_url: sql<string | null>`found.poster_url`,
    })
    .from(
      sql`${steps} as step (query, likes) cross join lateral (
        select ${films.id}, ${films.name}, ${films.original_name}, ${films.year}, ${films.rate}, ${films.poster_url}
        from ${films}
        where film_suggest_words(words, listed, rate, kinopoisk) @@ step.query::tsquery
          and words like all (step.likes::text[])
        order by (kinopoisk->>'rating_kinopoisk_votes')::float8 desc nulls last, rate desc nulls last, id
        limit ${sql.raw(`${maxSuggested}`)}) as found`,
    )
    .limit(maxSuggested)
    .prepare('suggested_films')

  return {
    readWords: wordsOf(db),

    /** At most ten, of the first steps that have any. */
    async find(all: Step[]): Promise<SuggestedFilm[]> {
      // Letters and digits alone, so that they stand in an array as they are.
      const literal = (items: string[]) => `{${items.map((item) => `"${item}"`).join()}}`
      const found = (await query.execute({
        queries: all.map(({ query }) => query),
        likes: all.map(({ likes }) => literal(likes)),
      })) as Omit<SuggestedFilm, 'poster'>[]
      return found.map((film) => ({ ...film, poster: posterOf(film.id, film.poster_url) }))
    },
  }
}

export type SuggestionRepository = ReturnType<typeof createSuggestionRepository>
