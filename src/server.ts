import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import packageJson from '../package.json' with { type: 'json' }
import { buildApp, type Externals } from './app.ts'
import { type Config, ConfigError, loadConfig, readEnvironment } from './config/config.ts'
import { isQueryError, withoutValues } from './db/errors.ts'
import { migrate } from './db/migrate.ts'
import { demoFilms } from './embedded/demo.ts'
import { startPostgres } from './embedded/postgres.ts'
import { startSandbox } from './embedded/sandbox/server.ts'
import { readOrCreateSecret } from './embedded/secrets.ts'
import { flushReports, report } from './instrument.ts'

/** How to stop what has been started; undone in reverse order. */
type Stops = (() => Promise<unknown>)[]

const stops: Stops = [flushReports]
const started = start().catch(async (error) => {
  process.stderr.write(`${explain(error)}\n`)
  await stopAll()
  process.exit(1)
})

// The last resort: drain() cuts what is not done by then, so that all else is still closed in order.
closeWithGrace({ delay: 9_900, logger: false }, async ({ err }) => {
  if (err) process.stderr.write(`${trace(err)}\n`)
  await started // a signal during the start: only what has started can be stopped
  await stopAll()
})

async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0).toReversed()) await stop()
}

async function start(): Promise<void> {
  const config = loadConfig(readEnvironment())
  const externals = await openExternals(config)
  await migrate(externals.databaseUrl).catch((error) => {
    throw new Error(`The database cannot be reached or migrated: ${reason(error)}`)
  })
  const app = await buildApp(config, externals)
  stops.push(() => drain(app, config.drainDelayMs))
  await app.ready()
  if (externals.kinopoisk.sandbox) {
    app.log.warn('SANDBOX: Kinopoisk is played by a small built-in copy. Set KINOPOISK_API_KEY to ask the real one.')
  }
  const address = await app.listen({
    host: config.host,
    port: config.port,
    listenTextResolver: (at) => `listening at ${at}`,
  })
  app.log.info(`documentation at ${address}/docs`)
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
    databaseUrl: config.databaseUrl ?? (await embeddedDatabase(config)),
    jwtSecrets: config.jwtSecrets ?? [await readOrCreateSecret(config.dataDir)],
    kinopoisk: await openKinopoisk(config),
    demoCatalogue: await demoCatalogue(config),
    firstAdmin: firstAdmin(config),
    version: packageJson.version,
    report,
  }
}

async function embeddedDatabase({ dataDir }: Config): Promise<string> {
  const postgres = await startPostgres({ dataDir })
  stops.push(postgres.stop)
  return postgres.url
}

async function openKinopoisk({ kinopoisk }: Config): Promise<Externals['kinopoisk']> {
  if (kinopoisk.apiKey) return { url: kinopoisk.url, apiKey: kinopoisk.apiKey, sandbox: false }
  const sandbox = await startSandbox()
  stops.push(sandbox.close)
  return { url: sandbox.url, apiKey: 'sandbox', sandbox: true }
}

async function demoCatalogue(config: Config): Promise<Externals['demoCatalogue']> {
  return config.databaseUrl || config.demoCatalogue === false ? undefined : demoFilms()
}

function firstAdmin({ admin, databaseUrl }: Config): Externals['firstAdmin'] {
  if (admin.login && admin.password) return { login: admin.login, password: admin.password }
  if (databaseUrl) return undefined
  const password = randomBytes(12).toString('base64url')
  // The one place where a password is printed, once: to the terminal and not through the log.
  const made = () =>
    process.stdout.write(`\nFirst administrator: login "admin", password "${password}" (shown only now)\n\n`)
  return { login: 'admin', password, made }
}

/** What the operator can act on; the stack only for unexpected errors. */
function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  const { code, message } = isQueryError(error) ? withoutValues(error) : (error as NodeJS.ErrnoException)
  // The first administrator's login is read as one from a request is.
  if (code === 'invalid_input') return new ConfigError([message.replace(/^body\.login/, 'ADMIN_LOGIN')]).message
  if (code === 'EADDRINUSE') return `${message}: another program listens there, set PORT to another one`
  const foreseen = code !== undefined || (error as Error).name === 'Error'
  return foreseen ? message : trace(error)
}

/** Of an error of a query no value. */
function trace(error: unknown): string {
  const { stack } = isQueryError(error) ? withoutValues(error) : (error as Error)
  return stack ?? String(error)
}

/** Node's error for a name with several addresses has no message of its own. */
function reason(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((each: Error) => each.message).join(', ')
  return (isQueryError(error) ? withoutValues(error) : error).message
}
