import type { Static } from '@sinclair/typebox'
import type { Batch } from '../../db/page.ts'
import { AppError, listFull } from '../../errors.ts'
import { type JsonPayload, joinArray, parse } from '../../http/json-payload.ts'
import type { Caller } from '../../kinopoisk/request.ts'
import type { Movie } from '../movies/schemas.ts'
import type { MovieService } from '../movies/service.ts'
import { batchSize, pageSize } from './ids-repository.ts'
import { type ListRepository, maxKept } from './repository.ts'

export type ListService = ReturnType<typeof createListService>

interface Dependencies {
  /** As clients call it. */
  name: string
  list: ListRepository
  /** The ids of the films in the user's list, the newest first. */
  idsOf(userId: number): Promise<ReadonlySet<number>>
  movies: Pick<MovieService, 'findKnown' | 'findAll'>
}

export function createListService({ name, list, idsOf, movies }: Dependencies) {
  const findAll = async (ids: number[]) => (await movies.findAll(ids)).map((movie) => movie.json)

  async function* batches(userId: number): AsyncGenerator<Batch<string>> {
    for await (const { items, isLast } of list.batches(userId)) {
      const found = await findAll(items.map((item) => item.film_id))
      yield { items: found.map((json) => json.bytes), isLast }
    }
  }

  return {
    /** The movies as JSON, newest first: those of a page, or all; many are in batches. */
    async find(userId: number, page?: number): Promise<JsonPayload | AsyncGenerator<Batch<string>>> {
      const ids = await idsOf(userId)
      if (page === undefined && ids.size > batchSize) return batches(userId)
      const shown = page === undefined ? [...ids] : [...ids].slice((page - 1) * pageSize, page * pageSize)
      return joinArray(await findAll(shown))
    },

    /** @throws {AppError} movie_not_found where it is not in the list */
    async findOne(userId: number, filmId: number): Promise<JsonPayload> {
      const [movie] = (await idsOf(userId)).has(filmId) ? await findAll([filmId]) : []
      return movie ?? fail(new AppError('movie_not_found', { detail: `The movie ${filmId} is not in your ${name}` }))
    },

    /** @throws {AppError} movie_not_found, list_full, or upstream_* when the film is not known at all and upstream is not available */
    async add(caller: Caller, filmId: number) {
      const { json } = await movies.findKnown(filmId, caller)
      const { added, favouritesCount } = (await list.add(caller.userId, filmId)) ?? fail(listFull(name, maxKept))
      return { added, movie: { ...parse<Static<typeof Movie>>(json), favorites_count: favouritesCount } }
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

function fail(error: AppError): never {
  throw error
}
