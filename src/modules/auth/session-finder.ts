import type { Cache } from '../../cache/cache.ts'
import type { Db } from '../../db/connect.ts'
import { createSessionCache } from './session-cache.ts'
import { createSessionRepository } from './session-repository.ts'

/** The user of a live session, for the plugin that checks access tokens. */
export function createSessionFinder({ reads, cache }: { reads: { cautious: Db }; cache: Cache }) {
  return createSessionCache({ sessions: createSessionRepository(reads.cautious), cache })
}
