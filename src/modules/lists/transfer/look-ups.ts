import { AppError, type ErrorCode } from '../../../errors.ts'
import type { Caller } from '../../../kinopoisk/request.ts'
import type { MovieService } from '../../movies/service.ts'

/** Why not all films could be looked up in Kinopoisk. */
export interface Interruption {
  code: ErrorCode
  message: string
}

/** The result of look-ups in Kinopoisk. An id that is in neither is no film's. */
export interface LookUps {
  films: Set<number>
  /** Ids that were not looked up, with the reason. */
  skipped: Map<number, string>
  interruption: Interruption | null
}

// Of each import: the rest is left for the next, because Kinopoisk allows 500 calls a day.
const maxLookUps = 50
const atOnce = 5

/** Stops when Kinopoisk is not available. */
export function createLookUps({ movies }: { movies: Pick<MovieService, 'findKnown'> }) {
  const isFilm = (id: number, caller: Caller) =>
    movies.findKnown(id, caller, 'import').then(
      () => true,
      (error) => {
        if (error instanceof AppError && error.code === 'movie_not_found') return false
        throw error
      },
    )

  return async (ids: number[], caller: Caller): Promise<LookUps> => {
    const known = new Map<number, boolean>()
    let interruption: Interruption | null = null
    for (let at = 0; at < Math.min(ids.length, maxLookUps) && !interruption; at += atOnce) {
      const part = ids.slice(at, at + atOnce)
      const outcomes = await Promise.allSettled(part.map((id) => isFilm(id, caller)))
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome.status === 'fulfilled') known.set(part[i] ?? 0, outcome.value)
        else if (outcome.reason instanceof AppError)
          interruption = { code: outcome.reason.code, message: outcome.reason.message }
        else throw outcome.reason
      }
    }
    const why = interruption?.message ?? `${maxLookUps} films were looked up: import again for more`
    const skipped = ids
      .filter((id) => !known.has(id))
      .map((id) => [id, `The film ${id} is not known here; ${why}`] as const)
    return { films: new Set(ids.filter((id) => known.get(id))), skipped: new Map(skipped), interruption }
  }
}
