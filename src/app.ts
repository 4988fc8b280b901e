import Fastify, { type FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { isMigrated } from './db/migrate.ts'
import { favourites, wishlist } from './db/schema/lists.ts'
import type { Clock } from './kinopoisk/cache.ts'
import { createPasswords } from './modules/auth/passwords.ts'
import { createRefreshTokens } from './modules/auth/refresh-tokens.ts'
import { createAuthRepository } from './modules/auth/repository.ts'
import { authRoutes, sessionRoutes } from './modules/auth/routes.ts'
import { createAuthService } from './modules/auth/service.ts'
import { createExportRepository } from './modules/films/csv/export-repository.ts'
import { filmExportRoutes } from './modules/films/csv/export-routes.ts'
import { createFilmExport } from './modules/films/csv/export-service.ts'
import { createGate } from './modules/films/csv/gate.ts'
import { createImportRepository } from './modules/films/csv/import-repository.ts'
import { filmImportRoutes } from './modules/films/csv/import-routes.ts'
import { createFilmImport } from './modules/films/csv/import-service.ts'
import { healthRoutes } from './modules/health/routes.ts'
import { createListRepository } from './modules/lists/repository.ts'
import { listRoutes } from './modules/lists/routes.ts'
import { createListService } from './modules/lists/service.ts'
import { createMovieRepository } from './modules/movies/repository.ts'
import { movieRoutes } from './modules/movies/routes.ts'
import { createMovieService } from './modules/movies/service.ts'
import { createUserRepository } from './modules/users/repository.ts'
import { userRoutes } from './modules/users/routes.ts'
import { createUserService } from './modules/users/service.ts'
import authPlugin from './plugins/auth.ts'
import dbPlugin from './plugins/db.ts'
import errorsPlugin, { sendProblem, sendRawProblem } from './plugins/errors.ts'
import housekeepingPlugin from './plugins/housekeeping.ts'
import kinopoiskPlugin from './plugins/kinopoisk.ts'
import loggingPlugin, { loggerOptions } from './plugins/logging.ts'
import metricsPlugin from './plugins/metrics.ts'
import openapiPlugin from './plugins/openapi.ts'
import securityPlugin from './plugins/security.ts'
import validationPlugin from './plugins/validation.ts'

/** What lies outside of the process: real, or embedded in its place. */
export interface Edges {
  databaseUrl: string
  jwtSecrets: string[]
  kinopoisk: { url: string; apiKey: string; sandbox: boolean }
  version: string
  /** Made when there is no administrator yet; `made` is told so. */
  firstAdmin?: { login: string; password: string; made?: () => void } | undefined
  /** Where the log goes; stdout if absent. */
  logStream?: NodeJS.WritableStream
  /** Told of every internal error, once. */
  report?: (error: unknown, context: { requestId: string }) => void
  clock?: Clock
}

/** The whole service, not yet listening. The database must have been migrated. */
export async function buildApp(config: Config, edges: Edges): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    ...loggerOptions(config.logLevel, edges.logStream),
    trustProxy: config.trustProxy,
    bodyLimit: 1024 * 1024,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    frameworkErrors: sendProblem,
    clientErrorHandler: sendRawProblem,
  })

  await app.register(errorsPlugin, { report: edges.report })
  await app.register(loggingPlugin)
  await app.register(metricsPlugin)
  await app.register(securityPlugin, { corsOrigins: config.corsOrigins })
  await app.register(validationPlugin)
  await app.register(openapiPlugin, { version: edges.version })
  await app.register(dbPlugin, { url: edges.databaseUrl })
  const { database } = app
  await app.register(kinopoiskPlugin, {
    ...edges.kinopoisk,
    timeoutMs: config.kinopoisk.timeoutMs,
    ...(edges.clock && { clock: edges.clock }),
  })
  const authRepository = createAuthRepository(database.db)
  await app.register(authPlugin, {
    secrets: edges.jwtSecrets,
    ttlMs: config.accessTtlMs,
    findSession: authRepository.findLiveSession,
  })
  await app.register(housekeepingPlugin, { tasks: { sessions: authRepository.deleteExpiredSessions } })

  const auth = createAuthService({
    repository: authRepository,
    passwords: createPasswords(),
    accessTokens: app.accessTokens,
    refreshTokens: createRefreshTokens(edges.jwtSecrets),
    accessTtlMs: config.accessTtlMs,
    refreshTtlMs: config.refreshTtlMs,
    phoneRegion: config.phoneRegion,
  })
  app.addHook('onReady', async () => {
    const { firstAdmin } = edges
    if (firstAdmin && (await auth.ensureAdmin(firstAdmin.login, firstAdmin.password))) firstAdmin.made?.()
  })
  const users = createUserService({ users: createUserRepository(database.db) })
  const movies = createMovieService({ movies: createMovieRepository(database.db), kinopoisk: app.kinopoisk })
  const filmExport = createFilmExport({
    exports: createExportRepository(edges.databaseUrl),
    gate: createGate({ max: 2, waiting: 20, waitMs: 10_000 }),
  })
  const filmImport = createFilmImport({
    imports: createImportRepository(edges.databaseUrl),
    ...(edges.clock && { now: edges.clock.now }),
  })
  const list = (table: typeof favourites | typeof wishlist) =>
    createListService({ list: createListRepository(database.db, table), movies })

  await app.register(healthRoutes, { isReady: () => isMigrated(database), metricsToken: config.metricsToken })
  await app.register(authRoutes, { auth, users })
  await app.register(async (secured) => {
    secured.addHook('onRequest', secured.authenticate)
    await secured.register(sessionRoutes, { auth })
    await secured.register(userRoutes, { users })
    await secured.register(filmExportRoutes, { filmExport })
    await secured.register(movieRoutes, { movies })
    await secured.register(listRoutes, { list: list(favourites), path: 'favorites', name: 'Favorites' })
    await secured.register(listRoutes, { list: list(wishlist), path: 'wishlist', name: 'Wishlist' })
  })
  await app.register(async (administration) => {
    administration.addHook('onRequest', administration.authenticate)
    administration.addHook('onRequest', administration.requireAdmin)
    await administration.register(filmImportRoutes, {
      filmImport,
      uploads: createGate({ max: 4, waiting: 0, waitMs: 0 }),
    })
  })
  return app
}
