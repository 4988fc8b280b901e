import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { createDatabaseClock } from '../db/clock.ts'
import { connect, type Database } from '../db/connect.ts'
import { readLetters } from '../db/letters.ts'
import { readMigrations } from '../db/migrate.ts'
import { findPooler, poolerOf } from '../db/pooler.ts'
import { databaseSettings } from '../db/prepare.ts'
import { DatabaseRefusal } from '../db/refusal.ts'
import { findPostgres, startPostgres } from '../embedded/postgres.ts'
import { reason } from '../start-messages.ts'
import { readPostgresUrl } from '../text/postgres-url.ts'
import { bounded, type Checked, type Finding, failed, ok, skipped, warning } from './finding.ts'

const limitMs = 10_000
/** An embedded one may have to be started, and to recover from a crash. */
const startLimitMs = 60_000
/** NTP keeps a clock within a fraction of a second. */
const maxSkewSeconds = 2
const names = ['database', 'pooler', 'locale', 'clock', 'migrations'] as const

/** What is found at the database, check by check; after the first one without an answer the others are skipped. */
export async function* checkDatabase(config: Config): AsyncGenerator<Finding> {
  const opened = await open(config)
  try {
    const { url } = opened
    if (!url) {
      yield { name: 'database', ...opened.finding }
      for (const name of names.slice(1)) yield { name, ...skipped('the database does not run') }
      return
    }
    yield* checkAt(url, config)
  } finally {
    await opened.stop()
  }
}

interface Opened {
  url?: string
  finding: Checked
  stop(): Promise<void>
}

async function open(config: Config): Promise<Opened> {
  const stop = async () => {}
  const { databaseUrl, dataDir } = config
  const running = databaseUrl ?? (await findPostgres(dataDir))
  if (running) return { url: running, finding: ok(''), stop }
  const exists = await stat(join(dataDir, 'postgres')).then(
    () => true,
    () => false,
  )
  if (!exists) {
    return {
      finding: ok(`embedded: the first start makes it in ${dataDir}; or set DATABASE_URL to one of your own`),
      stop,
    }
  }
  const signal = AbortSignal.timeout(startLimitMs)
  try {
    const server = await startPostgres({ dataDir, signal })
    return { url: server.url, finding: ok(''), stop: server.stop }
  } catch (error) {
    return { finding: failed((error as Error).message), stop }
  }
}

async function* checkAt(url: string, config: Config): AsyncGenerator<Finding> {
  const advice = config.databaseUrl
    ? 'Check DATABASE_URL, whether the server runs, and whether it lets this machine in'
    : `The end of ${join(config.dataDir, 'postgres.log')} says more`
  const found: { urls?: { databaseUrl: string }; pooler?: Checked } = {}
  const reached = await bounded(
    limitMs,
    async () => {
      try {
        const { warnings, ...urls } = await findPooler(databaseSettings(config, url))
        found.urls = urls
        found.pooler = warnings.length > 0 ? warning(warnings.join('; ')) : ok(describePooler(urls.databaseUrl))
      } catch (error) {
        if (error instanceof DatabaseRefusal) found.pooler = failed(error.message)
        else return failed(`cannot be reached: ${reason(error as Error)}. ${advice}`)
      }
      return ok(describeServer(url, config))
    },
    advice,
  )
  if (!found.urls) {
    yield { name: 'database', ...reached }
    yield { name: 'pooler', ...(found.pooler ?? skipped('the database is not reached')) }
    for (const name of names.slice(2)) yield { name, ...skipped('the database is not reached') }
    return
  }
  const database = connect(found.urls.databaseUrl, { max: 1 })
  const within = (check: (database: Database) => Promise<Checked>) =>
    bounded(limitMs, () => check(database).catch((error) => failed(`${reason(error)}. ${advice}`)), advice)
  try {
    yield {
      name: 'database',
      ...(await within(async ({ sql }) => {
        const [row] = await sql`select current_setting('server_version') as version`
        return ok(`PostgreSQL ${String(row?.version).split(' ')[0]}, ${describeServer(url, config)}`)
      })),
    }
    yield { name: 'pooler', ...(found.pooler ?? ok('none')) }
    yield { name: 'locale', ...(await within(checkLocale)) }
    yield { name: 'clock', ...(await within(checkClock)) }
    yield { name: 'migrations', ...(await within((each) => checkMigrations(each, config.acceptsNewer))) }
  } finally {
    await bounded(2_000, () => database.close().then(() => ok('')), '')
  }
}

/** Never what stands before the @. */
function describeServer(url: string, { databaseUrl, dataDir }: Config): string {
  if (!databaseUrl) return `embedded in ${dataDir}`
  const { servers = [], database } = readPostgresUrl(url) ?? {}
  return `${database} at ${servers.map(({ host, port }) => `${host}:${port}`).join(', ')}`
}

function describePooler(url: string): string {
  const pooler = poolerOf(url)
  return pooler ? `one in ${pooler} mode, which is spoken to as it needs` : 'none'
}

async function checkLocale(database: Database): Promise<Checked> {
  const fault = await readLetters(database)
  return fault ? failed(fault) : ok('UTF8, which knows Cyrillic letters')
}

async function checkClock(database: Database): Promise<Checked> {
  const clock = createDatabaseClock(database)
  await clock.read()
  const skew = clock.skewSeconds()
  if (Math.abs(skew) < maxSkewSeconds) return ok('that of this machine is the one of the database')
  const side = skew > 0 ? 'ahead of' : 'behind'
  return failed(
    `that of this machine is ${Math.abs(skew).toFixed(1)} s ${side} the one of the database. Set both by NTP`,
  )
}

async function checkMigrations(database: Database, acceptsNewer: boolean): Promise<Checked> {
  const { applied, pending, newer } = await readMigrations(database)
  if (newer) {
    const fact = 'the database has the schema of a newer release'
    if (acceptsNewer)
      return warning(`${fact}, which DATABASE_ACCEPT_NEWER lets pass. Start the newer release when you can`)
    return failed(`${fact}. Start that release; or set DATABASE_ACCEPT_NEWER=true, if its notes do not exclude it`)
  }
  if (!applied) return ok('none yet: the first start makes all tables')
  return pending === 0
    ? ok('the schema is the newest')
    : warning(`${pending} are to be done. The next start does them; "kinoteka migrate" does them before it`)
}
