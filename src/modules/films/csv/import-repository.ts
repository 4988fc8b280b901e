import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../../../db/connect.ts'
import { type DedicatedConnection, openConnection } from '../../../db/copy/connection.ts'
import { createImportSteps } from './apply-repository.ts'
import type { Column } from './format.ts'
import { type Bounds, planImport } from './plan-repository.ts'
import { closeStaging, openStaging } from './staging.ts'

// Any constant that no other lock uses.
const lockKey = 7_300_159
// Of the statements that read all of the file and of the catalogue.
const statementTimeoutMs = 600_000
const unlockMs = 2_000

/**
 * One import: a session with temporary tables, under a lock that it holds until it is closed; behind a pooler in
 * transaction mode, where no session is ours, a transaction.
 */
function createImportWork(connection: DedicatedConnection, close: () => void) {
  return {
    /** Takes the lines of staging.ts. */
    async stage(lines: AsyncIterable<string>): Promise<void> {
      await pipeline(Readable.from(inPieces(lines), { objectMode: false }), await openStaging(connection))
      await closeStaging(connection)
    },
    plan: (present: ReadonlySet<Column>, bounds: Bounds) => planImport(connection, present, bounds),
    steps: (present: ReadonlySet<Column>) => createImportSteps(connection, present),
    close,
    /** Where all of the import is one transaction, only this makes it last. */
    async commit(): Promise<void> {
      if (connection.ownsSession) return
      // Or they would be in the way of the next import that gets this connection of the server.
      await connection.query('discard temp')
      await connection.commit()
    },
    /** Closes, with the lock free at once: a session that is only closed holds it until the server has noticed. */
    async release(): Promise<void> {
      const unlocked = connection.ownsSession
        ? connection.query('select pg_advisory_unlock($1)', [lockKey])
        : connection.query('rollback')
      await Promise.race([unlocked, sleep(unlockMs, undefined, { ref: false })]).catch(() => {})
      close()
    },
  }
}

export type ImportWork = ReturnType<typeof createImportWork>

export function createImportRepository(url: string, { sql }: Pick<Database, 'sql'>) {
  // However many files come at once, one connection is opened: the others would not get the lock.
  let running: DedicatedConnection | 'opening' | undefined

  async function open(): Promise<ImportWork | undefined> {
    const connection = await openConnection(url, { statementTimeoutMs })
    running = connection
    const close = () => {
      if (running === connection) running = undefined
      connection.close()
    }
    try {
      if (!connection.ownsSession) await connection.begin()
      const lock = connection.ownsSession ? 'pg_try_advisory_lock' : 'pg_try_advisory_xact_lock'
      const [row] = await connection.query<{ locked: boolean }>(`select ${lock}($1) as locked`, [lockKey])
      if (row?.locked) return createImportWork(connection, close)
    } catch (error) {
      close()
      throw error
    }
    close()
    return undefined
  }

  return {
    /** Undefined while another import has the lock. */
    async open(): Promise<ImportWork | undefined> {
      if (running) return undefined
      running = 'opening'
      return open().finally(() => {
        if (running === 'opening') running = undefined
      })
    },

    async isRunning(): Promise<boolean> {
      const rows = await sql`
        select from pg_locks where locktype = 'advisory' and classid = 0 and objid = ${lockKey} and objsubid = 1
          and database = (select oid from pg_database where datname = current_database())`
      return rows.length > 0
    },
  }
}

export type ImportRepository = ReturnType<typeof createImportRepository>

/** One message per line would cost more than the line. */
async function* inPieces(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let piece = ''
  for await (const line of lines) {
    piece += line
    if (piece.length < 32_768) continue
    yield piece
    piece = ''
  }
  if (piece) yield piece
}
