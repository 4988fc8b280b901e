import { type MovieRepository, type Order, pageSize } from './repository.ts'

export type MovieCatalogue = ReturnType<typeof createMovieCatalogue>

type Movies = Awaited<ReturnType<MovieRepository['listBehind']>>

interface Dependencies {
  movies: Pick<MovieRepository, 'listPage' | 'listBehind'>
  /** How many films the catalogue has. */
  count(): Promise<number>
}

/** The catalogue in the movie vocabulary. */
export function createMovieCatalogue({ movies, count }: Dependencies) {
  /** Neither memory nor a connection is held while nobody reads. */
  async function* batches(order: Order, first: Movies) {
    for (let batch = first; batch.length > 0; batch = await movies.listBehind(order, batch.at(-1))) yield batch
  }

  return {
    async page(order: Order, page: number) {
      const total = await count()
      const pages = Math.ceil(total / pageSize)
      // What lies past the end is not looked for.
      return { movies: page > pages ? [] : await movies.listPage(order, page), total, page, pages }
    },

    /** All of it in batches. The first one has been read when this resolves, so that a failure is told in time. */
    async all(order: Order) {
      return batches(order, await movies.listBehind(order))
    },
  }
}
