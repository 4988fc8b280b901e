import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { AppError } from '../../errors.ts'
import { createSemaphore, type QueueKey } from '../../semaphore.ts'
import type { Storage } from '../../storage/storage.ts'
import { noDirector, withPhotoUrl } from './director.ts'
import { contentTypeOf, type Images } from './images.ts'
import type { DirectorRepository } from './repository.ts'

interface Dependencies {
  directors: DirectorRepository
  storage: Storage
  images: Images
  /** Called for an orphaned photo that could not be removed now. */
  onDeleteFailed(error: unknown, key: string): void
}

// Each holds up to 5 MiB of memory, from its first byte until it is re-encoded.
const uploadsAtOnce = 20
const uploadsPerCaller = 15
// Each holds a photo until its reader has all of it; a page asks for some at once.
const readsAtOnce = 20
const readsPerCaller = 6

export type PhotoService = ReturnType<typeof createPhotoService>

/**
 * Photos of directors. A row names an object only after it exists, and an object is removed only after no row names it:
 * whatever fails in between, no photo is lost. Objects that no row names are noted as orphaned, and `cleanup` removes
 * them.
 */
export function createPhotoService({ directors, storage, images, onDeleteFailed }: Dependencies) {
  async function discard(key: string): Promise<void> {
    try {
      if (!(await directors.isOrphanedPhoto(key))) return
      await storage.remove(key)
      await directors.removeOrphanedPhoto(key)
    } catch (error) {
      onDeleteFailed(error, key)
    }
  }
  const find = async (id: number) => (await directors.find(id)) ?? noDirector(id)
  const uploads = createSemaphore({ name: 'uploads', max: uploadsAtOnce, maxPerCaller: uploadsPerCaller })
  const reads = createSemaphore({
    name: 'photos',
    max: readsAtOnce,
    maxPerCaller: readsPerCaller,
    maxQueue: 10 * readsAtOnce,
  })

  return {
    discard,

    /** Removes photos that could not be removed when they became orphaned. */
    async cleanup(signal?: AbortSignal): Promise<void> {
      while (!signal?.aborted) {
        const keys = await directors.takeOrphanedPhotos()
        for (const key of keys) if (!signal?.aborted) await discard(key)
        if (keys.length === 0) return
      }
    },

    /** The photo and its key, another for every upload. @throws {AppError} director_not_found, photo_not_found */
    async find(id: number, method: 'GET' | 'HEAD') {
      const { photo_key } = await find(id)
      const object = photo_key ? await storage.get(photo_key, method) : undefined
      return photo_key && object ? { key: photo_key, object } : noPhoto(id)
    },

    /** A place for what `read` returns, until that is sent. @throws {AppError} overloaded */
    acquirePlace: reads.acquire,

    /** The photo that `find` has found, for whoever cannot follow a URL of the storage. Needs a place. */
    async read(id: number, key: string) {
      const bytes = (await storage.read(key)) ?? noPhoto(id)
      return { stream: Readable.from([bytes]), size: bytes.length, contentType: contentTypeOf(key) }
    },

    /**
     * The director with the new photo. `read` is called after all has been checked that can be without the bytes.
     * @throws {AppError} director_not_found, overloaded, what `read` throws, what Images throws, storage_unavailable
     */
    async replace(id: number, caller: QueueKey, read: () => Promise<Buffer>) {
      await find(id)
      const { bytes, contentType, extension } = await uploads.run(caller, async () =>
        images.reencode(await read(), caller),
      )
      const key = `directors/${randomUUID()}.${extension}`
      await directors.addOrphanedPhoto(key)
      try {
        await storage.put(key, bytes, contentType)
        const row = (await directors.swapPhoto(id, key)) ?? noDirector(id)
        if (row.replaced_key) await discard(row.replaced_key)
        return withPhotoUrl(row)
      } catch (error) {
        // Also when `put` failed: it may have succeeded though its response was lost. The object stays if the row names
        // it after all, because only the database's response was lost.
        await discard(key)
        throw error
      }
    },

    /** @throws {AppError} director_not_found, photo_not_found */
    async remove(id: number): Promise<void> {
      const row = (await directors.swapPhoto(id, null)) ?? noDirector(id)
      await discard(row.replaced_key ?? noPhoto(id))
    },
  }
}

function noPhoto(id: number): never {
  throw new AppError('photo_not_found', { detail: `The director ${id} has no photo` })
}
