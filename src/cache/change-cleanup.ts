import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { hasTurn, pauseAfter } from '../db/cleanup.ts'
import type { Database } from '../db/connect.ts'

interface Options {
  /** Called for the first of several failures. */
  warn?: (error: unknown, message: string) => void
  /** How long a change stays readable: twice as long as a change feed may pause. The same for all replicas. */
  keepMs?: number
  everyMs?: number
}

/** What is behind us: `at` in ms of performance.now(). */
interface Snapshot {
  at: number
  snapshot: string
  /** The lowest transaction that was not over by then. */
  from: string
}

const maxRows = 5_000

/**
 * Removes old changes in small batches over the pool, one replica at a time: however many there are, the change feed and
 * writes go on beside it, and what fails is tried again. Old are those that a snapshot of a minute ago could see: a
 * change feed has read them, or starts again.
 */
export function startChangeCleanup({ db }: Pick<Database, 'db'>, options: Options = {}) {
  const { warn = () => {}, keepMs = 60_000, everyMs = 5_000 } = options
  const closing = new AbortController()
  const { signal } = closing
  let snapshots: Snapshot[] = []
  let server: string | undefined
  /** No older transaction has left a row: so none that was deleted is passed again, which a long query may keep there. */
  let from = '0'
  let failing = false

  /** The newest one that is old enough. */
  async function takeSnapshot(): Promise<Snapshot | undefined> {
    const [row] = await db.execute<{ snapshot: string; from: string; server: string }>(sql`
      select now.snapshot::text, pg_snapshot_xmin(now.snapshot)::text as "from", pg_postmaster_start_time()::text as server
      from (select pg_current_snapshot() as snapshot) as now`)
    if (!row) return undefined
    const at = performance.now()
    // Of another server the numbers of transactions mean nothing.
    if (row.server !== server) {
      snapshots = []
      from = '0'
    }
    server = row.server
    snapshots.push({ at, ...row })
    const old = snapshots.filter((each) => at - each.at >= keepMs).length
    snapshots.splice(0, old - 1)
    return old > 0 ? snapshots[0] : undefined
  }

  async function deleteSeenBy({ snapshot, from: next }: Snapshot): Promise<void> {
    let last = from
    while (!signal.aborted) {
      const began = performance.now()
      const [row] = await db.execute<{ hasTurn: boolean; rows: number; last: string | null }>(sql`
        with turn as materialized (
          select ${hasTurn('changes')} and pg_postmaster_start_time()::text = ${server} as mine
        ), old as materialized (
          select ctid, xid from changes
          where (select mine from turn) and xid >= ${last}::xid8 and xid < pg_snapshot_xmax(${snapshot}::pg_snapshot)
            and pg_visible_in_snapshot(xid, ${snapshot}::pg_snapshot)
          order by xid limit ${maxRows}
        ), deleted as (
          delete from changes where ctid = any(array(select ctid from old))
        )
        select (select mine from turn) as "hasTurn", (select count(*)::int from old) as rows,
          (select xid::text from old order by xid desc limit 1) as last`)
      if (!row?.hasTurn) return
      if (row.rows < maxRows) {
        from = next
        return
      }
      last = row.last ?? last
      await pauseAfter(began, signal)
    }
  }

  async function cleanUp(): Promise<void> {
    try {
      const snapshot = await takeSnapshot()
      if (snapshot) await deleteSeenBy(snapshot)
      failing = false
    } catch (error) {
      if (!failing && !signal.aborted) warn(error, 'old changes could not be removed now')
      failing = true
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await cleanUp()
      await sleep(everyMs, undefined, { ref: false, signal }).catch(() => {})
    }
  }
  void run()

  return { close: () => closing.abort() }
}
