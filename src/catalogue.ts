import type { FastifyInstance } from 'fastify'
import type { Clock } from './kinopoisk/layers/cache.ts'
import { createFilmShelf } from './modules/films/cache.ts'
import { createExportRepository } from './modules/films/csv/export-repository.ts'
import { createFilmExport } from './modules/films/csv/export-service.ts'
import { createImportRepository } from './modules/films/csv/import-repository.ts'
import { createFilmImport } from './modules/films/csv/import-service.ts'
import { createFilmListing } from './modules/films/listing-service.ts'
import { createFilmRepository } from './modules/films/repository.ts'
import { createFilmService } from './modules/films/service.ts'
import { createListShelf } from './modules/lists/cache.ts'
import { createKeptRepository } from './modules/lists/ids-repository.ts'
import { createMovieShelf } from './modules/movies/cache.ts'
import { createMovieCatalogue } from './modules/movies/listing/service.ts'
import { createMovieStream } from './modules/movies/listing/stream-repository.ts'
import { createMovieRepository } from './modules/movies/repository.ts'
import { createLocalSearch } from './modules/movies/search/local-search.ts'
import { createSearchRepository } from './modules/movies/search/repository.ts'
import { createSearchShelf } from './modules/movies/search/result-json.ts'
import { createMovieService } from './modules/movies/service.ts'
import { createGate } from './semaphore.ts'

/** The part of app.ts that is about films: the catalogue in both vocabularies, and the look-ups in Kinopoisk. */
export function openCatalogue(app: FastifyInstance, edges: { databaseUrl: string; clock?: Clock }) {
  const { database, memory, kinopoisk } = app
  const { db } = database
  const movieRepository = createMovieRepository(db)
  const movieShelf = createMovieShelf({ movies: movieRepository, memory })
  const listShelf = createListShelf({ kept: createKeptRepository(db), memory })
  const searchLocally = createLocalSearch({
    films: createSearchRepository(db),
    gate: createGate({ name: 'local searches', max: 3, waiting: 100, waitMs: 5_000 }),
  })
  const movies = createMovieService({
    movies: movieRepository,
    shelf: movieShelf,
    searches: createSearchShelf(memory),
    marks: listShelf,
    searchLocally,
    kinopoisk,
  })
  kinopoisk.onNews(movies.learn)
  const filmRepository = createFilmRepository(db)
  const filmShelf = createFilmShelf({ films: filmRepository, memory })
  const listing = createFilmListing({ films: filmRepository, shelf: filmShelf, memory })
  const now = edges.clock && { now: edges.clock.now }
  return {
    movies,
    listShelf,
    catalogue: createMovieCatalogue({
      movies: movieRepository,
      shelf: movieShelf,
      stream: createMovieStream(database.sql),
      count: listing.total,
    }),
    films: createFilmService({ films: filmRepository, listing, shelf: filmShelf, movies, kinopoisk, ...now }),
    filmExport: createFilmExport({
      exports: createExportRepository(edges.databaseUrl),
      gate: createGate({ name: 'exports', max: 2, waiting: 20, waitMs: 10_000 }),
    }),
    filmImport: createFilmImport({ imports: createImportRepository(edges.databaseUrl), ...now }),
  }
}
