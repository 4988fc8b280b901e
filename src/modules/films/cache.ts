import stringifier from 'fast-json-stringify'
import type { Memory } from '../../cache/cache.ts'
import { toWire, type Wire } from '../../http/json-payload.ts'
import type { FilmRepository, FilmRow } from './repository.ts'
import { Film } from './schemas.ts'

const stringify = stringifier(Film as object)
const toJson = (film: FilmRow): Wire => toWire(stringify(film))

export type FilmShelf = ReturnType<typeof createFilmShelf>

/** The films that were asked for lately, in memory, as JSON. */
export function createFilmShelf({
  films,
  memory,
}: {
  films: Pick<FilmRepository, 'find' | 'findMany'>
  memory: Memory
}) {
  const shelf = memory.shelf<number, Wire>({
    name: 'film',
    sizeOf: ({ bytes }) => bytes.length,
    dropped: { film: 'one', text: 'one' },
    walkable: true,
  })
  return {
    get: shelf.get,

    find: (id: number) =>
      shelf.find(id, async () => {
        const film = await films.find(id)
        return film && toJson(film)
      }),

    /** In the order of `ids`, without those that are gone. */
    async findMany(ids: number[]): Promise<Wire[]> {
      const found = await shelf.findMany(ids, async (missing) => {
        const rows = await films.findMany(missing)
        return new Map(rows.map((film) => [film.id, toJson(film)]))
      })
      return found.filter((film) => film !== undefined)
    },
  }
}
