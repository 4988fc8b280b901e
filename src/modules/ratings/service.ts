import { AppError } from '../../errors.ts'
import type { Caller } from '../../kinopoisk/request.ts'
import type { MovieService } from '../movies/service.ts'
import type { RatingRepository } from './repository.ts'

export type RatingService = ReturnType<typeof createRatingService>

interface Dependencies {
  ratings: RatingRepository
  movies: Pick<MovieService, 'findKnown'>
}

export function createRatingService({ ratings, movies }: Dependencies) {
  const find = async (userId: number, filmId: number) => (await ratings.find(userId, filmId)) ?? filmNotFound(filmId)

  return {
    list: ratings.list,

    /** @throws {AppError} film_not_found, rating_not_found */
    async find(userId: number, filmId: number) {
      const { value, created_at, updated_at, ...film } = await find(userId, filmId)
      if (value === null || created_at === null || updated_at === null) {
        throw new AppError('rating_not_found', { detail: `You have not rated the film with the id ${filmId}` })
      }
      return { ...film, value, created_at, updated_at }
    },

    /** @throws {AppError} film_not_found, or upstream_* when the film is not known at all and upstream is not available */
    async put(caller: Caller, filmId: number, value: number) {
      const { userId } = caller
      await movies.findKnown(filmId, caller).catch((error) => {
        throw error instanceof AppError && error.code === 'movie_not_found' ? filmNotFound(filmId) : error
      })
      const { added, ...own } = await ratings.put(userId, filmId, value)
      // Read after the change and not with it, so that a popular film is locked no longer than needed.
      return { added, rating: { ...(await find(userId, filmId)), ...own } }
    },

    /** Removing what was not there is fine. @throws {AppError} film_not_found */
    async remove(userId: number, filmId: number): Promise<void> {
      if (!(await ratings.remove(userId, filmId))) await find(userId, filmId)
    },
  }
}

function filmNotFound(id: number): never {
  throw new AppError('film_not_found', { detail: `There is no film with the id ${id}` })
}
