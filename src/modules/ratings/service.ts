import type { Batch } from '../../db/page.ts'
import { AppError, listFull } from '../../errors.ts'
import type { JsonPayload } from '../../http/json-payload.ts'
import type { Caller } from '../../kinopoisk/request.ts'
import type { MovieService } from '../movies/service.ts'
import { maxKept, type OwnRating, type RatingRepository } from './repository.ts'

export type RatingService = ReturnType<typeof createRatingService>

interface Dependencies {
  ratings: RatingRepository
  movies: Pick<MovieService, 'findKnown' | 'findAll'>
}

export function createRatingService({ ratings, movies }: Dependencies) {
  const find = async (userId: number, filmId: number) => (await ratings.find(userId, filmId)) ?? filmNotFound(filmId)

  return {
    /** The bytes of each rating with its movie, newest change first: a page, or all in batches. */
    async *list(userId: number, page?: number): AsyncGenerator<Batch<string>> {
      for await (const { items, isLast } of ratings.list(userId, page)) {
        const found = await movies.findAll(items.map((rating) => rating.film_id))
        const byId = new Map(found.map((movie) => [movie.id, movie.json]))
        const rendered = items.map((rating) => render(rating, byId.get(rating.film_id)))
        yield { items: rendered.filter((bytes) => bytes !== undefined), isLast }
      }
    },

    /** @throws {AppError} film_not_found, rating_not_found */
    async find(userId: number, filmId: number) {
      const { value, created_at, updated_at, ...film } = await find(userId, filmId)
      if (value === null || created_at === null || updated_at === null) {
        throw new AppError('rating_not_found', { detail: `You have not rated the film with the id ${filmId}` })
      }
      return { ...film, value, created_at, updated_at }
    },

    /** @throws {AppError} film_not_found, list_full, or upstream_* when the film is not known at all and upstream is not available */
    async put(caller: Caller, filmId: number, value: number) {
      const { userId } = caller
      await movies.findKnown(filmId, caller).catch((error) => {
        throw error instanceof AppError && error.code === 'movie_not_found' ? filmNotFound(filmId) : error
      })
      const put = await ratings.put(userId, filmId, value)
      if (!put) throw listFull('ratings', maxKept)
      const { added, ...own } = put
      // Read after the change and not with it, so that a popular film is locked no longer than needed.
      return { added, rating: { ...(await find(userId, filmId)), ...own } }
    },

    /** Removing what was not there is fine. @throws {AppError} film_not_found */
    async remove(userId: number, filmId: number): Promise<void> {
      if (!(await ratings.remove(userId, filmId))) await find(userId, filmId)
    },
  }
}

/** As the schema has it; undefined for a film that is gone by now, and with it the rating. */
function render({ film_id, value, created_at, updated_at }: OwnRating, movie: JsonPayload | undefined) {
  const own = JSON.stringify({ film_id, value, created_at, updated_at })
  return movie && `${own.slice(0, -1)},"movie":${movie.bytes}}`
}

function filmNotFound(id: number): never {
  throw new AppError('film_not_found', { detail: `There is no film with the id ${id}` })
}
