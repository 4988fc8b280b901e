import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { type Cluster, openCluster, user } from './cluster.ts'

export interface EmbeddedPostgres {
  /** For DATABASE_URL: a Unix socket that only this account may enter, no TCP. */
  url: string
  stop(): Promise<void>
}

interface Options {
  dataDir: string
  /** Off only where losing data is fine: tests. */
  fsync?: boolean
}

// The service holds this advisory lock as long as it lives: a server without it was left behind by a killed service.
const serviceLock = 7_300_158
const readyTimeoutMs = 60_000

/**
 * Starts the PostgreSQL of `dataDir`, made on the first start; restarts it should it die.
 * @throws when another service uses the folder, or it is of another major version
 */
export async function startPostgres({ dataDir, fsync = true }: Options): Promise<EmbeddedPostgres> {
  const cluster = await openCluster(dataDir)
  await takeOver(cluster, dataDir)
  // Not in DATA_DIR: a socket's path is limited to some 100 bytes.
  const socketDir = await mkdtemp('/tmp/kinoteka-')
  if (cluster.account) await chown(socketDir, cluster.account.uid, cluster.account.gid)
  const url = socketUrl(socketDir)
  let stopping = false
  let server = await launch(cluster, dataDir, socketDir, fsync)
  let lock = await ready(server, url, dataDir)

  const supervise = async () => {
    for (;;) {
      if (!isOver(server)) await once(server, 'exit')
      if (stopping) return
      await lock.end({ timeout: 0 })
      await sleep(500)
      server = await launch(cluster, dataDir, socketDir, fsync)
      lock = await ready(server, url, dataDir).catch(() => lock)
    }
  }
  supervise().catch(() => server.kill('SIGQUIT'))

  return {
    url,
    async stop() {
      stopping = true
      await lock.end({ timeout: 0 })
      await shutDown(server)
      await rm(socketDir, { recursive: true, force: true })
    },
  }
}

/** The running server of `dataDir`, for tools beside the service; undefined when none runs. */
export async function findPostgres(dataDir: string): Promise<string | undefined> {
  const { path } = await openCluster(dataDir)
  const running = await readPid(path)
  return running && socketUrl(running.socketDir)
}

function socketUrl(socketDir: string): string {
  return `postgres://${user}@localhost/postgres?host=${socketDir}`
}

function client(url: string): postgres.Sql {
  const host = new URL(url).searchParams.get('host') ?? ''
  return postgres({
    host,
    port: 5432,
    user,
    database: 'postgres',
    max: 1,
    max_lifetime: null,
    connect_timeout: 2,
    onnotice: () => {},
  })
}

/** Ends a server that a killed service left behind; refuses when a live service holds it. */
async function takeOver(cluster: Cluster, dataDir: string): Promise<void> {
  const running = await readPid(cluster.path)
  if (!running) return
  const lock = client(socketUrl(running.socketDir))
  try {
    // It may be just starting, or recovering: for the other service, or after the other service was killed.
    for (let tries = 50; tries > 0 && isAlive(running.pid); tries--) {
      const held = await holdLock(lock, dataDir).then(() => true, refused)
      if (held) break
      await sleep(200)
    }
  } finally {
    await lock.end({ timeout: 0 })
  }
  if (!isAlive(running.pid)) return
  const { programs, path, account } = cluster
  await promisify(execFile)(programs.pg_ctl, ['stop', '-D', path, '-m', 'fast', '-w'], { ...account, env: {} })
  await rm(running.socketDir, { recursive: true, force: true })
}

class InUse extends Error {}

function refused(error: unknown): false {
  if (error instanceof InUse) throw error
  return false
}

async function holdLock(sql: postgres.Sql, dataDir: string): Promise<void> {
  const [row] = await sql`select pg_try_advisory_lock(${serviceLock}) as held`
  if (row?.held !== true) {
    throw new InUse(
      `Another service is running on DATA_DIR ${dataDir}. Stop it, or give this one a DATA_DIR of its own.`,
    )
  }
}

/** postmaster.pid: line 1 the process, line 5 the socket folder. */
async function readPid(path: string): Promise<{ pid: number; socketDir: string } | undefined> {
  const lines = (await readFile(join(path, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  const pid = Number(lines[0])
  return pid > 0 && lines[4] && isAlive(pid) ? { pid, socketDir: lines[4] } : undefined
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function launch(cluster: Cluster, dataDir: string, socketDir: string, fsync: boolean): Promise<ChildProcess> {
  const settings = {
    listen_addresses: '',
    unix_socket_directories: socketDir,
    unix_socket_permissions: '0700',
    fsync: fsync ? 'on' : 'off',
    // An error line quotes values of the statement, so only what stops the server is logged.
    log_min_messages: 'fatal',
    log_min_error_statement: 'panic',
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

function logPath(dataDir: string): string {
  return join(dataDir, 'postgres.log')
}

/** Waits out start and crash recovery; gives the connection that holds the service's lock. */
async function ready(server: ChildProcess, url: string, dataDir: string): Promise<postgres.Sql> {
  const deadline = Date.now() + readyTimeoutMs
  const lock = client(url)
  for (;;) {
    try {
      await holdLock(lock, dataDir)
      return lock
    } catch (error) {
      const dead = isOver(server)
      if (error instanceof InUse || dead || Date.now() > deadline) {
        await lock.end({ timeout: 0 })
        if (!dead) await shutDown(server)
        throw error instanceof InUse ? error : new Error(await explain(dataDir), { cause: error })
      }
      await sleep(20)
    }
  }
}

function isOver(server: ChildProcess): boolean {
  return server.exitCode !== null || server.signalCode !== null || server.pid === undefined
}

async function explain(dataDir: string): Promise<string> {
  const log = await readFile(logPath(dataDir), 'utf8').catch(() => '')
  if (log.trimEnd().endsWith('?') && /lock file "postmaster.pid" already exists/.test(log.slice(-600))) {
    return `Another service is running on DATA_DIR ${dataDir}. Stop it, or give this one a DATA_DIR of its own.`
  }
  return `The embedded PostgreSQL does not start; the end of ${logPath(dataDir)}:\n${log.slice(-1000)}`
}

/** Fast shutdown (open transactions are rolled back), immediate after 10 s. */
async function shutDown(server: ChildProcess): Promise<void> {
  if (isOver(server)) return
  const exited = once(server, 'exit')
  server.kill('SIGINT')
  const hurry = setTimeout(() => server.kill('SIGQUIT'), 10_000)
  await exited
  clearTimeout(hurry)
}
