import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { AppError } from '../errors.ts'
import type { Storage } from './storage.ts'

// No dot but the one before the extension: a key can't leave the folder, nor name one of the unfinished files.
const keyForm = /^[a-z0-9-]+(\/[a-z0-9-]+)*\.[a-z0-9]+$/
const unfinished = '.unfinished-'
const abandonedAfterMs = 3_600_000

const contentTypes: Record<string, string> = { jpg: 'image/jpeg', png: 'image/png', webp: 'image/webp' }

/** Files under `folder`, which is made with the first one. A file appears whole or not at all, and survives a crash once `put` is done. */
export async function createFolderStorage(folder: string): Promise<Storage> {
  const root = resolve(folder)
  await removeAbandoned(root)

  return {
    async put(key, bytes) {
      const path = pathOf(root, key)
      const unfinishedPath = join(root, `${unfinished}${randomUUID()}`)
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 })
        await writeSynced(unfinishedPath, bytes)
        await rename(unfinishedPath, path)
        await syncFolder(dirname(path))
      } catch (error) {
        await rm(unfinishedPath, { force: true }).catch(() => {})
        throw unavailable(error)
      }
    },

    async get(key) {
      try {
        const file = await open(pathOf(root, key))
        const { size } = await file.stat()
        const extension = key.slice(key.lastIndexOf('.') + 1)
        const contentType = contentTypes[extension] ?? 'application/octet-stream'
        return { stream: file.createReadStream(), size, contentType }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw unavailable(error)
      }
    },

    async read(key) {
      try {
        return await readFile(pathOf(root, key))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw unavailable(error)
      }
    },

    async remove(key) {
      await rm(pathOf(root, key), { force: true }).catch((error) => {
        throw unavailable(error)
      })
    },

    async close() {},
  }
}

function pathOf(root: string, key: string): string {
  if (!keyForm.test(key)) throw new Error('a key of the storage must be lower-case words and an extension')
  return join(root, key)
}

async function writeSynced(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes a rename survive a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** What a killed process left; what is young may be another process's work in hand. */
async function removeAbandoned(root: string): Promise<void> {
  const names = await readdir(root).catch(() => [])
  for (const name of names) {
    if (!name.startsWith(unfinished)) continue
    const path = join(root, name)
    const file = await stat(path).catch(() => undefined)
    if (file && Date.now() - file.mtimeMs > abandonedAfterMs) await rm(path, { force: true })
  }
}

function unavailable(error: unknown): AppError {
  return new AppError('storage_unavailable', {
    detail: 'The photo could not be read or written now, try again later',
    cause: error,
  })
}
