import type { Static } from '@sinclair/typebox'
import { AppError } from '../../errors.ts'
import { type JsonPayload, joinArray, parse } from '../../http/json-payload.ts'
import type { Caller } from '../../kinopoisk/request.ts'
import type { Movie } from '../movies/schemas.ts'
import type { MovieService } from '../movies/service.ts'
import { pageSize } from './ids-repository.ts'
import type { ListRepository } from './repository.ts'

export type ListService = ReturnType<typeof createListService>

interface Dependencies {
  list: ListRepository
  /** The ids of the films in the user's list, the newest first. */
  idsOf(userId: number): Promise<ReadonlySet<number>>
  movies: Pick<MovieService, 'findKnown' | 'findAll'>
}

export function createListService({ list, idsOf, movies }: Dependencies) {
  return {
    /** The movies as JSON, newest first; all of them without a page. */
    async find(userId: number, page?: number): Promise<JsonPayload> {
      const ids = [...(await idsOf(userId))]
      const shown = page === undefined ? ids : ids.slice((page - 1) * pageSize, page * pageSize)
      return joinArray(await movies.findAll(shown))
    },

    /** @throws {AppError} movie_not_found, or upstream_* when the film is not known at all and upstream is not available */
    async add(caller: Caller, filmId: number) {
      const { json } = await movies.findKnown(filmId, caller)
      const { added, favouritesCount } = await list.add(caller.userId, filmId)
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
