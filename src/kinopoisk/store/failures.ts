import { eq, type SQL, sql } from 'drizzle-orm'
import { deleteInBatches } from '../../db/cleanup.ts'
import type { Db } from '../../db/connect.ts'
import { kinopoiskFailures as failures } from '../../db/schema/kinopoisk.ts'
import type { Failed } from '../failures.ts'

/** How long a failed request is not sent again: `firstMs`, twice as long after each further failure, `maxMs` at most. */
export interface FailurePauses {
  firstMs: number
  maxMs: number
}

export type OwnFailure = Extract<Failed, 'server_error' | 'timeout' | 'connection' | 'bad_response'>

interface Weight {
  /** Failures in a row without a pause. */
  free: number
  /** The count of failures goes no further. */
  most: number
  /** The pause, whatever the count. */
  pauseMs?: number | undefined
}

const defaultPauses: FailurePauses = { firstMs: 60_000, maxMs: 3_600_000 }
const keptRows = 10_000
const now = sql`clock_timestamp()`
const after = (ms: SQL) => sql`${now} + ${ms} * interval '1 millisecond'`

/**
 * True of a failure after which no prefetch fetches again yet: a day after one that will come again, an hour after one
 * that may pass.
 */
export const isTooRecent = sql`${failures.failed_at} > ${now} - case
  when ${failures.failures} > (case ${failures.outcome} when 'bad_response' then 0 else 1 end) then interval '1 day'
  else interval '1 hour' end`

/** The requests that failed, over all replicas, by the database's clock. */
export function createFailureRepository(db: Db, { firstMs, maxMs } = defaultPauses) {
  const pauseLeftMs = sql<number>`(extract(epoch from ${failures.retry_at} - ${now}) * 1000)::float8`

  return {
    async find(path: string) {
      const [row] = await db
        .select({ outcome: failures.outcome, pauseLeftMs })
        .from(failures)
        .where(eq(failures.path, path))
      return row
    },

    /** One more failure in a row. Returns how long the request is not sent again, in ms. */
    async record(path: string, outcome: OwnFailure, { free, most, pauseMs }: Weight): Promise<number> {
      const doubled = (count: SQL) => sql`case when ${count} <= ${free}::integer then 0
        else least(${maxMs}::float8, ${firstMs}::float8 * power(2, least(20, ${count} - ${free}::integer - 1))) end`
      const pauseOf = (count: SQL) => (pauseMs === undefined ? doubled(count) : sql`${pauseMs}::float8`)
      const first = sql`least(1, ${most}::integer)`
      const next = sql`greatest(${failures.failures}, least(${failures.failures} + 1, ${most}::integer))`
      const [row] = await db
        .insert(failures)
        .values({ path, outcome, failures: first, failed_at: now, retry_at: after(pauseOf(first)) })
        .onConflictDoUpdate({
          target: failures.path,
          set: { outcome, failures: next, failed_at: now, retry_at: after(pauseOf(next)) },
        })
        .returning({ pauseLeftMs })
      return row?.pauseLeftMs ?? 0
    },

    async remove(path: string): Promise<void> {
      await db.delete(failures).where(eq(failures.path, path))
    },

    /** The paths that begin so and are not to be prefetched yet. */
    async findTooRecent(prefix: string): Promise<string[]> {
      const rows = await db
        .select({ path: failures.path })
        .from(failures)
        .where(sql`starts_with(${failures.path}, ${prefix}) and ${isTooRecent}`)
      return rows.map(({ path }) => path)
    },

    /** What is older than a day no longer counts, and of the rest the newest 10,000 do. */
    async cleanup(signal?: AbortSignal): Promise<void> {
      await deleteInBatches(db, failures, sql`${failures.failed_at} < ${now} - interval '1 day'`, signal)
      const oldest = sql`(${failures.failed_at}, ${failures.path}) <= (
        select failed_at, path from ${failures} order by failed_at desc, path desc offset ${keptRows} limit 1)`
      await deleteInBatches(db, failures, oldest, signal)
    },
  }
}

export type FailureRepository = ReturnType<typeof createFailureRepository>
