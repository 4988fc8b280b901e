import { existsSync } from 'node:fs'
import { chmod, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'
import { connect } from '../../src/db/connect.ts'
import { databaseUrl } from './database.ts'
import { freePort, freshFolder, isRoot, runProgram, until } from './process.ts'

const program = '/usr/sbin/pgbouncer'
/** Why tests with PgBouncer are left out; undefined where they are not. */
export const noPgBouncer = existsSync(program) ? undefined : `there is no ${program} (Debian: pgbouncer)`

interface Options {
  mode: 'session' | 'transaction' | 'statement'
  poolSize?: number
  /** Which settings at the start of a connection it drops, where it would refuse the connection. */
  ignores?: string
}

/** PgBouncer before the tests' server; ended by `cleanUp`. Returns the URL of a database through it. */
export async function startPgBouncer({ mode, poolSize = 5, ignores }: Options): Promise<(url: string) => string> {
  const folder = await freshFolder()
  const socketDir = new URL(inject('postgresUrl')).searchParams.get('host') ?? ''
  const port = await freePort()
  const file = join(folder, 'pgbouncer.ini')
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: mode,
    default_pool_size: poolSize,
    max_client_conn: 500,
    ...(ignores && { ignore_startup_parameters: ignores }),
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  await writeFile(file, `[databases]\n* = host=${socketDir} user=kinoteka\n[pgbouncer]\n${lines.join('\n')}\n`)
  await chmod(file, 0o644)
  // It refuses to run as root, and only the server's own account may enter the folder of its socket.
  const { uid, gid } = await stat(socketDir)
  const bouncer = runProgram(program, [file], { cwd: '/tmp', ...(isRoot && { uid, gid }) })
  await until(() => {
    if (bouncer.child.exitCode !== null) throw new Error(`PgBouncer has ended: ${bouncer.stderr()}`)
    return /process up/.test(bouncer.stderr())
  })
  return (url) => `postgres://kinoteka@127.0.0.1:${port}${new URL(url).pathname}`
}

/** A database without anything in it. `how` ends CREATE DATABASE. */
export async function emptyDatabase(how = ''): Promise<string> {
  const server = inject('postgresUrl')
  const name = `empty_${crypto.randomUUID().replaceAll('-', '')}`
  const { sql, close } = connect(server, { max: 1 })
  await sql.unsafe(`create database ${name} ${how}`)
  await close()
  return databaseUrl(server, name)
}
