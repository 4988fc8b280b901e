import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { finished, type Readable } from 'node:stream'
import { AppError } from '../../../errors.ts'
import type { QueueKey, Semaphore } from '../../../semaphore.ts'
import type { Export, ExportRepository } from './export-repository.ts'
import type { Delimiter } from './format.ts'

// Excel takes a CSV without it for another alphabet than UTF-8.
const byteOrderMark = '\ufeff'
// An export that gets on by nothing, or is not done, within this time is cut off: it holds a connection and a snapshot. Its
// reader is waited for only where the spool is full.
const stallMs = 60_000
const maxMs = 3_600_000

export type FilmExport = ReturnType<typeof createFilmExport>

interface Dependencies {
  exports: ExportRepository
  semaphore: Semaphore
}

/** All listed films at one moment. It holds a connection until it is closed, or read to its end. */
export interface OpenedExport {
  etag: string
  /** The CSV. It has its first bytes when this resolves; to destroy it, or to abort `signal`, closes the export. */
  read(signal: AbortSignal): Promise<Readable>
  close(): void
}

export function createFilmExport({ exports, semaphore }: Dependencies) {
  return {
    /** @throws {AppError} overloaded */
    async open({ bom, delimiter, caller, signal }: Opening): Promise<OpenedExport> {
      const release = await semaphore.acquire(caller, { signal })
      const opened = await exports.open(delimiter).catch((error) => {
        release()
        throw error
      })
      const close = () => {
        opened.close()
        release()
      }
      return { etag: entityTag(opened.version, bom), read: (signal) => readCsv(opened, { bom, signal, close }), close }
    },
  }
}

interface Opening {
  bom: boolean
  delimiter: Delimiter
  caller: QueueKey
  /** Aborted when the client has gone. */
  signal: AbortSignal
}

interface Reading {
  bom: boolean
  signal: AbortSignal
  close(): void
}

async function readCsv(opened: Export, { bom, signal, close }: Reading): Promise<Readable> {
  const stalled = setTimeout(() => cut('its reader takes nothing'), stallMs)
  const overdue = setTimeout(() => cut('it takes too long'), maxMs)
  const csv = opened.rows(() => stalled.refresh())
  const cut = (reason: string) => csv.destroy(new Error(`The export was cut off: ${reason}`))
  const shutDown = () => csv.destroy(new AppError('shutting_down'))
  signal.addEventListener('abort', shutDown)
  finished(csv, { writable: false }, () => {
    clearTimeout(stalled)
    clearTimeout(overdue)
    signal.removeEventListener('abort', shutDown)
    close()
  })
  await once(csv, 'readable')
  if (bom) csv.unshift(byteOrderMark)
  return csv
}

/** Strong: equal versions are equal byte by byte. */
function entityTag(version: string, bom: boolean): string {
  const hash = createHash('sha256').update(version).digest('base64url').slice(0, 22)
  return `"${hash}${bom ? '' : '-no-bom'}"`
}
