import { execFile } from 'node:child_process'
import { appendFile, chmod, chown, mkdtemp, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { migrate } from '../../src/db/migrate.ts'
import { type EmbeddedPostgres, startPostgres } from '../../src/embedded/postgres.ts'

const run = promisify(execFile)

/** A primary and its streaming standby, both migrated. */
export interface Pair {
  primaryUrl: string
  standbyUrl: string
  /** Fast, as a machine that is taken away. */
  stopPrimary(): Promise<void>
  close(): Promise<void>
}

/** The standby is a copy of the primary's folder: the embedded PostgreSQL brings no pg_basebackup. */
export async function startPair(): Promise<Pair> {
  const folders = [await freshFolder(), await freshFolder()]
  const [first, second] = folders as [string, string]
  await (await startPostgres({ dataDir: first, settings: { fsync: 'off' } })).stop()
  const path = await realpath(join(first, 'postgres'))
  const copy = join(second, 'postgres')
  await run('cp', ['-a', path, copy])
  const primary = await startPostgres({ dataDir: first, settings: { fsync: 'off' } })
  await migrate(primary.url)
  const socketDir = new URL(primary.url).searchParams.get('host')
  const { uid, gid } = await stat(copy)
  await writeFile(join(copy, 'standby.signal'), '')
  await chown(join(copy, 'standby.signal'), uid, gid)
  await appendFile(
    join(copy, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${socketDir} user=kinoteka'\nhot_standby = on\n`,
  )
  const standby = await startPostgres({ dataDir: second, settings: { fsync: 'off' } })
  const running = new Set<EmbeddedPostgres>([primary, standby])
  const stop = async (server: EmbeddedPostgres) => {
    if (running.delete(server)) await server.stop()
  }
  return {
    primaryUrl: primary.url,
    standbyUrl: standby.url,
    stopPrimary: () => stop(primary),
    async close() {
      await stop(standby)
      await stop(primary)
      for (const folder of folders) await rm(folder, { recursive: true, force: true })
    },
  }
}

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kinoteka-pair-'))
  await chmod(folder, 0o711)
  return folder
}
