import type { Change, RowError } from './plan-repository.ts'

const [maxErrors, maxChanges] = [100, 100]

/** Counts all errors; the first 100 are in the report. */
export function createReport() {
  let errors: RowError[] = []
  let total = 0

  function addErrors(count: number, first: RowError[]): void {
    total += count
    errors = [...errors, ...first].sort((a, b) => a.row - b.row).slice(0, maxErrors)
  }

  return {
    ...{ maxErrors, maxChanges },
    addErrors,
    addError(row: number, message: string): void {
      // Rows mostly come in order: errors behind the last one in the report need no sorting.
      if (errors.length === maxErrors && row > (errors.at(-1)?.row ?? 0)) total++
      else addErrors(1, [{ row, message }])
    },
    end(counts: { created: number; updated: number; skipped: number; changes: Change[]; dryRun: boolean }) {
      const { created, updated, skipped, changes, dryRun } = counts
      const rows = created + updated + skipped + total
      return { rows, created, updated, skipped, failed: total, errors_total: total, errors, changes, dry_run: dryRun }
    },
  }
}

export type Report = ReturnType<typeof createReport>
