import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { chown, mkdtemp, open, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { type Cluster, findCluster, openCluster, user } from './cluster.ts'
import { makeDataDir } from './data-dir.ts'
import { lockFolder } from './lock.ts'
import { clearLeftovers, findServer, socketDirPrefix } from './pid-file.ts'
import { beginAnew, lastWords, logPath, tail } from './server-log.ts'

export interface EmbeddedPostgres {
  /** For DATABASE_URL: a Unix socket that only this account may enter, no TCP. */
  url: string
  stop(): Promise<void>
}

interface Options {
  dataDir: string
  /** Beside our own, by name. `fsync: 'off'` only where losing data is fine: tests. */
  settings?: Record<string, string>
  /** Ends the making of the database, which takes the longest of a first start. */
  signal?: AbortSignal
  /** Called with the reason when the server has ended by itself, or cannot be started again; once for each reason. */
  onEnd?: (reason: string) => void
}

const readyTimeoutMs = 60_000
const restartAfterMs = 500

/**
 * Starts the PostgreSQL of `dataDir`, made on the first start; restarts it should it die.
 * @throws when another service uses the folder, or it is of another major version
 */
export async function startPostgres({
  dataDir,
  settings = {},
  signal,
  onEnd = () => {},
}: Options): Promise<EmbeddedPostgres> {
  await makeDataDir(dataDir)
  const unlock = await lockFolder(dataDir)
  try {
    const cluster = await openCluster(dataDir, signal)
    await clearLeftovers(cluster.path)
    const { url, stop } = await supervised(cluster, dataDir, settings, onEnd)
    return { url, stop: () => stop().finally(unlock) }
  } catch (error) {
    await unlock()
    throw error
  }
}

/** The running server of `dataDir`, for tools beside the service; undefined when none runs. */
export async function findPostgres(dataDir: string): Promise<string | undefined> {
  const path = await findCluster(dataDir)
  const running = path && (await findServer(path))
  return running ? socketUrl(running.socketDir) : undefined
}

async function supervised(
  cluster: Cluster,
  dataDir: string,
  settings: Record<string, string>,
  onEnd: (reason: string) => void,
): Promise<EmbeddedPostgres> {
  // Not in DATA_DIR: a socket's path is limited to some 100 bytes.
  const socketDir = await mkdtemp(socketDirPrefix)
  if (cluster.account) await chown(socketDir, cluster.account.uid, cluster.account.gid)
  const stopping = new AbortController()
  let server: ChildProcess | undefined
  let logFrom = 0
  const start = async () => {
    logFrom = await beginAnew(logPath(dataDir))
    server = await launch(cluster, dataDir, socketDir, settings)
    await ready(server, socketDir, dataDir)
  }
  const supervise = async () => {
    let last: string | undefined
    while (!stopping.signal.aborted) {
      if (server) await ended(server)
      // While it cannot be started, which is tried twice a second, the reason stays the same.
      const reason = server && !stopping.signal.aborted ? await lastWords(server, dataDir, logFrom) : last
      if (reason !== undefined && reason !== last) onEnd(reason)
      last = reason
      await sleep(restartAfterMs, undefined, { signal: stopping.signal }).catch(() => {})
      if (stopping.signal.aborted) continue
      await start().then(
        () => {
          last = undefined
        },
        () => {}, // and once more
      )
    }
  }
  // The process may end without stop(): a second signal, a bug. The server then shuts down by itself.
  const abandon = () => {
    server?.kill('SIGINT')
    rmSync(socketDir, { recursive: true, force: true })
  }
  const cleanUp = async () => {
    process.off('exit', abandon)
    await rm(socketDir, { recursive: true, force: true })
  }

  process.once('exit', abandon)
  await start().catch((error) => cleanUp().then(() => Promise.reject(error)))
  const supervision = supervise()
  return {
    url: socketUrl(socketDir),
    async stop() {
      stopping.abort()
      await shutDown(server)
      await supervision
      await shutDown(server) // had it just been started again
      await cleanUp()
    },
  }
}

function socketUrl(socketDir: string): string {
  return `postgres://${user}@localhost/postgres?host=${socketDir}`
}

async function launch(
  cluster: Cluster,
  dataDir: string,
  socketDir: string,
  more: Record<string, string>,
): Promise<ChildProcess> {
  const settings = {
    listen_addresses: '',
    unix_socket_directories: socketDir,
    unix_socket_permissions: '0700',
    // We restart it. By itself it may then wait for ever in a recovery that has failed (PostgreSQL 18, a full disk).
    restart_after_crash: 'off',
    // An error line quotes values of the statement, so only what stops the server is logged.
    log_min_messages: 'fatal',
    log_min_error_statement: 'panic',
    ...more,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const log = await open(logPath(dataDir), 'a', 0o600)
  // Detached: Ctrl-C in a terminal must reach the service alone, which then stops the database last.
  const server = spawn(cluster.programs.postgres, ['-D', cluster.path, ...args], {
    ...cluster.account,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: { LC_ALL: 'C' },
  })
  server.on('error', () => {})
  await log.close()
  return server
}

/** Waits out start and crash recovery. */
async function ready(server: ChildProcess, socketDir: string, dataDir: string): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs
  const sql = postgres({
    ...{ host: socketDir, user, database: 'postgres', max: 1 },
    ...{ connect_timeout: 2, backoff: () => 0 },
    // postgres.js queries them by itself, and does not catch the error where the connection breaks meanwhile.
    fetch_types: false,
  })
  const answers = () =>
    sql`select`.then(
      () => true,
      () => false,
    )
  try {
    while (!(await answers())) {
      if (Date.now() > deadline) await shutDown(server)
      if (isOver(server)) throw new Error(await explain(dataDir))
      await sleep(20)
    }
  } finally {
    await sql.end({ timeout: 0 })
  }
}

async function explain(dataDir: string): Promise<string> {
  const log = await tail(logPath(dataDir))
  return `The embedded PostgreSQL does not start; the end of ${logPath(dataDir)}:\n${log.slice(-1000)}`
}

function isOver(server: ChildProcess): boolean {
  return server.exitCode !== null || server.signalCode !== null || server.pid === undefined
}

async function ended(server: ChildProcess): Promise<void> {
  if (!isOver(server)) await once(server, 'exit')
}

/** Fast shutdown (open transactions are rolled back), immediate after 10 s. */
async function shutDown(server: ChildProcess | undefined): Promise<void> {
  if (!server || isOver(server)) return
  server.kill('SIGINT')
  const hurry = setTimeout(() => server.kill('SIGQUIT'), 10_000)
  await ended(server)
  clearTimeout(hurry)
}
