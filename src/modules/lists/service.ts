import { AppError } from '../../errors.ts'
import type { MovieService } from '../movies/service.ts'
import type { ListRepository } from './repository.ts'

export type ListService = ReturnType<typeof createListService>

interface Dependencies {
  list: ListRepository
  movies: Pick<MovieService, 'findKnown' | 'findStored'>
}

export function createListService({ list, movies }: Dependencies) {
  return {
    find: list.find,

    /** @throws {AppError} movie_not_found, or upstream_* when the film is not known at all and can't be asked about */
    async add(userId: number, filmId: number) {
      await movies.findKnown(filmId)
      const added = await list.add(userId, filmId)
      return { added, movie: await movies.findStored(filmId) }
    },

    /** Removing what was not in the list is fine. @throws {AppError} movie_not_found */
    async remove(userId: number, filmId: number): Promise<void> {
      if (!(await list.isFilm(filmId))) {
        throw new AppError('movie_not_found', { detail: `There is no movie with the id ${filmId}` })
      }
      await list.remove(userId, filmId)
    },
  }
}
