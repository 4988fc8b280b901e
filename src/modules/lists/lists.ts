import type { Db } from '../../db/connect.ts'
import type { Gateway } from '../../kinopoisk/gateway.ts'
import type { Semaphore } from '../../semaphore.ts'
import type { MovieService } from '../movies/service.ts'
import type { ListCache } from './cache.ts'
import { createListRepository } from './repository.ts'
import { createListService } from './service.ts'
import { createMatchingRepository } from './transfer/matching-repository.ts'
import { createTransferRepository } from './transfer/repository.ts'
import { createTransferService } from './transfer/service.ts'

interface Options {
  db: Db
  movies: MovieService
  kinopoisk: Gateway
  listCache: ListCache
  /** See createListService. */
  sorting: Semaphore
}

/** A user's favourites and wishlist, and the three lists as files. */
export function createLists({ db, movies, kinopoisk, listCache, sorting }: Options) {
  const list = (name: string, table: 'favourites' | 'wishlist') =>
    createListService({
      ...{ name, table, list: createListRepository(db, table), semaphore: sorting },
      ...{ ownStates: listCache, movies },
    })
  return {
    favorites: list('favorites', 'favourites'),
    wishlist: list('wishlist', 'wishlist'),
    transfer: createTransferService({
      transfer: createTransferRepository(db),
      matching: createMatchingRepository(db),
      movies,
      kinopoisk,
    }),
  }
}
