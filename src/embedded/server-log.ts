import type { ChildProcess } from 'node:child_process'
import { open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'

const maxBytes = 1024 * 1024
const tailBytes = 8 * 1024

/** Where the embedded PostgreSQL writes what stops it. */
export function logPath(dataDir: string): string {
  return join(dataDir, 'postgres.log')
}

/**
 * Keeps one older file: a server that cannot be started writes some lines twice a second. Returns where the new lines
 * will begin.
 */
export async function beginAnew(path: string): Promise<number> {
  const { size } = await stat(path).catch(() => ({ size: 0 }))
  if (size <= maxBytes) return size
  await rename(path, `${path}.1`)
  return 0
}

/** How a server has ended, and the last that it wrote about it since `from`. */
export async function lastWords(
  { signalCode, exitCode }: ChildProcess,
  dataDir: string,
  from: number,
): Promise<string> {
  const how = signalCode ? `it was ended by ${signalCode}` : `exit code ${exitCode ?? 'unknown'}`
  const lines = (await tail(logPath(dataDir), from)).split('\n')
  const line = lines.findLast(isPanic) ?? lines.findLast((each) => /FATAL:/.test(each) && !follows.test(each))
  // The time and the process before it differ each time.
  const words = line?.replace(/^.*?(?=PANIC:|FATAL:)/, '').replace(/\s+/g, ' ')
  return words ? `${how}: ${words}` : how
}

const isPanic = (line: string) => line.includes('PANIC:')
/** What a connection is told while the server ends or starts. */
const follows = /the database system is|terminating connection|connection to client lost/

/** The end of a file, at most from `from` on; nothing where there is none. */
export async function tail(path: string, from = 0): Promise<string> {
  const file = await open(path).catch(() => undefined)
  if (!file) return ''
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(tailBytes),
      position: Math.max(from, size - tailBytes),
    })
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}
