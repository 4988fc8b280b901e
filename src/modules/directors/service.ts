import { createHash } from 'node:crypto'
import { AppError, inputFault } from '../../errors.ts'
import { beginsWithDay } from '../../text/dates.ts'
import { normalizeName } from '../../text/names.ts'
import { noDirector, withPhotoUrl } from './director.ts'
import type { PhotoService } from './photo-service.ts'
import type { DirectorChange, DirectorRepository } from './repository.ts'

export type DirectorService = ReturnType<typeof createDirectorService>

interface Dependencies {
  directors: DirectorRepository
  /** The same; it may read at a standby. */
  lagging: Pick<DirectorRepository, 'find' | 'list'>
  photos: Pick<PhotoService, 'discard'>
}

const earliestBirth = '1800-01-01'

/** Calls with an id throw director_not_found for an unknown one. */
export function createDirectorService({ directors, lagging, photos }: Dependencies) {
  return {
    /** A page, or all in batches. */
    async *list(page?: number, q?: string) {
      for await (const { items, isLast } of lagging.list(page, q)) yield { items: items.map(withPhotoUrl), isLast }
    },
    find: async (id: number) => withPhotoUrl((await lagging.find(id)) ?? noDirector(id)),
    /**
     * With a key the same request creates one director, however often it comes: a repeat gets that one, as it is by now.
     * @throws {AppError} idempotency_key_reused, too_many_requests (keys), director_not_found (deleted since)
     */
    async create(director: DirectorChange & { name: string }, userId: number, key?: string) {
      refuseUnreal(director.date_of_birth)
      const row = { ...director, name: normalizeName(director.name) }
      if (key === undefined) return withPhotoUrl(await directors.insert(row))
      const requestHash = sha256(JSON.stringify([row.name, row.date_of_birth ?? null]))
      const found = await directors.insertOnce(row, { userId, keyHash: sha256(key), requestHash })
      if (found === 'full') throw tooManyKeys()
      if ('created' in found) return withPhotoUrl(found.created)
      if (!found.requestHash.equals(requestHash)) throw new AppError('idempotency_key_reused')
      return withPhotoUrl((await directors.find(found.directorId)) ?? removedSince(found.directorId))
    },
    async update(id: number, change: DirectorChange) {
      refuseUnreal(change.date_of_birth)
      const { name, ...rest } = change
      const named = { ...rest, ...(name !== undefined && { name: normalizeName(name) }) }
      return withPhotoUrl((await directors.update(id, named)) ?? noDirector(id))
    },
    async remove(id: number): Promise<void> {
      const { photo_key } = (await directors.remove(id)) ?? noDirector(id)
      if (photo_key) await photos.discard(photo_key)
    },
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function removedSince(id: number): never {
  throw new AppError('director_not_found', { detail: `The director ${id}, added with this key, was removed since` })
}

function tooManyKeys(): AppError {
  const detail = 'You have used 10,000 idempotency keys in 24 hours: send the request without one, or wait'
  return new AppError('too_many_requests', { detail, headers: { 'retry-after': '3600' } })
}

/** `day` has the form YYYY-MM-DD. */
function refuseUnreal(day: string | null | undefined): void {
  if (!day) return
  if (!beginsWithDay(day)) throw inputFault('body.date_of_birth', 'is not a day of the calendar')
  if (day < earliestBirth) throw inputFault('body.date_of_birth', `must not be before ${earliestBirth}`)
  if (day >= new Date().toISOString().slice(0, 10)) throw inputFault('body.date_of_birth', 'must be in the past')
}
