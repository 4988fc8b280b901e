import { once } from 'node:events'
import { rm, stat } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Makes a folder this process' own, until it lets go or ends in any way: the lock is a listening socket, which the kernel closes.
 * @throws when another process (or this one, before) has it
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const { dev, ino } = await stat(folder)
  const address = await lockAddress(`kinoteka-${dev}-${ino}`)
  const lock = createServer((socket) => socket.destroy())
  lock.unref().listen(address)
  await once(lock, 'listening').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    throw new Error(
      `Another service is running on DATA_DIR ${folder}. Stop it, or give this one a DATA_DIR of its own.`,
    )
  })
  return async () => {
    lock.close()
    await once(lock, 'close')
  }
}

/** On Linux an abstract name, gone with its process; elsewhere a file, which outlives a killed process. */
async function lockAddress(name: string): Promise<string> {
  if (process.platform === 'linux') return `\0${name}`
  const path = join(tmpdir(), name)
  const socket = connect(path)
  const isHeld = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  if (!isHeld) await rm(path, { force: true })
  return path
}
