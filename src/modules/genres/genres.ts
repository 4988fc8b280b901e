import type { Db } from '../../db/connect.ts'
import type { QueueKey } from '../../semaphore.ts'
import { createGenreRepository } from './repository.ts'
import { createGenreService } from './service.ts'

interface Options {
  db: Db
  /** May be a standby. */
  laggingDb: Db
  /** How many films of the catalogue have each genre, by its id. */
  countFilms(caller: QueueKey): Promise<Map<number, number>>
}

export function createGenres({ db, laggingDb, countFilms }: Options) {
  return createGenreService({
    genres: createGenreRepository(db),
    lagging: createGenreRepository(laggingDb),
    countFilms,
  })
}
