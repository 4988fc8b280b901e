import type { Cache } from '../../cache/cache.ts'
import type { Db } from '../../db/connect.ts'
import { createSemaphore } from '../../semaphore.ts'
import { createSuggestionRepository } from './repository.ts'
import { createSuggestionService } from './service.ts'

interface Dependencies {
  /** May be a standby. */
  db: Db
  cache: Cache
  posterOf: Parameters<typeof createSuggestionRepository>[1]
}

export function createSuggestions({ db, cache, posterOf }: Dependencies) {
  const semaphore = createSemaphore({ name: 'suggestions', max: 3, maxPerCaller: 1, maxQueue: 100 })
  return createSuggestionService({ suggestions: createSuggestionRepository(db, posterOf), semaphore, cache })
}
