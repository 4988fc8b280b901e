import type { Cache } from '../../cache/cache.ts'
import type { Db } from '../../db/connect.ts'
import { createSemaphore } from '../../semaphore.ts'
import { createSuggestionRepository } from './repository.ts'
import { createSuggestionService } from './service.ts'

/** `db` may be a standby. */
export function createSuggestions({ db, cache }: { db: Db; cache: Cache }) {
  const semaphore = createSemaphore({ name: 'suggestions', max: 3, maxQueue: 100 })
  return createSuggestionService({ suggestions: createSuggestionRepository(db), semaphore, cache })
}
