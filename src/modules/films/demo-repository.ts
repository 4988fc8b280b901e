import { inArray, sql } from 'drizzle-orm'
import { setGenresOf } from '../../catalogue/film-genres.ts'
import type { Db } from '../../db/connect.ts'
import { directors } from '../../db/schema/directors.ts'
import { films } from '../../db/schema/films.ts'

/** A Kinopoisk film of the demo catalogue. */
export interface DemoFilm {
  id: number
  name: string
  original_name: string | null
  year: number
  minutes: number
  rate: number
  description: string | null
  poster_url: string
  director: { kinopoisk_id: number; name: string }
  genres: string[]
}

export function createDemoRepository(db: Db) {
  return {
    /**
     * Lists `demo`, all or nothing, if the database never had a film; false otherwise. That is visible without a flag:
     * a Kinopoisk film that leaves the catalogue stays as a row, and a film made here took its id from the sequence,
     * even if it was deleted.
     */
    async seed(demo: DemoFilm[]): Promise<boolean> {
      if (demo.length === 0 || (await hasHadFilms(db))) return false
      return db.transaction(async (tx) => {
        // Another process may do the same, or serve already. In the order in which an import of a film locks them.
        await tx.execute(sql`lock table directors, films, genres in share row exclusive mode`)
        if (await hasHadFilms(tx)) return false
        const directorIds = await upsertDirectors(
          tx,
          demo.map((film) => film.director),
        )
        const rows = demo.map(({ director, genres: _, ...film }) => ({
          ...film,
          director_id: directorIds.get(director.kinopoisk_id),
          listed: true,
        }))
        await tx.insert(films).values(rows)
        await setGenresOf(tx, demo)
        return true
      })
    },
  }
}

async function hasHadFilms(db: Db): Promise<boolean> {
  const [row] = await db.execute<{ found: boolean }>(sql`
    select exists (select from films)
      or pg_sequence_last_value(pg_get_serial_sequence('films', 'id')::regclass) is not null as found`)
  return row?.found === true
}

/** Their ids by their Kinopoisk ids. Directors that exist stay as they are. */
async function upsertDirectors(tx: Db, named: DemoFilm['director'][]): Promise<Map<number, number>> {
  const wanted = [...new Map(named.map((director) => [director.kinopoisk_id, director])).values()]
  await tx.insert(directors).values(wanted).onConflictDoNothing({ target: directors.kinopoisk_id })
  const ids = wanted.map((director) => director.kinopoisk_id)
  const rows = await tx
    .select({ id: directors.id, kinopoisk_id: sql<number>`${directors.kinopoisk_id}` })
    .from(directors)
    .where(inArray(directors.kinopoisk_id, ids))
  return new Map(rows.map((row) => [row.kinopoisk_id, row.id]))
}
