import { chain } from '../../cache/maybe-promise.ts'
import { AppError } from '../../errors.ts'
import type { Gateway } from '../../kinopoisk/gateway.ts'
import type { Caller } from '../../kinopoisk/request.ts'
import { normalizeName } from '../../text/names.ts'
import type { MovieService } from '../movies/service.ts'
import type { FilmCache } from './cache.ts'
import type { FilmListing } from './listing-service.ts'
import type { FilmRepository } from './repository.ts'
import { type FilmInput, readFilm } from './rules.ts'
import type { FilmBody, FilmChange } from './schemas.ts'

export type FilmService = ReturnType<typeof createFilmService>

interface Dependencies {
  films: FilmRepository
  listing: FilmListing
  filmCache: FilmCache
  movies: Pick<MovieService, 'fetch'>
  kinopoisk: Pick<Gateway, 'supplement'>
  now?: () => Date
}

/** A taken name is found by the database's constraint: film_exists. */
export function createFilmService({
  films,
  listing,
  filmCache,
  movies,
  kinopoisk,
  now = () => new Date(),
}: Dependencies) {
  /** As it is in the database now. */
  async function find(id: number) {
    return (await films.find(id)) ?? notFound(id)
  }

  /** The id of the new film. The schema has checked that nothing is missing. */
  async function insert({ genres = [], ...film }: FilmInput): Promise<number> {
    const { name = '', director_id = 0 } = film
    return (await films.insert({ ...film, name, director_id }, genres)) ?? unknownDirector(director_id)
  }

  /** The body comes before what Kinopoisk has. Upstream is called before any connection is taken. */
  async function importFilm(id: number, given: FilmInput, caller: Caller): Promise<number> {
    if (await films.isListed(id)) throw listedAlready(id)
    const known = await movies.fetch(id, caller)
    if (!known) throw new AppError('film_not_found', { detail: `Kinopoisk knows no film with the id ${id}` })
    const director = given.director_id === undefined ? await findDirector(id, caller) : undefined
    const genres = given.genres ?? known.genres.map(normalizeName)
    const film = { ...known, ...given, id, name: given.name ?? normalizeName(known.name) }
    const missing = [
      ...(director || film.director_id ? [] : ['director_id']),
      ...(genres.length > 0 ? [] : ['genres']),
      ...(film.year ? [] : ['year']),
    ]
    if (missing.length > 0) throw incomplete(missing)
    const done = await films.listKinopoisk({ film, genres, director })
    if (done === 'listed already') throw listedAlready(id)
    if (done === 'no director') unknownDirector(given.director_id)
    return id
  }

  /** The first director that Kinopoisk names. */
  async function findDirector(filmId: number, caller: Caller) {
    const { value } = await kinopoisk.supplement('staff', { id: filmId }, caller)
    for (const { id, name, profession } of value?.items ?? []) {
      if (profession === 'DIRECTOR' && name !== null) return { kinopoisk_id: id, name: normalizeName(name) }
    }
    return undefined
  }

  return {
    list: listing.list,

    /** The film as JSON. @throws {AppError} film_not_found */
    read: (id: number) => chain(filmCache.find(id), (film) => film ?? notFound(id)),

    /** The same; undefined when it is not in the catalogue. */
    readListed: (id: number) => chain(filmCache.find(id), (film) => (film?.listed ? film : undefined)),

    /** @throws {AppError} invalid_input, unknown_reference, film_exists; of Kinopoisk also film_not_found, film_incomplete, upstream_* */
    async create({ kinopoisk_id, ...body }: FilmBody, caller: Caller) {
      const film = readFilm(body, now())
      const id = await (kinopoisk_id === undefined ? insert(film) : importFilm(kinopoisk_id, film, caller))
      return find(id)
    },

    /** @throws {AppError} invalid_input, unknown_reference, film_exists, film_not_found (also for a film that is not listed) */
    async update(id: number, body: FilmChange) {
      const { genres, ...change } = readFilm(body, now())
      const done = await films.update(id, change, genres)
      if (done === 'no film') notFound(id)
      if (done === 'no director') unknownDirector(change.director_id)
      return find(id)
    },

    /** @throws {AppError} film_not_found (also for a film that is not listed) */
    async remove(id: number): Promise<void> {
      if (!(await films.remove(id))) notFound(id)
    },
  }
}

function notFound(id: number): never {
  throw new AppError('film_not_found', { detail: `There is no film with the id ${id}` })
}

function unknownDirector(id: number | undefined): never {
  const message = `${id} is not the id of a director`
  throw new AppError('unknown_reference', {
    detail: `body.director_id ${message}`,
    errors: [{ path: 'body.director_id', message }],
  })
}

function listedAlready(id: number): AppError {
  return new AppError('film_exists', { detail: `The film ${id} is in the catalogue already` })
}

function incomplete(missing: string[]): AppError {
  return new AppError('film_incomplete', {
    detail: `Kinopoisk does not tell all that the catalogue needs: send ${missing.join(', ')} along with kinopoisk_id`,
    errors: missing.map((name) => ({ path: `body.${name}`, message: 'is not known to Kinopoisk' })),
  })
}
