import type { ErrorCode } from '../../../errors.ts'
import { type Entry, type Message, type Outcome, type SkipReason, skipReasons } from './entry.ts'
import type { FormatName } from './format-names.ts'
import type { Interruption } from './look-ups.ts'
import type { Ignored } from './read-files.ts'

const maxMessages = 100

/** What was read of one file. */
export interface Source {
  name: string
  format: FormatName
  rows: number
  unscored: number
}

export interface ReportedMessage {
  file?: string
  row: number
  column?: string
  message: string
  code?: ErrorCode
}

export interface Counts {
  format: FormatName
  rows: number
  created: number
  updated: number
  skipped: number
  skipped_because: Record<SkipReason, number>
  failed: number
}

export interface Report extends Counts {
  dry_run: boolean
  errors: ReportedMessage[]
  errors_total: number
  warnings: ReportedMessage[]
  warnings_total: number
  files: (Counts & { file: string })[]
  ignored: Ignored[]
  ignored_total: number
  problem: Interruption | null
}

/** Counts what became of each row: `rows` is always the sum of created, updated, skipped and failed. */
export function createTally(sources: Source[]) {
  const outcomes = sources.map(() => new Map<Outcome, number>())
  const faults: Message[] = []

  function countsOf({ format, rows, unscored }: Source, i: number): Counts {
    const count = (outcome: Outcome) => outcomes[i]?.get(outcome) ?? 0
    const because = Object.fromEntries(skipReasons.map((reason) => [reason, count(reason)])) as Record<
      SkipReason,
      number
    >
    because.no_score += unscored
    return {
      ...{ format, rows, created: count('created'), updated: count('updated') },
      skipped: Object.values(because).reduce((sum, each) => sum + each, 0),
      skipped_because: because,
      failed: faults.filter(({ file }) => file === i).length,
    }
  }

  const reported = (messages: Message[]): ReportedMessage[] =>
    messages
      .toSorted((a, b) => a.file - b.file || a.row - b.row)
      .slice(0, maxMessages)
      .map(({ file, row, column, message, code }) => ({
        ...(sources.length > 1 && { file: sources[file]?.name ?? '' }),
        row,
        ...(column !== undefined && { column }),
        message,
        ...(code !== undefined && { code }),
      }))

  return {
    count({ file }: Entry, outcome: Outcome): void {
      const counts = outcomes[file]
      counts?.set(outcome, (counts.get(outcome) ?? 0) + 1)
    },
    fail(messages: Message[]): void {
      for (const message of messages) faults.push(message)
    },
    report(rest: {
      dryRun: boolean
      isArchive: boolean
      notes: Message[]
      ignored: Ignored[]
      problem: Interruption | null
    }): Report {
      const files = sources.map((source, i) => ({ file: source.name, ...countsOf(source, i) }))
      const sum = files.map(({ file: _, ...counts }) => counts).reduce(add)
      return {
        ...sum,
        dry_run: rest.dryRun,
        errors: reported(faults),
        errors_total: faults.length,
        warnings: reported(rest.notes),
        warnings_total: rest.notes.length,
        files: rest.isArchive ? files : [],
        ignored: rest.ignored.slice(0, maxMessages),
        ignored_total: rest.ignored.length,
        problem: rest.problem,
      }
    },
  }
}

export type Tally = ReturnType<typeof createTally>

function add(a: Counts, b: Counts): Counts {
  const because = skipReasons.map((reason) => [reason, a.skipped_because[reason] + b.skipped_because[reason]])
  return {
    format: a.format,
    rows: a.rows + b.rows,
    created: a.created + b.created,
    updated: a.updated + b.updated,
    skipped: a.skipped + b.skipped,
    skipped_because: Object.fromEntries(because),
    failed: a.failed + b.failed,
  }
}
