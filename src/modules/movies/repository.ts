import { eq, inArray, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { setGenres } from '../../db/film-genres.ts'
import { movieColumns, withGenre } from '../../db/movies.ts'
import { pageSize } from '../../db/page.ts'
import { films } from '../../db/schema/films.ts'
import { favourites, wishlist } from '../../db/schema/lists.ts'

export { pageSize }

/** Of the catalogue: by id, or newest year first, then id descending. Each is a range of one index. */
const orders = { id: sql`films.id`, new: sql`films.year desc, films.id desc` }

/** A film that upstream told about. `kinopoisk` is kept as it is; the rest is what the film's own columns take of it. */
export interface KnownFilm {
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
  kinopoisk_synced_at: Date
}

export function createMovieRepository(db: Db) {
  const byId = db
    .select(movieColumns)
    .from(films)
    .where(eq(films.id, sql.placeholder('id')))
    .prepare('movie_by_id')
  const listedById = db
    .select(movieColumns)
    .from(films)
    .where(sql`${eq(films.id, sql.placeholder('id'))} and films.listed`)
    .prepare('listed_movie_by_id')
  return {
    async find(id: number) {
      const [row] = await byId.execute({ id })
      return row && withGenre(row)
    },

    /** The same of a film in the catalogue only. */
    async findListed(id: number) {
      const [row] = await listedById.execute({ id })
      return row && withGenre(row)
    },

    /** A page of the catalogue, from 1. */
    async listPage(order: keyof typeof orders, page: number) {
      // The ids first: what is skipped are entries of the index, and not films.
      const ids = sql`select films.id from films where films.listed order by ${orders[order]}
        limit ${pageSize} offset ${(page - 1) * pageSize}`
      const rows = await db.select(movieColumns).from(films).where(sql`films.id in (${ids})`).orderBy(orders[order])
      return rows.map(withGenre)
    },

    /**
     * Stores what upstream told, unless something newer is there. Of a listed film only the Kinopoisk part changes:
     * the rest is the administrator's.
     */
    async save(film: KnownFilm): Promise<void> {
      const { genres: names, ...row } = film
      await db.transaction(async (tx) => {
        const curated = (column: string) =>
          sql.raw(`case when films.listed then films.${column} else excluded.${column} end`)
        const saved = await tx
          .insert(films)
          .values(row)
          .onConflictDoUpdate({
            target: films.id,
            set: {
              name: curated('name'),
              original_name: curated('original_name'),
              year: curated('year'),
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
          .returning({ listed: films.listed })
        if (saved[0]?.listed === false) await setGenres(tx, film.id, names)
      })
    },

    /** Which of `ids` the user keeps in which list. */
    async findMarks(userId: number, ids: number[]) {
      if (ids.length === 0) return { favourites: new Set<number>(), wishlist: new Set<number>() }
      const marks = (table: typeof favourites | typeof wishlist, list: 'favourites' | 'wishlist') =>
        db
          .select({ id: table.film_id, list: sql<typeof list>`${list}` })
          .from(table)
          .where(sql`${table.user_id} = ${userId} and ${inArray(table.film_id, ids)}`)
      const rows = await marks(favourites, 'favourites').unionAll(marks(wishlist, 'wishlist'))
      const of = (list: string) => new Set(rows.filter((row) => row.list === list).map((row) => row.id))
      return { favourites: of('favourites'), wishlist: of('wishlist') }
    },
  }
}

export type MovieRepository = ReturnType<typeof createMovieRepository>
