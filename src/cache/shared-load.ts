import { AppError } from '../errors.ts'
import type { CacheRegion } from './cache.ts'

/**
 * `region.find` for a load that waits in the queue of its caller. A load that somebody else has begun is shared, but not
 * its refusal: the queue of this caller may have room.
 */
export async function findShared<K extends string | number, V>(
  region: CacheRegion<K, V>,
  key: K,
  load: () => Promise<V | undefined>,
): Promise<V | undefined> {
  for (;;) {
    let isOwn = false
    try {
      return await region.find(key, () => {
        isOwn = true
        return load()
      })
    } catch (error) {
      if (isOwn || !isOverloaded(error)) throw error
    }
  }
}

export function isOverloaded(error: unknown): error is AppError {
  return error instanceof AppError && error.code === 'overloaded'
}
