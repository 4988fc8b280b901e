import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { access, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Checked, failed, ok, warning } from './finding.ts'

const mebibyte = 1024 * 1024
/** A new database needs some 50 MB. */
const least = 100 * mebibyte
const comfortable = 1024 * mebibyte

/** What the service keeps: the embedded database, photos, its secret. */
export function checkDataDir(dataDir: string): Promise<Checked> {
  return checkFolder(resolve(dataDir), 'DATA_DIR')
}

/** What uploads and slow exports lie in (docs/operation.md). */
export function checkTemporary(): Promise<Checked> {
  return checkFolder(tmpdir(), 'TMPDIR')
}

async function checkFolder(folder: string, variable: string): Promise<Checked> {
  const advice = `Set ${variable} to a folder that this account may write to`
  const nearest = await nearestFolder(folder)
  if (!(await stat(nearest)).isDirectory()) return failed(`${nearest} is a file. ${advice}`)
  try {
    await access(nearest, constants.W_OK | constants.X_OK)
    if (nearest === folder) await tryToWrite(folder)
  } catch (error) {
    return failed(`${nearest} cannot be written to (${(error as NodeJS.ErrnoException).code}). ${advice}`)
  }
  const { bavail, bsize } = await statfs(nearest)
  const free = bavail * bsize
  const fact = `${folder}${nearest === folder ? '' : ', which is to be made'}: ${inUnits(free)} free`
  if (free < least) return failed(`${fact}. Make room, or set ${variable} to a larger disk`)
  return free < comfortable ? warning(`${fact}. Soon that is not enough: make room`) : ok(fact)
}

async function nearestFolder(folder: string): Promise<string> {
  const isThere = await stat(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
  )
  return isThere || dirname(folder) === folder ? folder : nearestFolder(dirname(folder))
}

async function tryToWrite(folder: string): Promise<void> {
  const path = join(folder, `.doctor-${randomUUID()}`)
  try {
    await writeFile(path, 'x', { flag: 'wx', mode: 0o600 })
  } finally {
    await rm(path, { force: true })
  }
}

function inUnits(bytes: number): string {
  const mebibytes = bytes / mebibyte
  return mebibytes < 1024 ? `${Math.floor(mebibytes)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`
}
