import stringifier from 'fast-json-stringify'
import type { Cache } from '../../cache/cache.ts'
import { findAllOf } from '../../cache/lagging-rows.ts'
import { type JsonPayload, serialize } from '../../http/json-payload.ts'
import type { KinopoiskFilm } from '../../kinopoisk/normalise.ts'
import type { MovieRepository, MovieRow } from './repository.ts'
import { Movie } from './schemas.ts'

/** The path of a film's picture here; null where there is none to be had. */
export type PosterOf = (id: number, url: string | null) => string | null

/** A movie as it is sent, and what decisions about it need. */
export interface CachedMovie {
  id: number
  listed: boolean
  json: JsonPayload
  /** False where only a search or a vote is known. */
  complete: boolean
  /** When upstream last sent the film, in ms since 1970; undefined if it never did. */
  syncedAt: number | undefined
}

const stringify = stringifier(Movie as object)

export type MovieCache = ReturnType<typeof createMovieCache>

interface Dependencies {
  movies: Pick<MovieRepository, 'find' | 'findMany'>
  /** May read at a standby. */
  laggingMovies: Pick<MovieRepository, 'findMany'>
  cache: Cache
}

/** The movies that were requested lately, in memory. */
export function createMovieCache({ movies, laggingMovies, cache }: Dependencies) {
  const region = cache.region<number, CachedMovie>({
    name: 'movie',
    sizeOf: ({ json }) => json.bytes.length,
    invalidatedBy: { film: 'one', text: 'one', fans: 'one' },
    scanResistant: true,
  })
  const find = (id: number) =>
    region.find(id, async () => {
      const row = await movies.find(id)
      return row && toCached(row)
    })
  const findManyBy = (read: MovieRepository['findMany']) => async (ids: number[]) => {
    const found = await region.findMany(ids, async (missing) => {
      const rows = await read(missing)
      return new Map(rows.map((row) => [row.id, toCached(row)]))
    })
    return found.filter((movie) => movie !== undefined)
  }
  return {
    get: region.get,
    find,

    /** In the order of `ids`, without unknown ones. */
    findMany: findManyBy(movies.findMany),

    /** The same for the catalogue. */
    findManyLagging: findManyBy((ids) => findAllOf(ids, laggingMovies.findMany, movies.findMany)),

    /** As it is in the database now, after a change by this process. */
    reload(id: number) {
      region.invalidate(id)
      return find(id)
    },
  }
}

function toCached(row: MovieRow): CachedMovie {
  const block = row.kinopoisk as (Pick<KinopoiskFilm, 'synced_at'> & { complete?: boolean }) | null
  return {
    id: row.id,
    listed: row.listed,
    json: serialize(stringify(row)),
    // A film that is, or was, listed has a director.
    complete: block ? block.complete !== false : row.director_id !== null,
    syncedAt: block?.synced_at === undefined ? undefined : Date.parse(block.synced_at),
  }
}
