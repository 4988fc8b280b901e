import { inputFault } from '../../errors.ts'
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
    async *list(page?: number) {
      for await (const { items, isLast } of lagging.list(page)) yield { items: items.map(withPhotoUrl), isLast }
    },
    find: async (id: number) => withPhotoUrl((await lagging.find(id)) ?? noDirector(id)),
    async create(director: DirectorChange & { name: string }) {
      refuseUnreal(director.date_of_birth)
      return withPhotoUrl(await directors.insert({ ...director, name: normalizeName(director.name) }))
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

/** `day` has the form YYYY-MM-DD. */
function refuseUnreal(day: string | null | undefined): void {
  if (!day) return
  if (!beginsWithDay(day)) throw inputFault('body.date_of_birth', 'is not a day of the calendar')
  if (day < earliestBirth) throw inputFault('body.date_of_birth', `must not be before ${earliestBirth}`)
  if (day >= new Date().toISOString().slice(0, 10)) throw inputFault('body.date_of_birth', 'must be in the past')
}
