import { type DedicatedConnection, openConnection } from '../db/copy/connection.ts'
import type { changes } from '../db/schema/changes.ts'

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

// Only what the last poll could not see: a transaction that began before it may have been committed since.
const pollQuery = `
  select pg_current_snapshot()::text as snapshot, pg_postmaster_start_time()::text as server, changes.topic, changes.key
  from (select) as one left join changes
    on changes.xid >= pg_snapshot_xmin($1::pg_snapshot) and not pg_visible_in_snapshot(changes.xid, $1::pg_snapshot)`
const startQuery = 'select pg_current_snapshot()::text as snapshot, pg_postmaster_start_time()::text as server'
const pruneQuery = 'delete from changes where xid < pg_snapshot_xmin($1::pg_snapshot)'

interface Row {
  snapshot: string
  /** When the server was started: this reveals another one behind the same proxy. */
  server: string
  topic: Topic | null
  key: string | null
}

interface Options {
  /** Called for the first of several failures. */
  warn?: (error: unknown, message: string) => void
  /** How long a change stays readable; after a longer pause the feed starts again. The same for all replicas. */
  pruneMs?: number
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
export function openChangeFeed(url: string, { warn = () => {}, pruneMs = 60_000 }: Options = {}): ChangeFeed {
  const listeners: Listener[] = []
  let connection: DedicatedConnection | undefined
  let position: Pick<Row, 'snapshot' | 'server'> | undefined
  /** When the last successful poll began, in ms of performance.now(). */
  let currentSince = Number.NEGATIVE_INFINITY
  let pruned: { at: number; snapshot: string } | undefined
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
    ;[position] = await connection.query<Row>(startQuery)
    for (const listener of listeners) listener.reset()
    currentSince = began
  }

  async function poll(
    connection: DedicatedConnection,
    { snapshot, server }: Pick<Row, 'snapshot' | 'server'>,
  ): Promise<void> {
    const began = performance.now()
    const rows = await connection.query<Row>(pollQuery, [snapshot])
    if (rows[0]?.server !== server) throw new Error('Another server answers')
    for (const { topic, key } of rows) {
      if (topic) for (const listener of listeners) listener.changed({ topic, key })
    }
    position = rows[0]
    currentSince = began
    if (pruned && began - pruned.at < pruneMs) return
    if (pruned) await connection.query(pruneQuery, [pruned.snapshot])
    pruned = { at: began, snapshot }
  }

  function disconnect(): void {
    connection?.close()
    connection = position = pruned = undefined
    currentSince = Number.NEGATIVE_INFINITY
  }

  async function pollOnce(): Promise<void> {
    // After so long a pause, changes may have been pruned unread.
    if (performance.now() - currentSince > pruneMs / 2) disconnect()
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
    waitUntilCaughtUp: () => (position && !closed ? pollAfterThis() : Promise.resolve()),
    close() {
      closed = true
      clearTimeout(timer)
      connection?.close()
    },
  }
}
