import type { Db } from '../../db/connect.ts'
import type { Storage } from '../../storage/storage.ts'
import { createImages } from './images.ts'
import { createPhotoService } from './photo-service.ts'
import { createDirectorRepository } from './repository.ts'
import { createDirectorService } from './service.ts'

interface Options {
  db: Db
  /** Where reads that may lag go. */
  laggingDb: Db
  storage: Storage
  /** Called when a photo could not be removed. */
  onDeleteFailed(error: unknown, key: string): void
}

/** Everything about directors and their photos. */
export function createDirectors({ db, laggingDb, storage, onDeleteFailed }: Options) {
  const repository = createDirectorRepository(db)
  const lagging = createDirectorRepository(laggingDb)
  const photos = createPhotoService({ directors: repository, storage, images: createImages(), onDeleteFailed })
  return {
    services: { photos, directors: createDirectorService({ directors: repository, lagging, photos }) },
    housekeeping: { photos: photos.cleanup, idempotencyKeys: repository.deleteExpiredKeys },
  }
}
