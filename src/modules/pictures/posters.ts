import type { Db } from '../../db/connect.ts'
import type { Storage } from '../../storage/storage.ts'
import { createPictureRepository, warmedAtOnce } from './repository.ts'
import { createPictureService } from './service.ts'
import { createPictureStore } from './store.ts'

interface Options extends Omit<Parameters<typeof createPictureService>[0], 'pictures' | 'store'> {
  db: Db
  storage: Storage
  maxBytes: number
  onKept(bytes: number): void
}

/** Everything about posters. */
export function createPosters({ db, storage, maxBytes, onKept, ...rest }: Options) {
  const pictures = createPictureRepository(db)
  const store = createPictureStore({ pictures, storage, maxBytes, onKept })
  const service = createPictureService({ pictures, store, ...rest })
  let warmedTo = 0

  return {
    services: { posters: service },
    cleanup: store.cleanup,

    /**
     * The pictures of some favourites, one at a time; the next call goes on where this one ended. Where there is hardly room,
     * none: it would take the place of pictures that are looked at.
     */
    async warm(signal: AbortSignal): Promise<void> {
      const favourites = await pictures.findFavourites(warmedTo)
      for (const { id, is_cold } of favourites) {
        if (signal.aborted || (is_cold && (await store.isNearlyFull()))) return
        if (is_cold) await service.warm(id)
        warmedTo = id
      }
      if (favourites.length < warmedAtOnce) warmedTo = 0
    },
  }
}
