import { and, eq, inArray, sql } from 'drizzle-orm'
import { filmColumns, toFilm } from '../../catalogue/film-columns.ts'
import { type Filter, order, total, where } from '../../catalogue/film-filter.ts'
import { setGenres } from '../../catalogue/film-genres.ts'
import { minOwnId } from '../../catalogue/film-ids.ts'
import type { PosterOf } from '../../catalogue/movie-columns.ts'
import { filmNames } from '../../catalogue/title-search.ts'
import type { Db } from '../../db/connect.ts'
import { directors } from '../../db/schema/directors.ts'
import { films } from '../../db/schema/films.ts'
import { genres } from '../../db/schema/genres.ts'
import { createFilmPages } from './page-query.ts'

export type { Filter, Match } from '../../catalogue/film-filter.ts'
export type { Listing, Place } from './page-query.ts'

type Column =
  | 'name'
  | 'original_name'
  | 'rate'
  | 'year'
  | 'minutes'
  | 'description'
  | 'trailer'
  | 'poster_url'
  | 'director_id'
export type FilmColumns = Pick<typeof films.$inferInsert, Column>

/** A Kinopoisk film as it is put into the catalogue. */
export interface KinopoiskListing {
  film: FilmColumns & { id: number; kinopoisk: object; kinopoisk_synced_at: Date }
  genres: string[]
  /** Made if it isn't there yet, where the film names no director_id. */
  director: { kinopoisk_id: number; name: string } | undefined
}

const columns = { ...filmColumns, listed: films.listed }

export function createFilmRepository(db: Db, posterOf: PosterOf) {
  const byId = db
    .select(columns)
    .from(films)
    .leftJoin(directors, eq(directors.id, films.director_id))
    .where(eq(films.id, sql.placeholder('id')))
    .prepare('film_by_id')
  const byIds = db
    .select(columns)
    .from(films)
    .leftJoin(directors, eq(directors.id, films.director_id))
    .where(sql`films.id = any(${sql.placeholder('ids')}::int[])`)
    .prepare('films_by_ids')

  return {
    ...filmNames(db),
    list: createFilmPages(db),

    /** Those of `ids` that are known, in any order. */
    async findMany(ids: number[]) {
      return (await byIds.execute({ ids: `{${ids.join()}}` })).map((row) => toFilm(row, posterOf))
    },

    /** The films of a filter, the best first, those without a rate last, ties by id; at most `limit`. */
    async rank(filter: Filter, limit: number): Promise<{ id: number; rate: number | null; year: number }[]> {
      return db.execute<{ id: number; rate: number | null; year: number }>(sql`
        select films.id, films.rate::float8 as rate, films.year from films
        where ${where(filter)} order by ${order('-rate')} limit ${limit}`)
    },

    /** True for a genre so common that a scan in any order soon meets its films. */
    async isCommon(genreId: number): Promise<boolean> {
      const [row] = await db.execute<{ common: boolean }>(sql`
        select count(*) >= least(5000, greatest(1, reltuples / 50)) as common
        from (select from film_genres where genre_id = ${genreId} limit 5000) few, pg_class
        where pg_class.oid = 'films'::regclass group by reltuples`)
      return row?.common ?? false
    },

    async count(filter: Filter): Promise<number> {
      const [row] = await db.execute<{ total: number }>(sql`select ${total(filter)} as total`)
      return row?.total ?? 0
    },

    async find(id: number) {
      const [row] = await byId.execute({ id })
      return row && toFilm(row, posterOf)
    },

    async isListed(id: number): Promise<boolean> {
      const rows = await db
        .select({ id: films.id })
        .from(films)
        .where(and(eq(films.id, id), films.listed))
      return rows.length > 0
    },

    /** The ids, ascending, of the genres with these names (in any case) or ids. */
    async findGenreIds(names: string[]): Promise<number[]> {
      const ids = names.filter((name) => /^\d{1,9}$/.test(name)).map(Number)
      const lowered = sql`(select lower(name) from unnest(${sql.param(names)}::text[]) as wanted (name))`
      const rows = await db
        .select({ id: genres.id })
        .from(genres)
        .where(sql`lower(${genres.name}) in ${lowered} or ${inArray(genres.id, [0, ...ids])}`)
        .orderBy(genres.id)
      return rows.map((row) => row.id)
    },

    /** The id of the new film; undefined when there is no such director. */
    insert(film: FilmColumns & { director_id: number }, names: string[]): Promise<number | undefined> {
      return db.transaction(async (tx) => {
        if (!(await lockDirector(tx, film.director_id))) return undefined
        const [row] = await tx
          .insert(films)
          .values({ ...film, listed: true })
          .returning({ id: films.id })
        const { id } = row as { id: number }
        await setGenres(tx, id, names)
        return id
      })
    },

    /** Changes a listed film. */
    update(id: number, change: Partial<FilmColumns>, names?: string[]): Promise<'done' | 'no film' | 'no director'> {
      return db.transaction(async (tx) => {
        const listed = and(eq(films.id, id), films.listed)
        const found = await tx.select({ id: films.id }).from(films).where(listed).for('no key update')
        if (found.length === 0) return 'no film'
        if (change.director_id && !(await lockDirector(tx, change.director_id))) return 'no director'
        await tx
          .update(films)
          .set({ ...change, sandbox: false, updated_at: sql`now()` })
          .where(listed)
        if (names) await setGenres(tx, id, names)
        return 'done'
      })
    },

    /** Takes a Kinopoisk film into the catalogue, known before or not. */
    async listKinopoisk(listing: KinopoiskListing): Promise<'done' | 'listed already' | 'no director'> {
      const { film, genres: names, director } = listing
      return db.transaction(async (tx) => {
        const director_id = director ? await upsertDirector(tx, director) : film.director_id
        if (!director && !(director_id && (await lockDirector(tx, director_id)))) return 'no director'
        const { id, kinopoisk, kinopoisk_synced_at, ...curated } = film
        const newer = (column: string) =>
          sql.raw(`case when coalesce(films.kinopoisk_synced_at > excluded.kinopoisk_synced_at, false)
            then films.${column} else excluded.${column} end`)
        const saved = await tx
          .insert(films)
          .values({ ...film, director_id, listed: true })
          .onConflictDoUpdate({
            target: films.id,
            set: {
              ...curated,
              director_id,
              listed: true,
              kinopoisk: newer('kinopoisk'),
              kinopoisk_synced_at: newer('kinopoisk_synced_at'),
              updated_at: sql`now()`,
            },
            setWhere: sql`not ${films.listed}`,
          })
          .returning({ id: films.id })
        if (saved.length === 0) return 'listed already'
        await setGenres(tx, id, names)
        return 'done'
      })
    },

    /**
     * Takes a film out of the catalogue. A film made here that no list and no rating refers to is deleted. False when
     * it was not listed. The lock waits for transactions that are adding it to a list, and blocks those that are about
     * to.
     */
    remove(id: number): Promise<boolean> {
      return db.transaction(async (tx) => {
        const listed = and(eq(films.id, id), films.listed)
        const found = await tx.select({ id: films.id }).from(films).where(listed).for('update')
        if (found.length === 0) return false
        const isReferenced = sql.join(
          ['favourites', 'wishlist', 'ratings'].map(
            (list) => sql`exists (select from ${sql.identifier(list)} where film_id = ${id})`,
          ),
          sql` or `,
        )
        const gone = await tx
          .delete(films)
          .where(sql`${films.id} = ${id} and ${films.id} >= ${minOwnId} and not (${isReferenced})`)
          .returning({ id: films.id })
        if (gone.length === 0) {
          await tx.update(films).set({ listed: false, updated_at: sql`now()` }).where(listed)
        }
        return true
      })
    },
  }
}

export type FilmRepository = ReturnType<typeof createFilmRepository>
export type FilmRow = NonNullable<Awaited<ReturnType<FilmRepository['find']>>>

/** Locks the director until the transaction ends, so that no film is left without; false when there is none. */
async function lockDirector(tx: Db, id: number): Promise<boolean> {
  const rows = await tx.select({ id: directors.id }).from(directors).where(eq(directors.id, id)).for('key share')
  return rows.length > 0
}

/** The id of the director with this Kinopoisk id; a name that was changed here stays. */
async function upsertDirector(tx: Db, director: { kinopoisk_id: number; name: string }): Promise<number | undefined> {
  const [row] = await tx
    .insert(directors)
    .values(director)
    .onConflictDoUpdate({ target: directors.kinopoisk_id, set: { kinopoisk_id: director.kinopoisk_id } })
    .returning({ id: directors.id })
  return row?.id
}
