import type { Cache } from '../../cache/cache.ts'
import type { Db } from '../../db/connect.ts'
import { createSemaphore } from '../../semaphore.ts'
import { createKeyFinder } from './cache.ts'
import { createKeyRepository, maxKeys } from './repository.ts'
import { createKeyService } from './service.ts'
import { createKeyUses } from './uses.ts'

export type Keys = ReturnType<typeof createKeys>

/** Everything about personal keys: what checks them is needed before the services. */
export function createKeys({ db, cache }: { db: Db; cache: Cache }) {
  const keys = createKeyRepository(db)
  const uses = createKeyUses({ keys })
  // As many may wait as there may be requests of one network.
  const semaphore = createSemaphore({ name: 'look-ups of keys', max: 8, maxPerCaller: 4, maxQueue: 4_000 })
  return {
    find: createKeyFinder({ keys, cache, semaphore, onUse: uses.note }),
    service: createKeyService({ keys, maxKeys }),
    writeUses: uses.write,
    deleteExpired: keys.deleteExpired,
  }
}
