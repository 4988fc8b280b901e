import { AppError } from '../../errors.ts'
import { normalizeName } from '../../text/names.ts'
import type { GenreRepository } from './repository.ts'

export type GenreService = ReturnType<typeof createGenreService>

/**
 * Every call throws genre_not_found for an unknown id; taken names and genres in use are found by the database's
 * constraints. `lagging` may read at a standby.
 */
export function createGenreService({ genres, lagging }: { genres: GenreRepository; lagging: GenreRepository }) {
  return {
    list: lagging.list,
    create: (name: string) => genres.insert(normalizeName(name)),
    find: async (id: number) => (await lagging.find(id)) ?? notFound(id),
    rename: async (id: number, name: string) => (await genres.rename(id, normalizeName(name))) ?? notFound(id),
    remove: async (id: number) => (await genres.remove(id)) || notFound(id),
  }
}

function notFound(id: number): never {
  throw new AppError('genre_not_found', { detail: `There is no genre with the id ${id}` })
}
