import { AppError } from '../../../errors.ts'
import type { Source } from '../../../files/encoding.ts'
import { kindOf, workbook } from '../../../files/kind.ts'
import { openTable, type Table } from '../../../files/table.ts'
import { UnreadableFile } from '../../../files/unreadable.ts'
import type { Charset } from '../../../text/charsets.ts'
import type { Column } from './format.ts'
import { invalid, readHeader } from './header.ts'
import type { ImportRepository, ImportWork } from './import-repository.ts'
import { createReport, type Report } from './report.ts'
import { createRowReader } from './rows.ts'
import { stagingLine } from './staging.ts'

export type FilmImport = ReturnType<typeof createFilmImport>

interface Dependencies {
  imports: ImportRepository
  now?: () => Date
}

interface Options {
  charset?: Charset | undefined
  dryRun: boolean
  signal: AbortSignal
}

// Of one row, in characters. A quote that is never closed is found by it.
const maxRecord = 1024 * 1024

/**
 * The import: every row is checked by itself and put into a temporary table; there the plan decides what each would do;
 * then that is done, 500 rows a transaction. A dry run stops before the last step, so it reports exactly what would
 * happen.
 */
export function createFilmImport({ imports, now = () => new Date() }: Dependencies) {
  return {
    /**
     * Before a client sends a large file for nothing.
     * @throws {AppError} import_running
     */
    async requireNone(): Promise<void> {
      if (await imports.isRunning()) throw running()
    },

    /**
     * What was done until `signal` aborts, with the error to throw as its reason, stays done; the same file again does the rest.
     * @throws {AppError} import_running, invalid_csv
     */
    async run(source: Source, { charset, dryRun, signal }: Options) {
      const work = await imports.open()
      if (!work) throw running()
      signal.addEventListener('abort', work.close)
      try {
        signal.throwIfAborted()
        const report = createReport()
        const present = await stage(work, await open(source, charset), report, now())
        const plan = await work.plan(present, {
          maxErrors: report.maxErrors,
          maxChanges: dryRun ? report.maxChanges : 0,
        })
        report.addErrors(plan.errors_total, plan.errors)
        if (dryRun) return report.end({ ...plan, dryRun })
        const done = await apply(work, present, report)
        await work.commit()
        return report.end({ ...plan, ...done, dryRun })
      } catch (error) {
        throw signal.aborted ? signal.reason : error
      } finally {
        signal.removeEventListener('abort', work.close)
        await work.release()
      }
    },
  }
}

async function open(source: Source, charset: Charset | undefined): Promise<Table> {
  try {
    for await (const head of source.bytes()) {
      if (kindOf(head) === 'zip') throw workbook('The file is an archive, or a workbook such as .xlsx')
      break
    }
    return await openTable(source, { charset, strict: true, maxRecord })
  } catch (error) {
    throw error instanceof UnreadableFile ? invalid(error.message) : error
  }
}

/** Which columns the file has. */
async function stage(work: ImportWork, table: Table, report: Report, now: Date): Promise<ReadonlySet<Column>> {
  const header = readHeader(table.header)
  const read = createRowReader(header, now)
  await work.stage(
    (async function* () {
      for await (const batch of table.rows) {
        for (const row of batch) {
          const film = 'fault' in row ? { faults: row.fault } : read(row.cells)
          if ('faults' in film) report.addError(row.row, film.faults)
          else yield stagingLine(row.row, film)
        }
      }
    })(),
  )
  return new Set(header.keys())
}

async function apply(work: ImportWork, present: ReadonlySet<Column>, report: Report) {
  const steps = work.steps(present)
  const done = { created: 0, updated: 0 }
  const write = async (rows: number[]): Promise<void> => {
    const written = await steps.write(rows)
    if ('fault' in written) {
      if (rows[0] !== undefined && rows.length === 1) report.addError(rows[0], written.fault)
      // A film that changed meanwhile does not fail the others.
      else for (const row of rows) await write([row])
      return
    }
    done.created += written.created
    done.updated += written.updated
  }
  await steps.prepare()
  for (const batch of await steps.batches()) await write(await steps.rowsOf(batch))
  return done
}

function running(): AppError {
  return new AppError('import_running', { detail: 'Another import is running; send the file again when it is done' })
}
