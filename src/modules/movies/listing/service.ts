import { joinArray } from '../../../http/json-payload.ts'
import type { Caller } from '../../../semaphore.ts'
import type { MovieCache } from '../cache.ts'
import { type MovieRepository, pageSize } from '../repository.ts'
import type { MovieStream, Order } from './stream-repository.ts'

export type MovieCatalogue = ReturnType<typeof createMovieCatalogue>

type Movie = Parameters<Parameters<MovieStream['readBehind']>[1]>[0]

interface Dependencies {
  movies: Pick<MovieRepository, 'listPage'>
  movieCache: Pick<MovieCache, 'findMany'>
  stream: MovieStream
  /** How many films the catalogue has. */
  count(caller: Caller): Promise<number>
}

/** The catalogue in the movie vocabulary. */
export function createMovieCatalogue({ movies, movieCache, stream, count }: Dependencies) {
  return {
    async page(order: Order, page: number, caller: Caller) {
      const total = await count(caller)
      const pages = Math.ceil(total / pageSize)
      // No query for a page past the end.
      const found = page > pages ? [] : await movieCache.findMany(await movies.listPage(order, page))
      return { movies: joinArray(found.map((movie) => movie.json)), total, page, pages }
    },

    /**
     * Each movie rendered by `render`, in batches. Neither memory nor a connection is held while the client does not
     * read. The first batch has been read when this resolves, so that a failure becomes a status.
     */
    async all<T>(order: Order, render: (movie: Movie) => T) {
      const first = await stream.readBehind(order, render)
      return (async function* batches() {
        for (let batch = first; batch.last; batch = await stream.readBehind(order, render, batch.last))
          yield batch.items
      })()
    },
  }
}
