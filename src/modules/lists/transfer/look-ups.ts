import { AppError, type ErrorCode } from '../../../errors.ts'
import type { MovieService } from '../../movies/service.ts'

/** Why Kinopoisk could not be asked about all. */
export interface Trouble {
  code: ErrorCode
  message: string
}

/** What asking Kinopoisk about ids came to. What is in neither is no film's id. */
export interface LookUps {
  films: Set<number>
  /** Ids that nobody was asked about, with the reason. */
  unasked: Map<number, string>
  trouble: Trouble | null
}

// Of each import: the rest is left for the next, because Kinopoisk allows 500 calls a day.
const maxLookUps = 50
const atOnce = 5

/** Asks no further once Kinopoisk can't be asked. */
export function createLookUps({ movies }: { movies: Pick<MovieService, 'findKnown'> }) {
  const isFilm = (id: number) =>
    movies.findKnown(id, 'import').then(
      () => true,
      (error) => {
        if (error instanceof AppError && error.code === 'movie_not_found') return false
        throw error
      },
    )

  return async (ids: number[]): Promise<LookUps> => {
    const told = new Map<number, boolean>()
    let trouble: Trouble | null = null
    for (let at = 0; at < Math.min(ids.length, maxLookUps) && !trouble; at += atOnce) {
      const part = ids.slice(at, at + atOnce)
      const answers = await Promise.allSettled(part.map(isFilm))
      for (const [i, answer] of answers.entries()) {
        if (answer.status === 'fulfilled') told.set(part[i] ?? 0, answer.value)
        else if (answer.reason instanceof AppError)
          trouble = { code: answer.reason.code, message: answer.reason.message }
        else throw answer.reason
      }
    }
    const why = trouble?.message ?? `${maxLookUps} films were looked up: import again for more`
    const unasked = ids
      .filter((id) => !told.has(id))
      .map((id) => [id, `The film ${id} is not known here; ${why}`] as const)
    return { films: new Set(ids.filter((id) => told.get(id))), unasked: new Map(unasked), trouble }
  }
}
