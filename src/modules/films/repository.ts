import { and, eq, inArray, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { setGenres } from '../../db/film-genres.ts'
import { type Filter, order, type Position, type Sort, sortKey, total, where } from '../../db/film-listing.ts'
import { filmNames } from '../../db/film-names.ts'
import { filmColumns, withFirstGenre } from '../../db/films.ts'
import { directors } from '../../db/schema/directors.ts'
import { films } from '../../db/schema/films.ts'
import { genres } from '../../db/schema/genres.ts'

export type { Filter, Match } from '../../db/film-listing.ts'

export interface Listing {
  filter: Filter
  sort: Sort
  limit: number
  offset: number
  /** Excludes an offset. */
  position?: Position | undefined
}

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

export function createFilmRepository(db: Db) {
  const byId = db
    .select(filmColumns)
    .from(films)
    .leftJoin(directors, eq(directors.id, films.director_id))
    .where(eq(films.id, sql.placeholder('id')))
    .prepare('film_by_id')
  const page = (listing: Listing) => selectPage(db, listing)
  // Listings without filters, one statement for each sort, limit, and with or without a position.
  const prepared = new Map<string, ReturnType<ReturnType<typeof page>['prepare']>>()

  function statement({ sort, limit, position }: Listing) {
    const name = `films_by_${sort}_${limit}${position ? '_behind' : ''}`
    const known = prepared.get(name)
    if (known) return known
    const holes = position && { key: sql.placeholder('key'), id: sql.placeholder('id') }
    const made = page({ filter: {}, sort, limit, offset: 0, position: holes }).prepare(name)
    prepared.set(name, made)
    return made
  }

  return {
    ...filmNames(db),

    /** In order, one film more than `limit` if there is one. `sort_key` and `id` are the position behind a film. */
    async list(listing: Listing) {
      const plain = Object.keys(listing.filter).length === 0 && listing.offset === 0
      const rows = await (plain ? statement(listing).execute({ ...listing.position }) : page(listing))
      return rows.map((row) => withFirstGenre({ ...row, sort_key: readKey(row.sort_key, listing.sort) }))
    },

    async count(filter: Filter): Promise<number> {
      const [row] = await db.execute<{ total: number }>(sql`select ${total(filter)} as total`)
      return row?.total ?? 0
    },

    async find(id: number) {
      const [row] = await byId.execute({ id })
      return row && withFirstGenre(row)
    },

    async isListed(id: number): Promise<boolean> {
      const rows = await db
        .select({ id: films.id })
        .from(films)
        .where(and(eq(films.id, id), films.listed))
      return rows.length > 0
    },

    /** The ids, ascending, of the genres that are named, by name (any case) or by id. */
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
        if (!(await holdDirector(tx, film.director_id))) return undefined
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
        if (change.director_id && !(await holdDirector(tx, change.director_id))) return 'no director'
        await tx
          .update(films)
          .set({ ...change, updated_at: sql`now()` })
          .where(listed)
        if (names) await setGenres(tx, id, names)
        return 'done'
      })
    },

    /** Takes a Kinopoisk film into the catalogue, known before or not. */
    async listKinopoisk(listing: KinopoiskListing): Promise<'done' | 'listed already' | 'no director'> {
      const { film, genres: names, director } = listing
      return db.transaction(async (tx) => {
        const director_id = director ? await keepDirector(tx, director) : film.director_id
        if (!director && !(director_id && (await holdDirector(tx, director_id)))) return 'no director'
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
     * Takes a film out of the catalogue; one made here that nobody keeps or rated goes for good. False when it was not in
     * the catalogue. The lock waits out who is just adding it to a list, and holds back who is about to.
     */
    remove(id: number): Promise<boolean> {
      return db.transaction(async (tx) => {
        const listed = and(eq(films.id, id), films.listed)
        const found = await tx.select({ id: films.id }).from(films).where(listed).for('update')
        if (found.length === 0) return false
        const kept = sql.join(
          ['favourites', 'wishlist', 'ratings'].map(
            (list) => sql`exists (select from ${sql.identifier(list)} where film_id = ${id})`,
          ),
          sql` or `,
        )
        const gone = await tx
          .delete(films)
          .where(sql`${films.id} = ${id} and ${films.id} >= 1000000000 and not (${kept})`)
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

/** The ids first: an offset then skips entries of one index, and not films. */
function selectPage(db: Db, { filter, sort, limit, offset, position }: Listing) {
  const condition = where(filter, sort, position)
  // Literal: with a parameter PostgreSQL guesses at the number of rows, and plans anew every time.
  const slice = sql.raw(`limit ${limit + 1}${offset > 0 ? ` offset ${offset}` : ''}`)
  return db
    .select({ ...filmColumns, sort_key: sql<string | number>`${sortKey(sort)}` })
    .from(films)
    .leftJoin(directors, eq(directors.id, films.director_id))
    .where(sql`films.id in (select films.id from films where ${condition} order by ${order(sort)} ${slice})`)
    .orderBy(order(sort))
}

/** A numeric comes as text. */
function readKey(key: string | number, sort: Sort): string | number {
  return sort.endsWith('name') ? key : Number(key)
}

/** Holds the director until the transaction ends, so that no film is left without; false when there is none. */
async function holdDirector(tx: Db, id: number): Promise<boolean> {
  const rows = await tx.select({ id: directors.id }).from(directors).where(eq(directors.id, id)).for('key share')
  return rows.length > 0
}

/** The id of the director whom Kinopoisk names so; a name that was changed here stays. */
async function keepDirector(tx: Db, director: { kinopoisk_id: number; name: string }): Promise<number | undefined> {
  const [row] = await tx
    .insert(directors)
    .values(director)
    .onConflictDoUpdate({ target: directors.kinopoisk_id, set: { kinopoisk_id: director.kinopoisk_id } })
    .returning({ id: directors.id })
  return row?.id
}
