import { sql } from 'drizzle-orm'
import { setGenresOf } from '../../../catalogue/film-genres.ts'
import type { Db } from '../../../db/connect.ts'
import { films } from '../../../db/schema/films.ts'

export interface Title {
  title: string
  year: number | null
}

export interface Candidate {
  id: number
  imdb_id: string | null
  name: string
  original_name: string | null
  year: number | null
}

/** A film as a vote describes it. */
export interface VotedFilm {
  kinopoisk_id: number
  title: string
  original_title: string | null
  year: number | null
  rating: number | null
  poster_url: string | null
  genres: string[]
}

const columns = sql`films.id, films.kinopoisk->>'imdb_id' as imdb_id, films.name, films.original_name, films.year::int as year`

type Row = Candidate & Record<string, unknown>

export function createMatchingRepository(db: Db) {
  return {
    async findByIds(ids: number[]): Promise<Candidate[]> {
      return [...(await db.execute<Row>(sql`select ${columns} from films where id = any(${sql.param(ids)}::int[])`))]
    },

    async findByImdb(imdbIds: string[]): Promise<Candidate[]> {
      return [
        ...(await db.execute<Row>(sql`
          select ${columns} from films where kinopoisk->>'imdb_id' = any(${sql.param(imdbIds)}::text[])`)),
      ]
    },

    /**
     * The films with exactly the title, in either language, and the year (null: none); `position` is the index of the
     * title, from 1.
     */
    async findByTitle(titles: Title[]): Promise<(Candidate & { position: number })[]> {
      const wanted = sql`
        unnest(${sql.param(titles.map(({ title }) => title))}::text[], ${sql.param(titles.map(({ year }) => year))}::int[])
          with ordinality as wanted (title, year, position)`
      const found = (column: 'name' | 'original_name') => sql`
        select position::int as position, ${columns} from ${wanted}
        join films on film_sort_name(films.${sql.identifier(column)}) = film_sort_name(wanted.title)
          and films.year is not distinct from wanted.year`
      const rows = await db.execute<Row & { position: number }>(sql`${found('name')} union ${found('original_name')}`)
      return [...rows]
    },

    /** Inserts films that do not exist yet. Their details are not fetched: `kinopoisk` is null. */
    async addFilms(voted: VotedFilm[]): Promise<void> {
      const rows = voted.map((film) => ({
        id: film.kinopoisk_id,
        name: film.title,
        original_name: film.original_title,
        year: film.year,
        rate: film.rating,
        poster_url: film.poster_url,
      }))
      await db.transaction(async (tx) => {
        // In one order everywhere, so that two transactions cannot deadlock.
        const sorted = rows.toSorted((a, b) => a.id - b.id)
        const added = await tx.insert(films).values(sorted).onConflictDoNothing().returning({ id: films.id })
        const ids = new Set(added.map((film) => film.id))
        const fresh = voted.filter((film) => ids.has(film.kinopoisk_id))
        await setGenresOf(
          tx,
          fresh.map((film) => ({ id: film.kinopoisk_id, genres: film.genres })),
        )
      })
    },
  }
}

export type MatchingRepository = ReturnType<typeof createMatchingRepository>
