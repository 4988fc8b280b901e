import type { Cache } from '../../cache/cache.ts'
import type { MaybePromise } from '../../cache/maybe-promise.ts'
import type { KeyUser } from '../../db/schema/api-keys.ts'
import type { Semaphore } from '../../semaphore.ts'
import { hashOfKey, isKeyShaped } from '../../text/api-key.ts'
import { callerAt, networkOf } from '../../text/networks.ts'
import type { KeyRepository } from './repository.ts'

interface ValidKey extends KeyUser {
  /** In ms of performance.now(). */
  until: number
}

interface Options {
  keys: Pick<KeyRepository, 'findByHash'>
  cache: Cache
  /** Guesses are read from the database: of one network only so many at a time. */
  semaphore: Semaphore
  /** Called for each key that was let in. */
  onUse(keyId: number): void
}

/**
 * The user of a valid key, needed on every request. Its end or change, and a blocked user, invalidate the entry: at once in
 * the process that did it, within a second in the others.
 */
export function createKeyFinder({ keys, cache, semaphore, onUse }: Options) {
  const region = cache.region<string, ValidKey>({
    name: 'key',
    sizeOf: () => 400,
    // Of sessions a change without a key is that of a role or a block.
    invalidatedBy: { key: 'one', session: 'one' },
  })

  async function load(hash: string): Promise<ValidKey | undefined> {
    const now = performance.now()
    const row = await keys.findByHash(Buffer.from(hash, 'hex'))
    if (!row) return undefined
    const { id, userId, scopes, dailyLimit, seconds_left } = row
    const until = seconds_left === null ? Number.POSITIVE_INFINITY : now + seconds_left * 1000
    return { userId, key: { id, scopes, dailyLimit }, until }
  }

  function admit(found: ValidKey | undefined): KeyUser | undefined {
    if (!found || found.until <= performance.now()) return undefined
    onUse(found.key.id)
    return found
  }

  /** At once where it is in memory. `ip`: of who asks. */
  return (text: string, ip = ''): MaybePromise<KeyUser | undefined> => {
    if (!isKeyShaped(text)) return undefined
    const hash = hashOfKey(text)
    const known = region.get(hash)
    if (known) return admit(known)
    const find = async () => region.find(hash, () => load(hash))
    return semaphore.run(callerAt(networkOf(ip)), find).then(admit)
  }
}
