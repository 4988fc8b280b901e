import { execFile } from 'node:child_process'
import { chmod, chown, mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { startPostgres } from '../../src/embedded/postgres.ts'
import { atEnd, launch } from './processes.ts'

const run = promisify(execFile)
const user = 'kinoteka'
const port = 4100
const packages = '/usr/lib/postgresql'

export interface Server {
  version: string
  /** The postmaster: every backend is below it. */
  pid: number
  /** Where it listens, as libpq, and so every peer, reads it from the environment. */
  env(database: string): Record<string, string>
  url(database: string): string
  /** Makes an empty one, in place of one of that name. */
  createDatabase(name: string): Promise<void>
}

/** Debian's newest PostgreSQL, else the embedded one; with its default settings, on a Unix socket. */
export async function startServer(folder: string): Promise<Server> {
  const bin = await findPrograms()
  const at = bin ? await startDebian(bin, folder) : await startEmbedded(folder)
  const env = (database: string) => ({
    PGHOST: at.socket,
    PGPORT: String(at.port),
    PGUSER: user,
    PGDATABASE: database,
  })
  const connect = () =>
    postgres({ host: at.socket, port: at.port, user, database: 'postgres', max: 1, onnotice: () => {} })
  const sql = connect()
  const [row] = await sql`
    select current_setting('server_version') as version, current_setting('data_directory') as folder`
  await sql.end()
  return {
    version: String(row?.version),
    pid: Number((await readFile(join(row?.folder, 'postmaster.pid'), 'utf8')).split('\n')[0]),
    env,
    url: (database) => `postgres://${user}@localhost:${at.port}/${database}?host=${at.socket}`,
    async createDatabase(name) {
      const sql = connect()
      await sql`drop database if exists ${sql(name)} with (force)`
      await sql`create database ${sql(name)} template template0`
      await sql.end()
    },
  }
}

async function findPrograms(): Promise<string | undefined> {
  const versions = await readdir(packages).catch(() => [])
  const [newest] = versions.toSorted((a, b) => Number(b) - Number(a))
  return newest && join(packages, newest, 'bin')
}

async function startDebian(bin: string, folder: string) {
  const socket = join(folder, 'socket')
  const data = join(folder, 'data')
  const account = await unprivileged()
  for (const path of [socket, data]) {
    await mkdir(path, { mode: 0o700 })
    if (account) await chown(path, account.uid, account.gid)
  }
  await run(join(bin, 'initdb'), ['-D', data, '-U', user, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'], {
    ...account,
    cwd: '/',
  })
  const log = join(folder, 'postgres.log')
  const args = ['-D', data, '-p', String(port), '-c', 'listen_addresses=', '-c', `unix_socket_directories=${socket}`]
  const server = launch('PostgreSQL', [join(bin, 'postgres'), ...args], { account, cwd: '/', log })
  atEnd(() => server.stop('SIGINT'))
  const sql = postgres({ host: socket, port, user, database: 'postgres', max: 1, backoff: () => 0.1 })
  try {
    for (let tries = 0; ; tries += 1) {
      const up = await sql`select`.catch((error: Error) => error)
      if (!(up instanceof Error)) break
      if (tries > 300) throw up
      await sleep(100)
    }
  } finally {
    await sql.end({ timeout: 0 })
  }
  return { socket, port }
}

async function startEmbedded(folder: string) {
  await chmod(folder, 0o711)
  const server = await startPostgres({ dataDir: join(folder, 'embedded') })
  atEnd(server.stop)
  return { socket: new URL(server.url).searchParams.get('host') ?? '', port: 5432 }
}

/** PostgreSQL does not run as root. */
async function unprivileged() {
  if (process.getuid?.() !== 0) return undefined
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const found = accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody')
  if (!found) throw new Error('There is no account "postgres" or "nobody" to run PostgreSQL as')
  return { uid: Number(found[2]), gid: Number(found[3]) }
}
