import { constants } from 'node:fs'
import { access, mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

// As root the cluster's account passes through.
const mode = process.getuid?.() === 0 ? 0o711 : 0o700

/** @throws when there is no such folder and none can be made, or this account may not write to it */
export async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await makeFolder(resolve(dataDir))
    await access(dataDir, constants.W_OK | constants.X_OK)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    const fault = folderFaults[code] ?? (error as Error).message
    throw new Error(`DATA_DIR ${dataDir} cannot be used: ${fault}. Set it to a folder that this account may write to.`)
  }
}

const folderFaults: Record<string, string> = {
  EACCES: 'this account may not write there (EACCES)',
  EPERM: 'this account may not write there (EPERM)',
  EROFS: 'the file system is read-only (EROFS)',
  ENOENT: 'no folder can be made there (ENOENT)',
  ENOTDIR: 'a part of it is a file (ENOTDIR)',
  EEXIST: 'it is a file (EEXIST)',
  ENOSPC: 'the disk is full (ENOSPC)',
}

/** Folder by folder: where none can be made at all, as in /proc, Node's own `recursive` tries for ever. */
async function makeFolder(path: string): Promise<void> {
  const make = () => mkdir(path, { mode })
  await make().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && dirname(path) !== path) return makeFolder(dirname(path)).then(make)
    // Also where it may not be made because the file system is read-only, it may be there.
    const isThere = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    )
    if (!isThere) throw error
  })
}
