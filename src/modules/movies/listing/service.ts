import { joinArray, toBytes } from '../../../http/json-payload.ts'
import { type OwnStates, ownMembers, withOwnState } from '../../../http/own-state.ts'
import type { QueueKey } from '../../../semaphore.ts'
import type { MovieCache } from '../cache.ts'
import { type MovieRepository, pageSize } from '../repository.ts'
import type { Filter, MovieStream, Order } from './stream-repository.ts'

export type MovieCatalogue = ReturnType<typeof createMovieCatalogue>

type Movie = Parameters<Parameters<MovieStream['readBehind']>[1]>[0]

interface Dependencies {
  movies: Pick<MovieRepository, 'listPage'>
  movieCache: Pick<MovieCache, 'findManyLagging'>
  stream: MovieStream
  ownStates: OwnStates
  /** How many films of the catalogue a filter has. */
  count(filter: Filter, caller: QueueKey): Promise<number>
}

export interface Listing {
  order: Order
  filter: Filter
  /** To whom each movie is told what it is to that user. */
  userId?: number | undefined
}

/** The catalogue in the movie vocabulary. */
export function createMovieCatalogue({ movies, movieCache, stream, ownStates, count }: Dependencies) {
  return {
    async page({ order, filter, userId }: Listing, page: number, caller: QueueKey) {
      const total = await count(filter, caller)
      const pages = Math.ceil(total / pageSize)
      // No query for a page past the end.
      const found = page > pages ? [] : await movieCache.findManyLagging(await movies.listPage(order, page, filter))
      const own = userId === undefined ? undefined : await ownStates.of(userId)
      const shown = found.map(({ id, json }) => (own ? withOwnState(json, own, id) : json))
      return { movies: joinArray(shown), total, page, pages }
    },

    /** The bytes of each movie as `render` has it, in batches. No connection is held between two. */
    async *all({ order, filter, userId }: Listing, render: (movie: Movie) => string) {
      const own = userId === undefined ? undefined : await ownStates.of(userId)
      const bytesOf = (movie: Movie) => {
        const bytes = toBytes(render(movie))
        return own ? `${bytes.slice(0, -1)}${ownMembers(own, movie.id)}}` : bytes
      }
      let batch = await stream.readBehind(order, bytesOf, undefined, filter)
      yield batch
      while (!batch.isLast) {
        batch = await stream.readBehind(order, bytesOf, batch.last, filter)
        yield batch
      }
    },
  }
}
