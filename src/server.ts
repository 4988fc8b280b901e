import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { isatty } from 'node:tty'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import packageJson from '../package.json' with { type: 'json' }
import type { Externals } from './app.ts'
import { type Config, loadConfig, readEnvironment } from './config/config.ts'
import { DatabaseRefusal } from './db/refusal.ts'
import { demoFilms, sandboxFacts, sandboxKey } from './embedded/demo.ts'
import { startPostgres } from './embedded/postgres.ts'
import { startSandbox } from './embedded/sandbox/server.ts'
import { readOrCreateSecret } from './embedded/secrets.ts'
import { flushReports, report } from './instrument.ts'
import { explain, passwordLine, reason, startBanner, trace } from './start-messages.ts'
import { forPeople, progressBar } from './terminal.ts'

/** How to stop what has been started; undone in reverse order. */
type Stops = (() => Promise<unknown>)[]

const isTerminal = process.stdout.isTTY === true
/** Of tools/dev.ts, which keeps the embedded database over restarts: where that is running. */
const runningDatabase = import.meta.main ? process.argv[2] : undefined
const stops: Stops = [flushReports]
const ending = new AbortController()
const endLine = 'the embedded PostgreSQL has ended; it is started again and again'
/** Into the log, as soon as there is one. */
let databaseEnded = (reason: string): unknown => process.stderr.write(`${endLine}: ${reason}\n`)
const started = start().catch(async (error) => {
  if (ending.signal.aborted) return
  process.stderr.write(`${explain(error)}\n`)
  await stopAll()
  process.exit(1)
})

// The last resort: drain() cuts what is not done by then, so that all else is still closed in order.
const grace = closeWithGrace({ delay: 9_900, logger: false, skip: ['SIGINT'] }, async ({ err, manual }) => {
  const say = (text: string) => manual && isTerminal && process.stdout.write(text)
  if (err) process.stderr.write(`${trace(err)}\n`)
  ending.abort()
  say('\nStopping: what is under way is finished. Ctrl-C once more ends it at once.\n')
  await started // a signal during the start: only what has started can be stopped
  await stopAll()
  say('Stopped.\n')
})

// A terminal sends Ctrl-C to the service and to npm, which passes it on: that is one, and not a second that ends it at once.
const onePressMs = 500
let interruptedAt = Number.NEGATIVE_INFINITY
process.on('SIGINT', () => {
  if (isatty(0) && performance.now() - interruptedAt < onePressMs) return
  interruptedAt = performance.now()
  if (ending.signal.aborted) process.exit(1)
  grace.close()
})

async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0).toReversed()) await stop()
}

async function start(): Promise<void> {
  const warnings: string[] = []
  const config = loadConfig(readEnvironment(), (warning) => warnings.push(warning))
  const externals = await openExternals(config)
  if (ending.signal.aborted) return
  // Most of what there is to load: not for a start that ends with a fault before.
  const [{ buildApp }, { databaseSettings, prepareDatabase, rememberServers }] = await Promise.all([
    import('./app.ts'),
    import('./db/prepare.ts'),
  ])
  const releaseServers = rememberServers(externals.databaseUrl)
  stops.push(async () => releaseServers())
  const urls = await prepareDatabase({
    ...databaseSettings(config, externals.databaseUrl),
    warn: (warning) => warnings.push(warning),
    onWait: () => process.stderr.write('Another process has been migrating the database for 5 s: waiting for it.\n'),
    onProgress: progressBar(process.stdout, 'Migrating the database'),
  }).catch((error) => {
    if (error instanceof DatabaseRefusal) throw error
    const advice = config.databaseUrl ? '. Check DATABASE_URL' : ''
    throw new Error(`The database cannot be reached or migrated: ${reason(error)}${advice}`)
  })
  if (ending.signal.aborted) return
  const app = await buildApp(config, { ...externals, ...urls })
  stops.push(() => drain(app, config.drainDelayMs))
  databaseEnded = (reason) => app.log.error({ reason }, endLine)
  await app.ready()
  releaseServers()
  const address = await app.listen({
    host: config.host,
    port: config.port,
    listenTextResolver: (at) => `listening at ${at}`,
  })
  for (const warning of warnings) app.log.warn(warning)
  if (externals.kinopoisk.sandbox) {
    app.log.warn('SANDBOX: Kinopoisk is played by a small built-in copy. Set KINOPOISK_API_KEY to ask the real one.')
  }
  const password = await firstPassword(app, config)
  if (password && !isTerminal) process.stdout.write(`${passwordLine(password)}\n`)
  app.log.info(`documentation at ${address}/docs`)
  if (isTerminal) process.stdout.write(startBanner(address, config, externals.kinopoisk.sandbox, password))
}

/** When a request that is still under way is cut, from the signal on: all must be over within 10 s. */
const cutAfterMs = 7_500

/**
 * Turns /readyz red, goes on serving until proxies will have noticed, and then finishes requests under way. Fastify
 * closes idle connections only once, but a connection after its last response stays alive too.
 */
async function drain(app: FastifyInstance, delayMs: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), cutAfterMs)
  app.draining.begin()
  await sleep(delayMs)
  const closer = setInterval(() => app.server.closeIdleConnections(), 50)
  await app.close().finally(() => {
    clearInterval(closer)
    clearTimeout(cut)
  })
  // The server is closed a moment before a request that was cut has ended, and been logged.
  while (app.exchanges.inFlight > 0) await nextTurn()
}

/** Starts what the configuration leaves to us: PostgreSQL, the sandbox upstream, a secret, a demo catalogue, an administrator. */
async function openExternals(config: Config): Promise<Externals> {
  return {
    databaseUrl: config.databaseUrl ?? runningDatabase ?? (await embeddedDatabase(config)),
    jwtSecrets: config.jwtSecrets ?? [await readOrCreateSecret(config.dataDir)],
    kinopoisk: await openKinopoisk(config),
    demoCatalogue: await demoCatalogue(config),
    formerSandbox: config.kinopoisk.apiKey ? { apiKey: sandboxKey, readFacts: sandboxFacts } : undefined,
    firstAdmin: firstAdmin(config),
    pictures: { draw: config.kinopoisk.apiKey ? undefined : drawPoster },
    version: packageJson.version,
    report,
    ...(isTerminal && { logStream: forPeople(process.stdout) }),
  }
}

async function embeddedDatabase({ dataDir }: Config): Promise<string> {
  const postgres = await startPostgres({ dataDir, signal: ending.signal, onEnd: (reason) => databaseEnded(reason) })
  stops.push(postgres.stop)
  return postgres.url
}

/** Loaded with the first picture. */
async function drawPoster(film: { id: number; title: string; year: number | null }): Promise<Buffer> {
  return (await import('./embedded/sandbox/poster.ts')).drawPoster(film)
}

async function openKinopoisk({ kinopoisk }: Config): Promise<Externals['kinopoisk']> {
  if (kinopoisk.apiKey) return { url: kinopoisk.url, apiKey: kinopoisk.apiKey, sandbox: false }
  const sandbox = await startSandbox()
  stops.push(sandbox.close)
  return { url: sandbox.url, apiKey: sandboxKey, sandbox: true }
}

async function demoCatalogue(config: Config): Promise<Externals['demoCatalogue']> {
  const isSandbox = !config.kinopoisk.apiKey
  return isSandbox && !config.databaseUrl && config.demoCatalogue !== false ? demoFilms() : undefined
}

function firstAdmin({ admin }: Config): Externals['firstAdmin'] {
  return admin.login && admin.password ? { login: admin.login, password: admin.password } : undefined
}

/**
 * The password of the administrator that an embedded database begins with, if that was made now. Made last, with the port
 * taken: a start that failed behind it would have printed for nothing what is shown only once.
 */
async function firstPassword(app: FastifyInstance, { admin, databaseUrl }: Config): Promise<string | undefined> {
  if (admin.login || databaseUrl) return undefined
  const password = randomBytes(12).toString('base64url')
  return (await app.ensureAdmin('admin', password)) ? password : undefined
}
