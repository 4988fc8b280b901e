import stringifier from 'fast-json-stringify'
import type { Memory } from '../../cache/cache.ts'
import { toWire, type Wire } from '../../http/json-payload.ts'
import type { KinopoiskFilm } from '../../kinopoisk/normalise.ts'
import type { MovieRepository, MovieRow } from './repository.ts'
import { Movie } from './schemas.ts'

/** A movie as it is sent, and what is asked about it without being sent. */
export interface KeptMovie {
  id: number
  listed: boolean
  json: Wire
  /** What upstream told is all there is; false where only a search or a vote told. */
  complete: boolean
  /** When upstream last told about the film, in ms since 1970; undefined for what it never told about. */
  syncedAt: number | undefined
}

const stringify = stringifier(Movie as object)

export type MovieShelf = ReturnType<typeof createMovieShelf>

/** The movies that were asked for lately, in memory. */
export function createMovieShelf({
  movies,
  memory,
}: {
  movies: Pick<MovieRepository, 'find' | 'findMany'>
  memory: Memory
}) {
  const shelf = memory.shelf<number, KeptMovie>({
    name: 'movie',
    sizeOf: ({ json }) => json.bytes.length,
    dropped: { film: 'one', text: 'one', fans: 'one' },
    walkable: true,
  })
  const find = (id: number) =>
    shelf.find(id, async () => {
      const row = await movies.find(id)
      return row && toKept(row)
    })
  return {
    get: shelf.get,
    find,

    /** In the order of `ids`, without those that are not known. */
    async findMany(ids: number[]): Promise<KeptMovie[]> {
      const found = await shelf.findMany(ids, async (missing) => {
        const rows = await movies.findMany(missing)
        return new Map(rows.map((row) => [row.id, toKept(row)]))
      })
      return found.filter((movie) => movie !== undefined)
    },

    /** As it is in the database now: for what this process has just changed. */
    findAnew(id: number) {
      shelf.forget(id)
      return find(id)
    },
  }
}

function toKept(row: MovieRow): KeptMovie {
  const block = row.kinopoisk as (Pick<KinopoiskFilm, 'synced_at'> & { complete?: boolean }) | null
  return {
    id: row.id,
    listed: row.listed,
    json: toWire(stringify(row)),
    // One that is, or was, in the catalogue has a director.
    complete: block ? block.complete !== false : row.director_id !== null,
    syncedAt: block?.synced_at === undefined ? undefined : Date.parse(block.synced_at),
  }
}
