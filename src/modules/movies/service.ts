import { AppError, inputFault } from '../../errors.ts'
import type { Gateway } from '../../kinopoisk/gateway.ts'
import type { KinopoiskFilm } from '../../kinopoisk/normalise.ts'
import type { KnownFilm, MovieRepository } from './repository.ts'

const maxKinopoiskId = 10_000_000
const minOwnId = 1_000_000_000

export type MovieService = ReturnType<typeof createMovieService>

interface Dependencies {
  movies: MovieRepository
  kinopoisk: Pick<Gateway, 'film' | 'search' | 'instead'>
}

export function createMovieService({ movies, kinopoisk }: Dependencies) {
  /** What upstream tells about a film, stored if it is newer than what we know. */
  async function sync(id: number) {
    const told = await kinopoisk.film(id)
    const known = await movies.find(id)
    if (!told.value || !isNewer(told.value, known)) return { movie: known, told }
    await movies.save(toFilm(told.value))
    return { movie: await movies.find(id), told }
  }

  return {
    /**
     * The movie by either kind of id, with how its Kinopoisk part came (undefined where upstream had no part in it).
     * @throws {AppError} movie_not_found, or upstream_* when it is not known and can't be asked
     */
    async find(id: number) {
      const { movie, told } = isKinopoiskId(id)
        ? await sync(id).catch(async (error) => {
            const movie = error instanceof AppError ? await movies.find(id) : undefined
            if (!movie) throw error
            return { movie, told: kinopoisk.instead('stale', syncedAt(movie), error.code) }
          })
        : { movie: await movies.find(id), told: undefined }
      if (!movie) throw movieNotFound(id)
      return { movie, told }
    },

    /** The movie of the catalogue as we know it, for whom upstream is never asked; undefined when it isn't there. */
    async findListed(id: number) {
      isKinopoiskId(id)
      return movies.findListed(id)
    },

    /** What Kinopoisk tells of a film, as we would store it; null when it knows no such film. Throws upstream_*. */
    async fetch(id: number): Promise<KnownFilm | null> {
      const { value } = await kinopoisk.film(id)
      return value && toFilm(value)
    },

    /** The movie as we know it; upstream is asked only about a film that has no row yet. */
    async findKnown(id: number) {
      const movie = (await movies.find(id)) ?? (isKinopoiskId(id) ? (await sync(id)).movie : undefined)
      if (!movie) throw movieNotFound(id)
      return movie
    },

    async search(userId: number, query: string, page: number) {
      const told = await kinopoisk.search(query, page)
      const { items, ...counts } = told.value
      const marks = await movies.findMarks(
        userId,
        items.map((item) => item.id),
      )
      const marked = items.map((item) => ({
        ...item,
        is_favorite: marks.favourites.has(item.id),
        in_wishlist: marks.wishlist.has(item.id),
      }))
      return { told, result: { query, page, ...counts, source: told.source, complete: true, items: marked } }
    },
  }
}

/** True for 1…10 000 000, false for a film made here; other numbers are no film's id. */
function isKinopoiskId(id: number): boolean {
  if (id <= maxKinopoiskId) return true
  if (id >= minOwnId) return false
  throw inputFault(
    'id',
    `must be a Kinopoisk id (1 to ${maxKinopoiskId}) or one of a film made here (from ${minOwnId})`,
  )
}

function isNewer(told: KinopoiskFilm, known: { kinopoisk: unknown } | undefined): boolean {
  const stored = syncedAt(known)
  return !stored || stored < new Date(told.synced_at)
}

/** When upstream last told about the film; undefined for what it never told about. */
function syncedAt(known: { kinopoisk: unknown } | undefined): Date | undefined {
  const block = known?.kinopoisk as { synced_at: string } | null | undefined
  return block ? new Date(block.synced_at) : undefined
}

function movieNotFound(id: number): AppError {
  return new AppError('movie_not_found', { detail: `There is no movie with the id ${id}` })
}

function toFilm(told: KinopoiskFilm): KnownFilm {
  return {
    id: told.kinopoisk_id,
    name: told.name_ru ?? told.name_original ?? told.name_en ?? String(told.kinopoisk_id),
    original_name: told.name_original ?? told.name_en,
    year: told.year,
    minutes: told.minutes,
    rate: told.rating_kinopoisk,
    description: told.description,
    poster_url: told.poster_url,
    genres: told.genres,
    kinopoisk: told,
    kinopoisk_synced_at: new Date(told.synced_at),
  }
}
