import type { Static } from '@sinclair/typebox'
import type { Batch } from '../../db/page.ts'
import { AppError, listFull } from '../../errors.ts'
import { type JsonPayload, joinArray, parse } from '../../http/json-payload.ts'
import { type OwnState, type OwnStates, withOwnState } from '../../http/own-state.ts'
import type { Caller } from '../../kinopoisk/request.ts'
import type { Semaphore } from '../../semaphore.ts'
import type { Movie } from '../movies/schemas.ts'
import type { MovieService } from '../movies/service.ts'
import { batchSize, inBatches, type ListEntry, type ListRepository, maxKept, pageOf } from './repository.ts'
import type { ListQuery } from './schemas.ts'

export type ListService = ReturnType<typeof createListService>

interface Dependencies {
  /** As clients call it. */
  name: string
  table: 'favourites' | 'wishlist'
  list: ListRepository
  /** Sorting reads a whole list: it must not take all connections. */
  semaphore: Semaphore
  ownStates: OwnStates
  movies: Pick<MovieService, 'findKnown' | 'findAll'>
}

/** Of a list: all of it in batches, or as one. `place` where a page was wanted. */
type FoundList =
  | { json: JsonPayload; batches?: undefined; place?: { total: number; page: number; pages: number } }
  | { batches: AsyncGenerator<Batch<string>>; json?: undefined; place?: undefined }

export function createListService({ name, table, list, semaphore, ownStates, movies }: Dependencies) {
  /** The movies of entries, in their order, as the user sees them in the list. */
  async function render(entries: ListEntry[], own: OwnState): Promise<JsonPayload[]> {
    const found = await movies.findAll(entries.map((entry) => entry.id))
    const times = new Map(entries.map(({ id, at }) => [id, at]))
    return found.map((movie) => withAddedAt(movie, own, times.get(movie.id) ?? ''))
  }

  /** The newest first: as the list is by now, however slowly it is read. */
  async function* readNewest(userId: number): AsyncGenerator<Batch<string>> {
    const own = await ownStates.of(userId)
    for await (const { items, isLast } of list.batches(userId)) {
      const entries = items.map(({ film_id, at }) => ({ id: film_id, at: toMilliseconds(at) }))
      yield { items: bytesOf(await render(entries, own)), isLast }
    }
  }

  async function* readEntries(entries: ListEntry[], own: OwnState): AsyncGenerator<Batch<string>> {
    for (const { items, isLast } of inBatches(entries)) yield { items: bytesOf(await render(items, own)), isLast }
  }

  return {
    /**
     * The movies as JSON: those of a page, or all; many are in batches. @throws {AppError} overloaded
     */
    async find(userId: number, { page, limit, ...selection }: ListQuery): Promise<FoundList> {
      const isWhole = Object.keys(selection).length === 0
      const own = await ownStates.of(userId)
      const isPaged = page !== undefined || limit !== undefined
      if (isWhole && !isPaged && own[table].size > batchSize) return { batches: readNewest(userId) }
      const entries = isWhole
        ? [...own[table]].map(([id, at]) => ({ id, at }))
        : await semaphore.run(userId, () => list.findSorted(userId, selection))
      if (!isPaged && entries.length > batchSize) return { batches: readEntries(entries, own) }
      const { shown, place } = isPaged ? pageOf(entries, page, limit) : { shown: entries, place: undefined }
      return { json: joinArray(await render(shown, own)), ...(place && { place }) }
    },

    /** @throws {AppError} movie_not_found where it is not in the list */
    async findOne(userId: number, filmId: number): Promise<JsonPayload> {
      const own = await ownStates.of(userId)
      const at = own[table].get(filmId)
      const [movie] = at === undefined ? [] : await render([{ id: filmId, at }], own)
      return movie ?? fail(new AppError('movie_not_found', { detail: `The movie ${filmId} is not in your ${name}` }))
    },

    /** @throws {AppError} movie_not_found, list_full, or upstream_* when the film is not known at all and upstream is not available */
    async add(caller: Caller, filmId: number) {
      const { userId } = caller
      const movie = await movies.findKnown(filmId, caller)
      const { added, favouritesCount, addedAt } = (await list.add(userId, filmId)) ?? fail(listFull(name, maxKept))
      const own = parse<Static<typeof Movie>>(withOwnState(movie.json, await ownStates.of(userId), movie.id))
      const kept = table === 'favourites' ? { is_favorite: true } : { in_wishlist: true }
      return { added, movie: { ...own, favorites_count: favouritesCount, ...kept, added_at: addedAt } }
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

function withAddedAt({ id, json }: { id: number; json: JsonPayload }, own: OwnState, at: string): JsonPayload {
  return withOwnState(json, own, id, { text: `,"added_at":"${at}"`, tag: `.${at}` })
}

/** A position, which has microseconds, as it is sent. */
function toMilliseconds(at: string): string {
  return at.replace(/\d{3}Z$/, 'Z')
}

function bytesOf(items: JsonPayload[]): string[] {
  return items.map((item) => item.bytes)
}

function fail(error: AppError): never {
  throw error
}
