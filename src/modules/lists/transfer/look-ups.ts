import { AppError, type ErrorCode } from '../../../errors.ts'
import type { Caller } from '../../../kinopoisk/request.ts'
import type { MovieService } from '../../movies/service.ts'

/** Why not all films could be looked up in Kinopoisk. */
export interface Interruption {
  code: ErrorCode
  message: string
}

/** Look-ups of one import. */
export interface LookUps {
  /** The ids that are films, of those that were looked up. */
  byId(ids: number[]): Promise<Map<number, boolean>>
  /** The ids of the films with an IMDb id; those that were not looked up are missing. */
  byImdb(imdbIds: string[]): Promise<Map<string, number[]>>
  /** Why the others were not looked up. */
  reason(): string
  interruption(): Interruption | null
}

// Of each import: the rest is left for the next, because Kinopoisk allows 500 calls a day.
const maxLookUps = 50
const atOnce = 5

/** Stops when Kinopoisk is not available. */
export function createLookUps({ movies }: { movies: Pick<MovieService, 'findKnown' | 'findIdsByImdb'> }) {
  return (caller: Caller): LookUps => {
    let left = maxLookUps
    let interruption: Interruption | null = null

    async function lookUp<K, V>(keys: K[], one: (key: K) => Promise<V>): Promise<Map<K, V>> {
      const found = new Map<K, V>()
      const wanted = keys.slice(0, left)
      left -= wanted.length
      for (let at = 0; at < wanted.length && !interruption; at += atOnce) {
        const part = wanted.slice(at, at + atOnce)
        const outcomes = await Promise.allSettled(part.map(one))
        for (const [i, outcome] of outcomes.entries()) {
          if (outcome.status === 'fulfilled') found.set(part[i] as K, outcome.value)
          else if (!(outcome.reason instanceof AppError)) throw outcome.reason
          else interruption ??= { code: outcome.reason.code, message: outcome.reason.message }
        }
      }
      return found
    }

    return {
      byId: (ids) => lookUp(ids, (id) => isFilm(id, caller)),
      byImdb: (imdbIds) => lookUp(imdbIds, (imdbId) => movies.findIdsByImdb(imdbId, caller, 'import')),
      reason: () => interruption?.message ?? `${maxLookUps} films were looked up: import again for more`,
      interruption: () => interruption,
    }
  }

  function isFilm(id: number, caller: Caller): Promise<boolean> {
    return movies.findKnown(id, caller, 'import').then(
      () => true,
      (error) => {
        if (error instanceof AppError && error.code === 'movie_not_found') return false
        throw error
      },
    )
  }
}
