import { AppError } from '../../errors.ts'
import type { DirectorChange, DirectorRepository } from './repository.ts'

export type DirectorService = ReturnType<typeof createDirectorService>

/** Every call throws director_not_found for an unknown id. */
export function createDirectorService({ directors }: { directors: DirectorRepository }) {
  return {
    list: async (page?: number) => (await directors.list(page)).map(withPhotoUrl),
    find: async (id: number) => withPhotoUrl((await directors.find(id)) ?? notFound(id)),
    create: async (director: DirectorChange & { name: string }) => withPhotoUrl(await directors.insert(director)),
    update: async (id: number, change: DirectorChange) =>
      withPhotoUrl((await directors.update(id, change)) ?? notFound(id)),
    remove: async (id: number) => (await directors.remove(id)) || notFound(id),
  }
}

/** The key of a photo is the storage's business; clients get its address. */
function withPhotoUrl<T extends { id: number; photo_key: string | null }>({ photo_key, ...director }: T) {
  return { ...director, photo_url: photo_key && `/directors/${director.id}/photo` }
}

function notFound(id: number): never {
  throw new AppError('director_not_found', { detail: `There is no director with the id ${id}` })
}
