import { AppError } from '../../../errors.ts'
import { findDelimiter } from '../../../text/csv.ts'
import type { Column } from './format.ts'
import { invalid, readHeader } from './header.ts'
import type { ImportRepository, ImportWork } from './import-repository.ts'
import { readLines } from './reader.ts'
import { createReport, type Report } from './report.ts'
import { createRowReader } from './rows.ts'
import { stagingLine } from './staging.ts'

export type FilmImport = ReturnType<typeof createFilmImport>

interface Dependencies {
  imports: ImportRepository
  now?: () => Date
}

/** A file that can be read from its beginning. */
interface Source {
  head(): Promise<Buffer>
  bytes(): AsyncIterable<Buffer>
}

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
    async run(source: Source, options: { dryRun: boolean; signal: AbortSignal }) {
      const work = await imports.open()
      if (!work) throw running()
      const { dryRun, signal } = options
      signal.addEventListener('abort', work.close)
      try {
        signal.throwIfAborted()
        const report = createReport()
        const present = await stage(work, source, report, now())
        const plan = await work.plan(present, report.maxErrors)
        report.addErrors(plan.errors_total, plan.errors)
        if (dryRun) return report.end({ ...plan, dryRun })
        const done = await apply(work, present, report)
        await work.commit()
        return report.end({ ...done, skipped: plan.skipped, dryRun })
      } catch (error) {
        throw signal.aborted ? signal.reason : error
      } finally {
        signal.removeEventListener('abort', work.close)
        await work.release()
      }
    },
  }
}

/** Which columns the file has. */
async function stage(work: ImportWork, source: Source, report: Report, now: Date): Promise<ReadonlySet<Column>> {
  const head = await source.head()
  if (/^[^\n]*\0/.test(head.toString('latin1'))) throw invalid('The file is no text in UTF-8')
  const lines = readLines(source.bytes(), findDelimiter(head.toString()))
  const { value: first } = await lines.next()
  if (!first) throw invalid('The file is empty: the first line names the columns')
  if ('fault' in first) throw invalid(`The header cannot be read: ${first.fault}`)
  const header = readHeader(first.cells)
  const read = createRowReader(header, now)
  await work.stage(
    (async function* () {
      for await (const line of lines) {
        const film = 'fault' in line ? { faults: line.fault } : read(line.cells)
        if ('faults' in film) report.addError(line.row, film.faults)
        else yield stagingLine(line.row, film)
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
