import stringifier from 'fast-json-stringify'
import type { Cache } from '../../cache/cache.ts'
import { findAllOf } from '../../cache/lagging-rows.ts'
import { type JsonPayload, serialize } from '../../http/json-payload.ts'
import type { FilmRepository, FilmRow } from './repository.ts'
import { Film } from './schemas.ts'

const stringify = stringifier(Film as object)

/** A film as JSON, and whether it is in the catalogue. */
export interface CachedFilm extends JsonPayload {
  listed: boolean
}

const toCached = (film: FilmRow): CachedFilm => ({ ...serialize(stringify(film)), listed: film.listed })

export type FilmCache = ReturnType<typeof createFilmCache>

interface Dependencies {
  films: Pick<FilmRepository, 'find' | 'findMany'>
  /** May read at a standby. */
  laggingFilms: Pick<FilmRepository, 'findMany'>
  cache: Cache
}

/** The films that were requested lately, in memory, as JSON. */
export function createFilmCache({ films, laggingFilms, cache }: Dependencies) {
  const region = cache.region<number, CachedFilm>({
    name: 'film',
    sizeOf: ({ bytes }) => bytes.length,
    invalidatedBy: { film: 'one', text: 'one' },
    scanResistant: true,
  })
  return {
    get: region.get,

    find: (id: number) =>
      region.find(id, async () => {
        const film = await films.find(id)
        return film && toCached(film)
      }),

    /** In the order of `ids`, without those that are gone. */
    async findMany(ids: number[]): Promise<JsonPayload[]> {
      const found = await region.findMany(ids, async (missing) => {
        const rows = await findAllOf(missing, laggingFilms.findMany, films.findMany)
        return new Map(rows.map((film) => [film.id, toCached(film)]))
      })
      return found.filter((film) => film !== undefined)
    },
  }
}
