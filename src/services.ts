import type { FastifyInstance } from 'fastify'
import type { Config } from './config/config.ts'
import { isMigrated } from './db/migrate.ts'
import { withinOwnTime } from './db/pool/own-time.ts'
import { createPlaces } from './http/places.ts'
import { compatibleEndpoints } from './kinopoisk/compatible/table.ts'
import type { Clock } from './kinopoisk/layers/cache.ts'
import { hashKey } from './kinopoisk/quota/ledger.ts'
import { softPart } from './kinopoisk/quota/quota.ts'
import { createAttempts } from './modules/auth/attempts.ts'
import { createAuthMetrics } from './modules/auth/metrics.ts'
import { createRefreshTokens } from './modules/auth/refresh-tokens.ts'
import { createAuthRepository } from './modules/auth/repository.ts'
import { createResetRepository } from './modules/auth/reset-repository.ts'
import { createResetService } from './modules/auth/reset-service.ts'
import { createAuthService } from './modules/auth/service.ts'
import { createSessionCache } from './modules/auth/session-cache.ts'
import { createSessionRepository } from './modules/auth/session-repository.ts'
import { createSessionService } from './modules/auth/session-service.ts'
import { createThrottle } from './modules/auth/throttle.ts'
import { createThrottleRepository } from './modules/auth/throttle-repository.ts'
import { createCompatibleService } from './modules/compatible/service.ts'
import { createDirectors } from './modules/directors/directors.ts'
import { createFilmCache } from './modules/films/cache.ts'
import { createExportRepository } from './modules/films/csv/export-repository.ts'
import { createFilmExport } from './modules/films/csv/export-service.ts'
import { createImportRepository } from './modules/films/csv/import-repository.ts'
import { createFilmImport } from './modules/films/csv/import-service.ts'
import { createDemoRepository, type DemoFilm } from './modules/films/demo-repository.ts'
import { createFacetRepository } from './modules/films/facets-repository.ts'
import { createFilmFacets } from './modules/films/facets-service.ts'
import { createFilmFilters } from './modules/films/filters.ts'
import { createFilmListing } from './modules/films/listing-service.ts'
import { createFilmRepository } from './modules/films/repository.ts'
import { createFilmService } from './modules/films/service.ts'
import { createGenres } from './modules/genres/genres.ts'
import type { Keys } from './modules/keys/keys.ts'
import { createListCache } from './modules/lists/cache.ts'
import { createListIdsRepository } from './modules/lists/ids-repository.ts'
import { createLists } from './modules/lists/lists.ts'
import { createTransferRepository } from './modules/lists/transfer/repository.ts'
import { createMovieCache } from './modules/movies/cache.ts'
import { ingest } from './modules/movies/ingest.ts'
import { createMovieCatalogue } from './modules/movies/listing/service.ts'
import { createMovieStream } from './modules/movies/listing/stream-repository.ts'
import { createFilmWriter, createMovieRepository } from './modules/movies/repository.ts'
import { createSandboxRepository, type SandboxFacts } from './modules/movies/sandbox-repository.ts'
import { createLocalSearch } from './modules/movies/search/local-search.ts'
import { createSearchRepository } from './modules/movies/search/repository.ts'
import { createSearchCache } from './modules/movies/search/result-json.ts'
import { createMovieService } from './modules/movies/service.ts'
import { createSupplementService } from './modules/movies/supplements/service.ts'
import { createPersonService } from './modules/people/service.ts'
import { createRatings } from './modules/ratings/ratings.ts'
import { createSuggestions } from './modules/suggestions/suggestions.ts'
import { createUsageService } from './modules/usage/service.ts'
import { createAccountRepository } from './modules/users/account-repository.ts'
import { createAccountService } from './modules/users/account-service.ts'
import { createUserAdminRepository } from './modules/users/admin-repository.ts'
import { createUserAdminService } from './modules/users/admin-service.ts'
import { createUserRepository } from './modules/users/repository.ts'
import { createUserService } from './modules/users/service.ts'
import { createUsageRepository } from './modules/users/usage-repository.ts'
import { createSemaphore } from './semaphore.ts'

/** What the services need of what lies outside of the process. */
export interface ServiceExternals {
  databaseUrl: string
  /** Without a pooler, if databaseUrl has one: for the change feed, exports and imports. */
  sessionUrl?: string | undefined
  jwtSecrets: string[]
  /** Listed where no film has ever been. */
  demoCatalogue?: DemoFilm[] | undefined
  /** What the embedded sandbox may have left in the database; where the real Kinopoisk is used. */
  formerSandbox?: { apiKey: string; readFacts(): Promise<SandboxFacts> } | undefined
  /** Made when there is no administrator yet. */
  firstAdmin?: { login: string; password: string } | undefined
  clock?: Clock
}

export { createKeys } from './modules/keys/keys.ts'
export type Services = ReturnType<typeof createServices>

/** Every service, built from its parts over the resources of the plugins. */
export function createServices(app: FastifyInstance, config: Config, externals: ServiceExternals, keys: Keys) {
  const { db } = app.database
  const accounts = createAccounts(app, config, externals.jwtSecrets)
  const { listCache, ...catalogue } = createCatalogue(app, externals)
  const { movies } = catalogue
  const { cache, kinopoisk } = app
  const sorting = createSemaphore({ name: 'sorted lists', max: 3, maxPerCaller: 1, maxQueue: 100 })
  const directors = createDirectors({
    db,
    laggingDb: app.reads.db,
    storage: app.storage,
    onDeleteFailed: (err, key) => app.log.error({ err, key }, 'a photo that nobody needs could not be removed now'),
  })
  return {
    ...accounts.services,
    ...catalogue,
    ...directors.services,
    ...createLists({ db, movies, kinopoisk, listCache, sorting }),
    keys: keys.service,
    usage: createUsageService({ spending: app.kinopoisk.spending, softPart }),
    genres: createGenres({ db, laggingDb: app.reads.db, countFilms: catalogue.facets.countGenres }),
    ...createRatings({ db, movies, ownStates: listCache, sorting }),
    supplements: createSupplementService({ movies, ownStates: listCache, kinopoisk: app.kinopoisk }),
    suggestions: createSuggestions({ db: app.reads.db, cache }),
    people: createPersonService({ kinopoisk: app.kinopoisk }),
    compatible: createCompatibleService({ endpoints: compatibleEndpoints, movies, cache, kinopoisk }),
    places: createPlaces(app.metrics),
    kinopoiskStatus: app.kinopoisk.status,
    countUsers: createUsageRepository(app.reads.db).count,
    isReady: async () =>
      (await withinOwnTime(
        isMigrated(app.database).catch(() => undefined),
        500,
      )) ?? app.reads.isServing(),
    /** Cleanups, run about every hour. */
    housekeeping: {
      ...{ ...accounts.housekeeping, ...directors.housekeeping },
      ...{ leases: app.kinopoisk.cleanup, keys: keys.deleteExpired },
    },
    prepare: () => prepare(app, externals, accounts.services.auth),
  }
}

/** The user of a live session, for the plugin that checks access tokens. */
export function createSessionFinder({ reads, cache }: FastifyInstance) {
  return createSessionCache({ sessions: createSessionRepository(reads.cautious), cache })
}

/** Before the first request: the demo catalogue and the first administrator. */
async function prepare(
  app: FastifyInstance,
  { demoCatalogue = [], formerSandbox, firstAdmin }: ServiceExternals,
  auth: { ensureAdmin(login: string, password: string): Promise<boolean> },
): Promise<void> {
  if (await createDemoRepository(app.database.db).seed(demoCatalogue)) {
    app.log.info(`a demo catalogue of ${demoCatalogue.length} films was made; DEMO_CATALOGUE=false prevents it`)
  }
  if (formerSandbox) {
    const sandbox = createSandboxRepository(app.database.db, hashKey(formerSandbox.apiKey))
    const marked = await sandbox.leave(formerSandbox.readFacts)
    if (marked !== undefined) app.log.info({ marked }, 'films of the sandbox will be replaced as Kinopoisk has them')
  }
  if (firstAdmin) await auth.ensureAdmin(firstAdmin.login, firstAdmin.password)
}

/** Tokens and sessions, profiles, and an account as a whole. */
function createAccounts(app: FastifyInstance, config: Config, jwtSecrets: string[]) {
  const { db } = app.database
  const repository = createAuthRepository(db)
  const sessions = createSessionRepository(db)
  const failures = createThrottleRepository(db)
  const metrics = createAuthMetrics(app.metrics)
  const passwords = metrics.passwords()
  const throttle = createThrottle(failures, metrics.throttled, app.clock.nowMs)
  const refreshTokens = createRefreshTokens(jwtSecrets)
  const attempts = createAttempts({ throttle, refreshTokens, countsLoopback: config.trustProxy !== false })
  const resets = createResetRepository(db)
  const auth = createAuthService({
    ...{ repository, sessions, passwords, throttle, attempts, refreshTokens },
    accessTokens: app.accessTokens,
    accessTtlMs: config.accessTtlMs,
    refreshTtlMs: config.refreshTtlMs,
    phoneRegion: config.phoneRegion,
    reused({ userId: user_id, sessionId: session_id }) {
      metrics.reused()
      app.log.warn({ event: 'refresh_token_reused', user_id, session_id }, 'an old refresh token ended its session')
    },
  })
  const users = createUserService({ users: createUserRepository(db) })
  const lists = createTransferRepository(db)
  const account = createAccountService({
    users,
    accounts: createAccountRepository(db),
    listRows: lists.rows,
    confirmPassword: auth.confirmPassword,
  })
  return {
    services: {
      auth: metrics.withMetrics(auth),
      resets: createResetService({ resets, passwords, attempts, phoneRegion: config.phoneRegion }),
      sessions: createSessionService({ sessions }),
      users,
      accounts: createUserAdminService({ accounts: createUserAdminRepository(db) }),
      account,
    },
    housekeeping: {
      sessions: sessions.deleteExpired,
      networks: repository.cleanupNetworks,
      failures: failures.cleanup,
      resets: resets.deleteExpired,
    },
  }
}

/** The catalogue in both vocabularies, and the look-ups in Kinopoisk. */
function createCatalogue(app: FastifyInstance, externals: ServiceExternals) {
  const { cache, database, kinopoisk, reads } = app
  const { databaseUrl, sessionUrl = databaseUrl, clock } = externals
  const { db } = database
  const movieRepository = createMovieRepository(db)
  const laggingMovies = createMovieRepository(reads.db)
  const movieCache = createMovieCache({ movies: movieRepository, laggingMovies, cache })
  const listCache = createListCache({ ids: createListIdsRepository(reads.cautious), cache })
  const movies = createMovieService({
    movies: movieRepository,
    movieCache,
    searchCache: createSearchCache(cache),
    ownStates: listCache,
    searchLocally: createLocalSearch({
      films: createSearchRepository(reads.db),
      semaphore: createSemaphore({ name: 'local searches', max: 3, maxQueue: 100 }),
      cache,
    }),
    readItems: createSearchRepository(db).readItems,
    kinopoisk,
  })
  kinopoisk.onDiscovered((transaction, discovery) => ingest(createFilmWriter(transaction), discovery))
  const filmRepository = createFilmRepository(db)
  const laggingFilms = createFilmRepository(reads.db)
  const filmCache = createFilmCache({ films: filmRepository, laggingFilms, cache })
  const filters = createFilmFilters({ films: laggingFilms, cache })
  const listing = createFilmListing({ films: laggingFilms, filters, filmCache, cache })
  const now = clock && { now: clock.now }
  return {
    movies,
    listCache,
    catalogue: createMovieCatalogue({
      movies: laggingMovies,
      movieCache,
      stream: createMovieStream(reads.sql),
      ownStates: listCache,
      count: listing.total,
    }),
    films: createFilmService({ films: filmRepository, listing, filmCache, movies, kinopoisk, ...now }),
    facets: createFilmFacets({ facets: createFacetRepository(reads.db), filters, filmCache, cache }),
    filmExport: createFilmExport({
      exports: createExportRepository(reads.connect),
      semaphore: createSemaphore({ name: 'exports', max: 2, maxQueue: 40 }),
    }),
    filmImport: createFilmImport({ imports: createImportRepository(sessionUrl, database), ...now }),
  }
}
