import { AppError } from '../../errors.ts'
import type { DirectorRepository } from './repository.ts'

/** The key of a photo is the storage's business; clients get its address. */
export function withPhotoUrl({ id, name, date_of_birth, photo_key }: Row) {
  return { id, name, date_of_birth, photo_url: photo_key && `/directors/${id}/photo` }
}

type Row = NonNullable<Awaited<ReturnType<DirectorRepository['find']>>>

export function noDirector(id: number): never {
  throw new AppError('director_not_found', { detail: `There is no director with the id ${id}` })
}
