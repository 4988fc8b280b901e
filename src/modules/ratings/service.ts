import type { Batch } from '../../db/page.ts'
import { AppError, listFull } from '../../errors.ts'
import type { JsonPayload } from '../../http/json-payload.ts'
import { type OwnState, type OwnStates, withOwnState } from '../../http/own-state.ts'
import type { Caller } from '../../kinopoisk/request.ts'
import type { Semaphore } from '../../semaphore.ts'
import type { ListQuery } from '../lists/schemas.ts'
import type { MovieService } from '../movies/service.ts'
import { inBatches, maxKept, type OwnRating, pageOf, pageSize, type RatingRepository } from './repository.ts'

export type RatingService = ReturnType<typeof createRatingService>

interface Dependencies {
  ratings: RatingRepository
  /** Sorting reads a whole list: it must not take all connections. */
  semaphore: Semaphore
  ownStates: OwnStates
  movies: Pick<MovieService, 'findKnown' | 'findAll'>
}

export function createRatingService({ ratings, semaphore, ownStates, movies }: Dependencies) {
  const find = async (userId: number, filmId: number) => (await ratings.find(userId, filmId)) ?? filmNotFound(filmId)

  async function renderAll(items: OwnRating[], own: OwnState): Promise<string[]> {
    const found = await movies.findAll(items.map((rating) => rating.film_id))
    const byId = new Map(found.map((movie) => [movie.id, withOwnState(movie.json, own, movie.id)]))
    return items.map((rating) => render(rating, byId.get(rating.film_id))).filter((bytes) => bytes !== undefined)
  }

  async function* readEntries(userId: number, ids: number[], own: OwnState): AsyncGenerator<Batch<string>> {
    for (const { items: batch, isLast } of inBatches(ids)) {
      const rows = batch.length > 0 ? await ratings.findMany(userId, batch) : []
      const byId = new Map(rows.map((row) => [row.film_id, row]))
      const items = batch.map((id) => byId.get(id)).filter((row) => row !== undefined)
      yield { items: await renderAll(items, own), isLast }
    }
  }

  async function* readNewest(userId: number, own: OwnState, page?: number): AsyncGenerator<Batch<string>> {
    for await (const { items, isLast } of ratings.list(userId, page))
      yield { items: await renderAll(items, own), isLast }
  }

  return {
    /**
     * The bytes of each rating with its movie in batches, newest change first or sorted, and where a page is.
     * @throws {AppError} overloaded
     */
    async list(userId: number, { page, limit, ...selection }: ListQuery) {
      const own = await ownStates.of(userId)
      if (limit === undefined && Object.keys(selection).length === 0) {
        const total = own.ratings.size
        const place = page === undefined ? undefined : { total, page, pages: Math.ceil(total / pageSize) }
        return { batches: readNewest(userId, own, page), place }
      }
      const entries = await semaphore.run(userId, () => ratings.findSorted(userId, selection))
      const ids = entries.map((entry) => entry.id)
      if (page === undefined && limit === undefined) return { batches: readEntries(userId, ids, own), place: undefined }
      const { shown, place } = pageOf(ids, page, limit)
      return { batches: readEntries(userId, shown, own), place }
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
  const own = JSON.stringify({ film_id, value, created_at, updated_at, added_at: created_at })
  return movie && `${own.slice(0, -1)},"movie":${movie.bytes}}`
}

function filmNotFound(id: number): never {
  throw new AppError('film_not_found', { detail: `There is no film with the id ${id}` })
}
