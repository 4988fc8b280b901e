import { eq, sql } from 'drizzle-orm'
import { type Filter, where } from '../../catalogue/film-filter.ts'
import { setGenres, setGenresOf } from '../../catalogue/film-genres.ts'
import { movieColumns, type PosterOf, toMovie } from '../../catalogue/movie-columns.ts'
import type { Db } from '../../db/connect.ts'
import { pageSize } from '../../db/page.ts'
import { films } from '../../db/schema/films.ts'

export { pageSize }

/** Of the catalogue: by id, or newest year first, then id descending. Each is a range of one index. */
const orders = { id: sql`films.id`, new: sql`films.year desc, films.id desc` }

/** A film by upstream, in full or in part. `kinopoisk` is stored as it is; the rest is for the film's own columns. */
export interface PartialFilm {
  id: number
  name: string
  original_name: string | null
  year: number | null
  minutes: number | null
  rate: number | null
  description: string | null
  poster_url: string | null
  genres: string[]
  kinopoisk: object
}

/** In full. */
export interface KnownFilm extends PartialFilm {
  kinopoisk_synced_at: Date
}

const columns = { ...movieColumns, listed: films.listed }
const maxSameImdb = 20

export function createMovieRepository(db: Db, posterOf: PosterOf) {
  const byId = db
    .select(columns)
    .from(films)
    .where(eq(films.id, sql.placeholder('id')))
    .prepare('movie_by_id')
  const byIds = db
    .select(columns)
    .from(films)
    .where(sql`films.id = any(${sql.placeholder('ids')}::int[])`)
    .prepare('movies_by_ids')
  const byImdb = db
    .select({ id: films.id, syncedAt: sql<string | null>`films.kinopoisk->>'synced_at'` })
    .from(films)
    .where(sql`films.kinopoisk->>'imdb_id' = ${sql.placeholder('imdbId')}`)
    .orderBy(sql`(films.kinopoisk->>'rating_kinopoisk_votes')::int desc nulls last`, films.id)
    .limit(maxSameImdb)
    .prepare('movies_by_imdb')
  return {
    async find(id: number) {
      const [row] = await byId.execute({ id })
      return row && toMovie(row, posterOf)
    },

    /** The known ones of `ids`, in any order. */
    async findMany(ids: number[]) {
      return (await byIds.execute({ ids: `{${ids.join()}}` })).map((row) => toMovie(row, posterOf))
    },

    /**
     * The films with an IMDb id, the most voted first, and when upstream sent them: it gives one IMDb id to several films
     * at times.
     */
    async findByImdb(imdbId: string) {
      const rows = await byImdb.execute({ imdbId })
      return rows.map(({ id, syncedAt }) => ({ id, syncedAt: syncedAt === null ? undefined : new Date(syncedAt) }))
    },

    /** The ids of a page of the catalogue, or of its films that a filter has; from 1. */
    async listPage(order: keyof typeof orders, page: number, filter: Filter = {}): Promise<number[]> {
      const rows = await db
        .select({ id: films.id })
        .from(films)
        .where(where(filter))
        .orderBy(orders[order])
        .limit(pageSize)
        .offset((page - 1) * pageSize)
      return rows.map((row) => row.id)
    },
  }
}

/** Over a transaction: a film is several statements. */
export function createFilmWriter(tx: Db) {
  return {
    /**
     * Stores a film in full, unless something newer is there. Of a listed film only the Kinopoisk part changes: the
     * rest is the administrator's.
     */
    async save(film: KnownFilm): Promise<void> {
      const { genres: names, ...row } = film
      const saved = await tx
        .insert(films)
        .values(row)
        .onConflictDoUpdate({
          target: films.id,
          set: {
            name: freeName,
            original_name: curated('original_name'),
            // A film of the catalogue has one.
            year: sql`coalesce(${curated('year')}, films.year)`,
            minutes: curated('minutes'),
            rate: curated('rate'),
            description: curated('description'),
            poster_url: curated('poster_url'),
            kinopoisk: row.kinopoisk,
            kinopoisk_synced_at: row.kinopoisk_synced_at,
            updated_at: sql`now()`,
          },
          setWhere: sql`coalesce(${films.kinopoisk_synced_at} < excluded.kinopoisk_synced_at, true)`,
        })
        .returning({ listed: films.listed, sandbox: films.sandbox })
      const [{ listed, sandbox } = { listed: true, sandbox: false }] = saved
      if (sandbox) await tx.update(films).set({ sandbox: false }).where(eq(films.id, film.id))
      if (!listed || (sandbox && names.length > 0)) await setGenres(tx, film.id, names)
    },

    /**
     * The same of partially known films, each once: what is known in full stays, and so do members that are absent now.
     * Rows are locked in the order of ids everywhere, so that two transactions cannot deadlock.
     */
    async upsertPartial(partial: PartialFilm[]): Promise<void> {
      if (partial.length === 0) return
      const rows = partial.map(({ genres: _, ...row }) => row).toSorted((a, b) => a.id - b.id)
      const saved = await tx
        .insert(films)
        .values(rows)
        .onConflictDoUpdate({
          target: films.id,
          set: {
            name: curated('name'),
            original_name: filled('original_name'),
            year: filled('year'),
            minutes: filled('minutes'),
            rate: filled('rate'),
            description: filled('description'),
            poster_url: filled('poster_url'),
            // One list tells what another does not: what is unknown now stays as it was.
            kinopoisk: sql`excluded.kinopoisk || coalesce(films.kinopoisk, '{}') || jsonb_strip_nulls(excluded.kinopoisk)`,
            updated_at: curated('updated_at'),
          },
          // As text in ISO 8601; only details in full have kinopoisk_synced_at.
          setWhere: sql`${films.kinopoisk_synced_at} is null and coalesce(
            ${films.kinopoisk}->>'synced_at' collate "C" < excluded.kinopoisk->>'synced_at', true)`,
        })
        .returning({ id: films.id, listed: films.listed })
      const unlisted = new Set(saved.filter((film) => !film.listed).map((film) => film.id))
      const named = partial.filter((film) => unlisted.has(film.id) && film.genres.length > 0)
      if (named.length > 0) await setGenresOf(tx, named)
    },
  }
}

export type FilmWriter = ReturnType<typeof createFilmWriter>
export type MovieRepository = ReturnType<typeof createMovieRepository>
export type MovieRow = NonNullable<Awaited<ReturnType<MovieRepository['find']>>>

const isCurated = 'films.listed and not films.sandbox'

/** Of a listed film the administrator's value, else the new one. */
function curated(column: string) {
  return sql.raw(`case when ${isCurated} then films.${column} else excluded.${column} end`)
}

/** The same; also of a film of the sandbox where the name is taken in the catalogue. */
const freeName = sql.raw(`case when ${isCurated} or films.listed and exists (
  select from films other where other.listed and lower(other.name) = lower(excluded.name) and other.id <> films.id
) then films.name else excluded.name end`)

function filled(column: string) {
  return sql.raw(`case when films.listed then films.${column} else coalesce(excluded.${column}, films.${column}) end`)
}
