import { AppError } from '../../errors.ts'
import type { QueueKey } from '../../semaphore.ts'
import { normalizeName } from '../../text/names.ts'
import type { GenreRepository } from './repository.ts'

export type GenreService = ReturnType<typeof createGenreService>

interface Dependencies {
  genres: GenreRepository
  lagging: GenreRepository
  /** How many films of the catalogue have each genre, by its id. */
  countFilms(caller: QueueKey): Promise<Map<number, number>>
}

/**
 * Every call throws genre_not_found for an unknown id; taken names and genres in use are found by the database's
 * constraints. `lagging` may read at a standby.
 */
export function createGenreService({ genres, lagging, countFilms }: Dependencies) {
  return {
    list: lagging.list,

    /** With how many films of the catalogue have each. @throws {AppError} overloaded */
    async *listWithCounts(caller: QueueKey, page?: number) {
      const counts = await countFilms(caller)
      for await (const { items, isLast } of lagging.list(page)) {
        yield { items: items.map((genre) => ({ ...genre, films_count: counts.get(genre.id) ?? 0 })), isLast }
      }
    },

    create: (name: string) => genres.insert(normalizeName(name)),
    find: async (id: number) => (await lagging.find(id)) ?? notFound(id),
    rename: async (id: number, name: string) => (await genres.rename(id, normalizeName(name))) ?? notFound(id),
    remove: async (id: number) => (await genres.remove(id)) || notFound(id),
  }
}

function notFound(id: number): never {
  throw new AppError('genre_not_found', { detail: `There is no genre with the id ${id}` })
}
