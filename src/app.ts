import type { Server } from 'node:http'
import Fastify, { type FastifyHttpOptions, type FastifyInstance } from 'fastify'
import type { DestinationStream } from 'pino'
import type { Config } from './config/config.ts'
import authPlugin from './plugins/auth.ts'
import cachePlugin from './plugins/cache.ts'
import clockPlugin from './plugins/clock.ts'
import dbPlugin from './plugins/db.ts'
import documentationPlugin from './plugins/documentation.ts'
import drainingPlugin from './plugins/draining.ts'
import errorsPlugin, { sendProblem } from './plugins/errors.ts'
import housekeepingPlugin from './plugins/housekeeping.ts'
import keyScopesPlugin from './plugins/key-scopes.ts'
import keyUsesPlugin from './plugins/key-uses.ts'
import kinopoiskPlugin, { type KinopoiskExternals } from './plugins/kinopoisk.ts'
import limitsPlugin, { headerLimits, type Limits, serverLimits } from './plugins/limits.ts'
import loggingPlugin, { loggerOptions } from './plugins/logging.ts'
import metricsPlugin from './plugins/metrics.ts'
import openapiPlugin from './plugins/openapi.ts'
import picturesPlugin, { type PictureExternals } from './plugins/pictures.ts'
import productMetricsPlugin from './plugins/product-metrics.ts'
import { sendRawProblem } from './plugins/raw-errors.ts'
import readsPlugin from './plugins/reads.ts'
import representationsPlugin from './plugins/representations.ts'
import requestsPlugin from './plugins/requests.ts'
import securityPlugin, { responseClassWith } from './plugins/security.ts'
import storagePlugin from './plugins/storage.ts'
import usagePlugin from './plugins/usage.ts'
import validationPlugin, { readQuery } from './plugins/validation.ts'
import { registerRoutes } from './routes.ts'
import { createKeys, createServices, createSessionFinder, type ServiceExternals } from './services.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** True when there was no administrator, and this one was made. */
    ensureAdmin(login: string, password: string): Promise<boolean>
  }
}

/** What lies outside of the process: real, or embedded in its place. */
export interface Externals extends ServiceExternals {
  kinopoisk: KinopoiskExternals
  pictures?: PictureExternals
  version: string
  /** Where the log goes; stdout if absent. */
  logStream?: DestinationStream
  /** Gets every internal error, once; false where it goes nowhere. */
  report?: (error: unknown, context: { requestId: string }) => unknown
  /** Of the pool, at most; 10 if absent. */
  connections?: number
  /** Other limits than the usual ones. */
  limits?: Partial<Limits>
}

/** The whole service, not yet listening. The database must have been migrated. */
export async function buildApp(config: Config, externals: Externals): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify(serverOptions(config, externals))
  await app.register(requestsPlugin)
  await app.register(errorsPlugin, {
    isCompatible: config.kinopoisk.compatible,
    report: (error, context) => {
      if (externals.report?.(error, context)) app.countReport()
    },
  })
  await app.register(drainingPlugin)
  await app.register(loggingPlugin)
  await app.register(metricsPlugin, { version: externals.version })
  await app.register(productMetricsPlugin)
  await app.register(securityPlugin, { corsOrigins: config.corsOrigins })
  await app.register(limitsPlugin, { limits: externals.limits })
  await app.register(validationPlugin)
  await app.register(keyScopesPlugin)
  await app.register(representationsPlugin)
  await app.register(openapiPlugin, {
    version: externals.version,
    isCompatible: config.kinopoisk.compatible,
    contact: config.securityContact,
  })
  await app.register(documentationPlugin)
  await app.register(dbPlugin, { url: externals.databaseUrl, max: externals.connections })
  await app.register(clockPlugin)
  const { databaseUrl, sessionUrl: url = databaseUrl } = externals
  const { databaseReadUrl: readUrl, readLagMs: maxLagMs } = config
  await app.register(cachePlugin, { url, maxBytes: config.cacheBytes, hasStandbys: readUrl !== undefined })
  await app.register(readsPlugin, { url, databaseUrl, readUrl, maxLagMs })
  await app.register(kinopoiskPlugin, {
    ...externals.kinopoisk,
    timeoutMs: config.kinopoisk.timeoutMs,
    patienceMs: config.kinopoisk.patienceMs,
    dailyQuota: config.kinopoisk.dailyQuota,
    resetTz: config.kinopoisk.resetTz,
    clock: externals.clock ?? { now: app.clock.now, random: Math.random },
  })
  await app.register(storagePlugin, { dataDir: config.dataDir, s3: config.s3, s3Options: config.s3Options })
  await app.register(picturesPlugin, {
    secrets: externals.jwtSecrets,
    upstream: config.kinopoisk.url,
    ...config.pictures,
    withJpeg: config.kinopoisk.compatible,
    ...externals.pictures,
  })
  const keys = createKeys({ db: app.database.db, cache: app.cache })
  await app.register(authPlugin, {
    secrets: externals.jwtSecrets,
    ttlMs: config.accessTtlMs,
    nowMs: app.clock.nowMs,
    findSession: createSessionFinder(app),
    findKey: keys.find,
  })

  const services = createServices(app, config, externals, keys)
  app.addHook('onReady', services.prepare)
  app.decorate('ensureAdmin', services.auth.ensureAdmin)
  await app.register(usagePlugin, { count: services.countUsers, now: externals.clock?.now })
  await app.register(keyUsesPlugin, { write: keys.writeUses })
  await app.register(housekeepingPlugin, { tasks: services.housekeeping })
  // Favourites' pictures before anybody asks for them.
  await app.register(housekeepingPlugin, { tasks: { warm: services.warmPictures }, pauseMs: () => 60_000 })

  await registerRoutes(app, config, services)
  return app
}

function serverOptions(config: Config, externals: Externals): FastifyHttpOptions<Server> {
  return {
    ...loggerOptions(config.logLevel, externals.logStream),
    trustProxy: config.trustProxy,
    ...serverLimits,
    // plugins/errors.ts says it, as a problem.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200, querystringParser: readQuery },
    // Node answers a request without Host with an empty body; plugins/errors.ts does with a problem.
    http: { requireHostHeader: false, ...headerLimits, ServerResponse: responseClassWith(config.corsOrigins) },
    frameworkErrors: (error, request, reply) => {
      request.server.exchanges.begin(request, reply)
      return sendProblem(error, request, reply)
    },
    clientErrorHandler: sendRawProblem,
  }
}
