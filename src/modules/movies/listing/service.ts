import { joinArray, toBytes } from '../../../http/json-payload.ts'
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
  /** How many films of the catalogue a filter has. */
  count(filter: Filter, caller: QueueKey): Promise<number>
}

export interface Listing {
  order: Order
  filter: Filter
}

/** The catalogue in the movie vocabulary. */
export function createMovieCatalogue({ movies, movieCache, stream, count }: Dependencies) {
  return {
    async page({ order, filter }: Listing, page: number, caller: QueueKey) {
      const total = await count(filter, caller)
      const pages = Math.ceil(total / pageSize)
      // No query for a page past the end.
      const found = page > pages ? [] : await movieCache.findManyLagging(await movies.listPage(order, page, filter))
      return { movies: joinArray(found.map((movie) => movie.json)), total, page, pages }
    },

    /** The bytes of each movie as `render` has it, in batches. No connection is held between two. */
    async *all({ order, filter }: Listing, render: (movie: Movie) => string) {
      const bytesOf = (movie: Movie) => toBytes(render(movie))
      let batch = await stream.readBehind(order, bytesOf, undefined, filter)
      yield batch
      while (!batch.isLast) {
        batch = await stream.readBehind(order, bytesOf, batch.last, filter)
        yield batch
      }
    },
  }
}
