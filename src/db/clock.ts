import type { Database } from './connect.ts'

export type DatabaseClock = ReturnType<typeof createDatabaseClock>

/**
 * The clock of the database: the one by which all replicas make and judge what expires. It goes on by the monotonic clock of
 * this process, so a change of this machine's time does not move it; until it is first read, it is this machine's.
 */
export function createDatabaseClock({ sql }: Pick<Database, 'sql'>) {
  /** Ms since 1970 at 0 of performance.now(). */
  let origin = performance.timeOrigin

  const nowMs = () => origin + performance.now()
  return {
    nowMs,
    now: () => new Date(nowMs()),

    /** Reads the clock; it is right to half of the time that this takes. */
    async read(): Promise<void> {
      const began = performance.now()
      const [row] = await sql<{ ms: number }[]>`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`
      if (row) origin = row.ms - (began + performance.now()) / 2
    },

    /** How far this machine's clock is ahead, in seconds; below 0 when it is behind. */
    skewSeconds: () => (Date.now() - nowMs()) / 1000,
  }
}
