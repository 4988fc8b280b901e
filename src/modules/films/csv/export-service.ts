import { once } from 'node:events'
import { pipeline, type Readable } from 'node:stream'
import { AppError } from '../../../errors.ts'
import type { Gate } from '../../../gate.ts'
import { toCrlf } from './crlf.ts'
import type { ExportRepository } from './export-repository.ts'

// Excel takes a CSV without it for another alphabet than UTF-8.
const byteOrderMark = '\ufeff'
// Who takes nothing for so long, or isn't done after so long, is cut off: an export holds a connection and a snapshot.
const stallMs = 60_000
const longestMs = 3_600_000

export type FilmExport = ReturnType<typeof createFilmExport>

interface Dependencies {
  exports: ExportRepository
  gate: Gate
}

export function createFilmExport({ exports, gate }: Dependencies) {
  return {
    /**
     * The CSV of all listed films at this moment. The stream has its first bytes when this resolves; to destroy it, or to
     * abort `signal`, frees the connection.
     * @throws {AppError} overloaded
     */
    async read({ bom, signal }: { bom: boolean; signal: AbortSignal }): Promise<Readable> {
      const leave = await gate.enter()
      const { rows, close } = await exports.open().catch((error) => {
        leave()
        throw error
      })
      const stalled = setTimeout(() => cut('its reader takes nothing'), stallMs)
      const overdue = setTimeout(() => cut('it takes too long'), longestMs)
      const csv = toCrlf({ prefix: bom ? byteOrderMark : '', onChunk: () => stalled.refresh() })
      const cut = (reason: string) => csv.destroy(new Error(`The export was cut off: ${reason}`))
      const shutDown = () => csv.destroy(new AppError('shutting_down'))
      signal.addEventListener('abort', shutDown)
      pipeline(rows, csv, () => {
        clearTimeout(stalled)
        clearTimeout(overdue)
        signal.removeEventListener('abort', shutDown)
        close()
        leave()
      })
      await once(csv, 'readable')
      return csv
    },
  }
}
