import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { finished, type Readable } from 'node:stream'
import { AppError } from '../../../errors.ts'
import type { Semaphore } from '../../../semaphore.ts'
import type { ExportRepository } from './export-repository.ts'

// Excel takes a CSV without it for another alphabet than UTF-8.
const byteOrderMark = '\ufeff'
// A client that reads nothing, or is not done, within this time is cut off: an export holds a connection and a
// snapshot.
const stallMs = 60_000
const maxMs = 3_600_000

export type FilmExport = ReturnType<typeof createFilmExport>

interface Dependencies {
  exports: ExportRepository
  semaphore: Semaphore
}

interface ExportRequest {
  bom: boolean
  /** By its entity tag: whether the file is to be read. */
  isWanted(etag: string): boolean
  signal: AbortSignal
}

export function createFilmExport({ exports, semaphore }: Dependencies) {
  return {
    /**
     * The CSV of all listed films at this moment, if it is wanted. The stream has its first bytes when this resolves; to
     * destroy it, or to abort `signal`, frees the connection.
     * @throws {AppError} overloaded
     */
    async read({ bom, isWanted, signal }: ExportRequest): Promise<{ etag: string; csv?: Readable }> {
      const release = await semaphore.acquire()
      const opened = await exports.open().catch((error) => {
        release()
        throw error
      })
      const etag = entityTag(opened.version, bom)
      if (!isWanted(etag)) {
        opened.close()
        release()
        return { etag }
      }
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
        opened.close()
        release()
      })
      await once(csv, 'readable')
      if (bom) csv.unshift(byteOrderMark)
      return { etag, csv }
    },
  }
}

/** Strong: equal versions are equal byte by byte. */
function entityTag(version: string, bom: boolean): string {
  const hash = createHash('sha256').update(version).digest('base64url').slice(0, 22)
  return `"${hash}${bom ? '' : '-no-bom'}"`
}
