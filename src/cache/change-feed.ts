import { type DedicatedConnection, openConnection } from '../db/copy/connection.ts'
import type { changes } from '../db/schema/changes.ts'

export type Topic = (typeof changes.topic.enumValues)[number]

/** `key` is the film, list's user, session or path; null: all of the topic. */
export interface Change {
  topic: Topic
  key: string | null
}

/** What of the database has changed lately, whoever changed it. */
export interface ChangeFeed {
  /** True while all that was committed more than a second ago has been told of. */
  isCurrent(): boolean
  /** `changed` is told of every change; `lost` when some may have been missed. */
  listen(listener: Listener): void
  /** Resolves when all that was committed before the call has been told of, or nothing is current any more. Never rejects. */
  waitUntilCaughtUp(): Promise<void>
  close(): void
}

const pollMs = 250
const currentMs = 1_000

// Only what the last look could not see: a transaction that began before it may have been committed since.
const pollQuery = `
  select pg_current_snapshot()::text as snapshot, pg_postmaster_start_time()::text as server, changes.topic, changes.key
  from (select) as one left join changes
    on changes.xid >= pg_snapshot_xmin($1::pg_snapshot) and not pg_visible_in_snapshot(changes.xid, $1::pg_snapshot)`
const startQuery = 'select pg_current_snapshot()::text as snapshot, pg_postmaster_start_time()::text as server'
const pruneQuery = 'delete from changes where xid < pg_snapshot_xmin($1::pg_snapshot)'

interface Row {
  snapshot: string
  /** When the server was started: by it another one behind the same proxy is told. */
  server: string
  topic: Topic | null
  key: string | null
}

interface Options {
  /** Told of the first of several failures. */
  warn?: (error: unknown, message: string) => void
  /** How long a change is there to be read; who looks less often begins anew. The same for all replicas. */
  pruneMs?: number
}

interface Listener {
  changed(change: Change): void
  reset(): void
}

/**
 * Looks at the table of changes four times a second, over a connection of its own: behind one that breaks there may be
 * another server, or one that crashed, so all is lost then. NOTIFY would tell sooner, but makes all commits of a database
 * take turns.
 */
export function openChangeFeed(url: string, { warn = () => {}, pruneMs = 60_000 }: Options = {}): ChangeFeed {
  const listeners: Listener[] = []
  let connection: DedicatedConnection | undefined
  let position: Pick<Row, 'snapshot' | 'server'> | undefined
  /** When the last look began that was answered, in ms of performance.now(). */
  let currentSince = Number.NEGATIVE_INFINITY
  let pruned: { at: number; snapshot: string } | undefined
  let closed = false
  let failing = false

  async function start(): Promise<void> {
    const began = performance.now()
    connection = await openConnection(url, {
      statementTimeoutMs: currentMs,
      queryTimeoutMs: currentMs,
      name: 'kinoteka-changes',
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
    // Who was held up for so long can't tell what has been pruned meanwhile.
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

  /** A look that begins after the call; many callers share one. */
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
    // Where nothing has been seen there is nothing to be behind: what is read from now on is told of from the start.
    waitUntilCaughtUp: () => (position && !closed ? pollAfterThis() : Promise.resolve()),
    close() {
      closed = true
      clearTimeout(timer)
      connection?.close()
    },
  }
}
