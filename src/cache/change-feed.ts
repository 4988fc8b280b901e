import { type DedicatedConnection, openConnection } from '../db/copy/connection.ts'
import type { changes } from '../db/schema/changes.ts'
import type { ReplayTargets } from './replay-targets.ts'
import { markTimeline } from './timeline-mark.ts'

export type Topic = (typeof changes.topic.enumValues)[number]

/** `key` is the film, list's user, session or path; null: all of the topic. */
export interface Change {
  topic: Topic
  key: string | null
}

/** The latest changes of the database, by any process. */
export interface ChangeFeed {
  /** True while all changes committed more than a second ago have been delivered. */
  isCurrent(): boolean
  /** `changed` gets every change; `reset` is called when some may have been missed. */
  listen(listener: Listener): void
  /**
   * Resolves when all changes committed before the call have been delivered, or the feed is not current any more. Never
   * rejects.
   */
  waitUntilCaughtUp(): Promise<void>
  close(): void
}

const pollMs = 250
const currentMs = 1_000
/** More changes of a topic at once invalidate all of it, as where the triggers note so many. */
const maxOfTopic = 1_000
/** More changes at once are not even counted: they invalidate everything. */
const maxChanges = 100_000

const server = 'pg_postmaster_start_time()::text as server'
const here = `pg_current_snapshot()::text as snapshot, ${server}, extract(epoch from clock_timestamp())::float8 as seconds`
// Where the log ends is read behind the snapshot, so that every commit in this lies before it.
const logEnd = `${here}, pg_current_wal_insert_lsn()::text as inserted, pg_current_wal_flush_lsn()::text as flushed`
// Only what the last poll could not see: what began later, and what had not ended. Both by an index, however long a
// transaction has been open.
const pollQuery = (columns: string) => `
  with noted as materialized (
    (select topic, key from changes where changes.xid >= pg_snapshot_xmax($1::pg_snapshot)
      order by xid limit ${maxChanges + 1})
    union all
    (select topic, key from changes where changes.xid = any(array(select pg_snapshot_xip($1::pg_snapshot)))
      limit ${maxChanges + 1})
  ), topics as materialized (select topic, count(*) as changes from noted group by topic)
  select one.*, (select coalesce(sum(changes), 0) > ${maxChanges} from topics) as "isTooMany", unread.topic, unread.key
  from (select ${columns}) as one left join (
    select topic, key from noted where topic in (select topic from topics where changes <= ${maxOfTopic})
    union all
    select topic, null from topics where changes > ${maxOfTopic}
  ) as unread on true`
// Fails where the table could not be polled: else the feed would seem to be current in between.
const startQuery = (columns: string) => `
  select ${columns} where exists (select changes.xid, changes.topic, changes.key from changes limit 1) is not null`

interface Position {
  snapshot: string
  /** When the server was started: this reveals another one behind the same proxy. */
  server: string
  /** Since 1970, by the database's clock. */
  seconds: number
}

interface Row extends Position {
  isTooMany: boolean
  topic: Topic | null
  key: string | null
  /** Ends of the write-ahead log, where standbys are read. */
  inserted?: string
  flushed?: string
}

interface Options {
  /** Called for the first of several failures. */
  warn?: (error: unknown, message: string) => void
  /** How long a change stays readable; after half of that without a poll the feed starts again. The same for all replicas. */
  keepMs?: number
  /** Learns what standbys must have replayed. */
  replayTargets?: ReplayTargets | undefined
}

interface Listener {
  changed(change: Change): void
  reset(): void
}

/**
 * Polls the table of changes four times a second, over a connection of its own: behind one that breaks there may be
 * another server, or one that crashed, so everything is reset then. LISTEN/NOTIFY would be faster, but takes a lock
 * that serialises commits.
 */
export function openChangeFeed(
  url: string,
  { warn = () => {}, keepMs = 60_000, replayTargets }: Options = {},
): ChangeFeed {
  const listeners: Listener[] = []
  const columns = replayTargets ? logEnd : here
  const statement = pollQuery(columns)
  let connection: DedicatedConnection | undefined
  let position: Position | undefined
  /** When the last successful poll began, in ms of performance.now(). */
  let currentSince = Number.NEGATIVE_INFINITY
  /** Somebody waits for the next poll behind a write. */
  let isAwaited = false
  let closed = false
  let failing = false

  async function start(): Promise<void> {
    const began = performance.now()
    connection = await openConnection(url, {
      statementTimeoutMs: currentMs,
      queryTimeoutMs: currentMs,
      use: 'changes',
    })
    if (closed) return connection.close()
    const mark = replayTargets && (await markTimeline(connection))
    const [row] = await connection.query<Row>(startQuery(columns))
    position = row
    if (mark && row?.inserted) replayTargets?.started({ mark, inserted: row.inserted })
    reset()
    currentSince = began
  }

  function reset(): void {
    for (const listener of listeners) listener.reset()
  }

  async function poll(connection: DedicatedConnection, { snapshot, ...last }: Position): Promise<void> {
    const at = performance.now()
    const wasAwaited = isAwaited
    isAwaited = false
    // By name it is planned once: planning takes four times as long as the rest.
    const rows = await connection.query<Row>(statement, [snapshot], connection.prepares ? 'changes' : undefined)
    const [row] = rows
    if (row?.server !== last.server) throw new Error('Another server answers')
    // Also where this machine slept, and its clock with it.
    if (row.seconds - last.seconds > keepMs / 2000) throw new Error('Changes may have been removed unread')
    const { inserted, flushed } = row
    const isNoted = wasAwaited || row.topic !== null
    if (inserted && flushed) replayTargets?.polled({ at, inserted, flushed, isNoted })
    deliver(rows)
    position = row
    currentSince = at
  }

  function deliver(rows: Row[]): void {
    const isTooMany = rows[0]?.isTooMany === true
    if (isTooMany) reset()
    for (const { topic, key } of isTooMany ? [] : rows) {
      if (topic) for (const listener of listeners) listener.changed({ topic, key })
    }
  }

  function disconnect(): void {
    connection?.close()
    connection = position = undefined
    currentSince = Number.NEGATIVE_INFINITY
  }

  async function pollOnce(): Promise<void> {
    // After so long a pause, changes may have been removed unread.
    if (performance.now() - currentSince > keepMs / 2) disconnect()
    try {
      await (connection && position ? poll(connection, position) : start())
      failing = false
    } catch (error) {
      disconnect()
      if (!failing && !closed) warn(error, 'changes cannot be followed: all is read from the database')
      failing = true
    }
  }

  let polling: Promise<void> | undefined
  let next: Promise<void> | undefined

  /** A poll that begins after the call; concurrent callers share one. */
  function pollAfterThis(): Promise<void> {
    if (!polling) {
      polling = pollOnce().finally(() => {
        polling = undefined
      })
      return polling
    }
    next ??= polling.then(() => {
      next = undefined
      return pollAfterThis()
    })
    return next
  }

  let timer: NodeJS.Timeout
  const tick = () => {
    timer = setTimeout(async () => {
      await (polling ?? pollAfterThis())
      if (!closed) tick()
    }, pollMs).unref()
  }
  void pollAfterThis()
  tick()

  return {
    isCurrent: () => performance.now() - currentSince < currentMs,
    listen: (listener) => void listeners.push(listener),
    // Before the start there is nothing to wait for: everything that is read later is followed from the start.
    waitUntilCaughtUp() {
      if (!position || closed) return Promise.resolve()
      isAwaited = true
      return pollAfterThis()
    },
    close() {
      closed = true
      clearTimeout(timer)
      connection?.close()
    },
  }
}
