import Fastify, { type FastifyInstance } from 'fastify'
import { openAccounts } from './accounts.ts'
import { openCatalogue } from './catalogue.ts'
import type { Config } from './config.ts'
import { isMigrated } from './db/migrate.ts'
import { favourites, wishlist } from './db/schema/lists.ts'
import { createGate } from './gate.ts'
import type { Clock } from './kinopoisk/cache.ts'
import { adminRoutes } from './modules/admin/routes.ts'
import { authRoutes } from './modules/auth/routes.ts'
import { sessionRoutes } from './modules/auth/session-routes.ts'
import { createImages } from './modules/directors/images.ts'
import { photoAdminRoutes, photoRoutes } from './modules/directors/photo-routes.ts'
import { createPhotoService } from './modules/directors/photo-service.ts'
import { createDirectorRepository } from './modules/directors/repository.ts'
import { directorAdminRoutes, directorRoutes } from './modules/directors/routes.ts'
import { createDirectorService } from './modules/directors/service.ts'
import { filmExportRoutes } from './modules/films/csv/export-routes.ts'
import { filmImportRoutes } from './modules/films/csv/import-routes.ts'
import { createDemoRepository, type DemoFilm } from './modules/films/demo-repository.ts'
import { filmAdminRoutes, filmRoutes } from './modules/films/routes.ts'
import { createGenreRepository } from './modules/genres/repository.ts'
import { genreAdminRoutes, genreRoutes } from './modules/genres/routes.ts'
import { createGenreService } from './modules/genres/service.ts'
import { healthRoutes } from './modules/health/routes.ts'
import { createMatchingRepository } from './modules/lists/matching-repository.ts'
import { createListRepository } from './modules/lists/repository.ts'
import { listRoutes } from './modules/lists/routes.ts'
import { createListService } from './modules/lists/service.ts'
import type { ListShelf } from './modules/lists/shelf.ts'
import { createTransferRepository } from './modules/lists/transfer-repository.ts'
import { transferRoutes } from './modules/lists/transfer-routes.ts'
import { createTransferService } from './modules/lists/transfer-service.ts'
import { movieCatalogueRoutes } from './modules/movies/catalogue-routes.ts'
import { searchRoutes } from './modules/movies/routes.ts'
import { createRatingRepository } from './modules/ratings/repository.ts'
import { ratingRoutes } from './modules/ratings/routes.ts'
import { createRatingService } from './modules/ratings/service.ts'
import { accountRoutes } from './modules/users/account-routes.ts'
import { userAdminRoutes } from './modules/users/admin-routes.ts'
import { userRoutes } from './modules/users/routes.ts'
import { createUsageRepository } from './modules/users/usage-repository.ts'
import dbPlugin from './plugins/db.ts'
import drainingPlugin from './plugins/draining.ts'
import errorsPlugin, { sendProblem, sendRawProblem } from './plugins/errors.ts'
import { conditional, documentConditional } from './plugins/etag.ts'
import housekeepingPlugin from './plugins/housekeeping.ts'
import kinopoiskPlugin from './plugins/kinopoisk.ts'
import limitsPlugin, { headerLimits, type Limits, serverLimits } from './plugins/limits.ts'
import loggingPlugin, { loggerOptions } from './plugins/logging.ts'
import memoryPlugin from './plugins/memory.ts'
import metricsPlugin from './plugins/metrics.ts'
import openapiPlugin, { optionalToken } from './plugins/openapi.ts'
import productMetricsPlugin from './plugins/product-metrics.ts'
import requestsPlugin from './plugins/requests.ts'
import securityPlugin, { answersFor, noStore, revalidate } from './plugins/security.ts'
import storagePlugin from './plugins/storage.ts'
import usagePlugin from './plugins/usage.ts'
import validationPlugin from './plugins/validation.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** True when there was no administrator, and this one was made. */
    ensureAdmin(login: string, password: string): Promise<boolean>
  }
}

/** What lies outside of the process: real, or embedded in its place. */
export interface Edges {
  databaseUrl: string
  jwtSecrets: string[]
  kinopoisk: { url: string; apiKey: string; sandbox: boolean; renewalMs?: number }
  version: string
  /** Listed where no film has ever been. */
  demoCatalogue?: DemoFilm[] | undefined
  /** Made when there is no administrator yet. */
  firstAdmin?: { login: string; password: string } | undefined
  /** Where the log goes; stdout if absent. */
  logStream?: NodeJS.WritableStream
  /** Told of every internal error, once; false where it goes nowhere. */
  report?: (error: unknown, context: { requestId: string }) => unknown
  clock?: Clock
  /** Other limits than the usual ones. */
  limits?: Partial<Limits>
}

/** The whole service, not yet listening. The database must have been migrated. */
export async function buildApp(config: Config, edges: Edges): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    ...loggerOptions(config.logLevel, edges.logStream),
    trustProxy: config.trustProxy,
    ...serverLimits,
    // plugins/errors.ts says it, as a problem.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    // Node answers a request without Host with an empty body; plugins/errors.ts does with a problem.
    http: { requireHostHeader: false, ...headerLimits, ServerResponse: answersFor(config.corsOrigins) },
    frameworkErrors: (error, request, reply) => {
      request.server.exchanges.begin(request, reply)
      return sendProblem(error, request, reply)
    },
    clientErrorHandler: sendRawProblem,
  })

  await app.register(requestsPlugin)
  await app.register(errorsPlugin, {
    report: (error, context) => {
      if (edges.report?.(error, context)) app.countReport()
    },
  })
  await app.register(drainingPlugin)
  await app.register(loggingPlugin)
  await app.register(metricsPlugin, { version: edges.version })
  await app.register(productMetricsPlugin)
  await app.register(securityPlugin, { corsOrigins: config.corsOrigins })
  await app.register(limitsPlugin, { limits: edges.limits })
  await app.register(validationPlugin)
  await app.register(openapiPlugin, { version: edges.version })
  await app.register(dbPlugin, { url: edges.databaseUrl })
  await app.register(memoryPlugin, { url: edges.databaseUrl, maxBytes: config.memoryCacheBytes })
  const { database } = app
  await app.register(kinopoiskPlugin, {
    ...edges.kinopoisk,
    timeoutMs: config.kinopoisk.timeoutMs,
    dailyQuota: config.kinopoisk.dailyQuota,
    resetTz: config.kinopoisk.resetTz,
    ...(edges.clock && { clock: edges.clock }),
  })
  await app.register(storagePlugin, { dataDir: config.dataDir, s3: config.s3, s3Options: config.s3Options })
  const { auth, sessions, users, accounts, account, tidying } = await openAccounts(app, config, edges.jwtSecrets)
  await app.register(usagePlugin, { count: createUsageRepository(database.db).count, now: edges.clock?.now })
  app.decorate('ensureAdmin', auth.ensureAdmin)
  app.addHook('onReady', async () => {
    const { demoCatalogue = [], firstAdmin } = edges
    if (await createDemoRepository(database.db).seed(demoCatalogue)) {
      app.log.info(`a demo catalogue of ${demoCatalogue.length} films was made; DEMO_CATALOGUE=false prevents it`)
    }
    if (firstAdmin) await auth.ensureAdmin(firstAdmin.login, firstAdmin.password)
  })
  const { movies, listShelf, catalogue, films, filmExport, filmImport } = openCatalogue(app, edges)
  const genres = createGenreService({ genres: createGenreRepository(database.db) })
  const directorRepository = createDirectorRepository(database.db)
  const photos = createPhotoService({
    directors: directorRepository,
    storage: app.storage,
    images: createImages(),
    leftBehind: (err, key) => app.log.error({ err, key }, 'a photo that nobody needs could not be removed now'),
  })
  await app.register(housekeepingPlugin, {
    tasks: { ...tidying, leases: app.kinopoisk.tidy, photos: photos.sweep },
  })
  const directors = createDirectorService({ directors: directorRepository, photos })
  const list = (table: typeof favourites | typeof wishlist, keptBy: ListShelf['favourites']) =>
    createListService({ list: createListRepository(database.db, table), keptBy, movies })
  const transfer = createTransferService({
    transfer: createTransferRepository(database.db),
    matching: createMatchingRepository(database.db),
    movies,
    kinopoisk: app.kinopoisk,
  })
  const ratings = createRatingService({ ratings: createRatingRepository(database.db), movies })

  await app.register(async (open) => {
    open.addHook('onRequest', noStore)
    await open.register(healthRoutes, {
      isReady: () => isMigrated(database),
      isStopping: app.draining.has,
      metricsToken: config.metricsToken,
    })
    await open.register(authRoutes, { auth, users })
  })
  await app.register(async (reading) => {
    if (config.publicCatalogue) reading.security = optionalToken
    reading.addHook('onRoute', documentConditional)
    reading.addHook('onRequest', revalidate(config.publicCatalogue))
    reading.addHook('onSend', conditional)
    reading.addHook('onRequest', config.publicCatalogue ? reading.identify : reading.authenticate)
    await reading.register(filmRoutes, { films })
    await reading.register(genreRoutes, { genres })
    await reading.register(directorRoutes, { directors })
    await reading.register(photoRoutes, { photos })
    await reading.register(movieCatalogueRoutes, { movies, catalogue })
    await reading.register(filmExportRoutes, { filmExport })
  })
  await app.register(async (secured) => {
    secured.addHook('onRoute', documentConditional)
    secured.addHook('onRequest', noStore)
    secured.addHook('onSend', conditional)
    secured.addHook('onRequest', secured.authenticate)
    await secured.register(sessionRoutes, { auth, sessions })
    await secured.register(userRoutes, { users })
    await secured.register(accountRoutes, { account })
    await secured.register(searchRoutes, { movies })
    await secured.register(listRoutes, {
      list: list(favourites, listShelf.favourites),
      path: 'favorites',
      name: 'Favorites',
    })
    await secured.register(listRoutes, { list: list(wishlist, listShelf.wishlist), path: 'wishlist', name: 'Wishlist' })
    await secured.register(transferRoutes, { transfer })
    await secured.register(ratingRoutes, { ratings })
    await secured.register(async (administration) => {
      administration.addHook('onRequest', administration.requireAdmin)
      await administration.register(adminRoutes, { status: app.kinopoisk.status, movies })
      await administration.register(userAdminRoutes, { accounts })
      await administration.register(filmAdminRoutes, { films })
      await administration.register(genreAdminRoutes, { genres })
      await administration.register(directorAdminRoutes, { directors })
      await administration.register(photoAdminRoutes, { photos })
      await administration.register(filmImportRoutes, {
        filmImport,
        uploads: createGate({ name: 'uploads', max: 4 }),
      })
    })
  })
  return app
}
