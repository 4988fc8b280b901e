import type { Db } from '../../db/connect.ts'
import type { OwnStates } from '../../http/own-state.ts'
import type { Semaphore } from '../../semaphore.ts'
import type { MovieService } from '../movies/service.ts'
import { createRatingRepository } from './repository.ts'
import { createRatingService } from './service.ts'
import { createStatsRepository } from './stats-repository.ts'
import { createStatsService } from './stats-service.ts'

interface Options {
  db: Db
  movies: MovieService
  ownStates: OwnStates
  /** Sorting, and counting, reads a whole list: it must not take all connections. */
  sorting: Semaphore
}

/** Users' own scores, and what they sum up to. */
export function createRatings({ db, movies, ownStates, sorting: semaphore }: Options) {
  return {
    ratings: createRatingService({ ratings: createRatingRepository(db), semaphore, ownStates, movies }),
    stats: createStatsService({ stats: createStatsRepository(db), semaphore }),
  }
}
