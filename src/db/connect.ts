import type { PgTransaction } from 'drizzle-orm/pg-core'
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { partsOf } from './pool/address.ts'
import { arrayTypes } from './pool/array-types.ts'
import { createOwnClock } from './pool/own-time.ts'
import { notRepaired, requireRepair } from './pool/repair-check.ts'
import { type Servers, useServer, useServers } from './pool/servers.ts'
import { createSockets } from './pool/sockets.ts'
import { connectionLost, createTrackedSql } from './pool/tracked-sql.ts'

/** What a repository is built over: the pool, or a transaction on it. */
export type Db = PostgresJsDatabase | PgTransaction<PostgresJsQueryResultHKT>

export interface Database {
  db: PostgresJsDatabase
  sql: postgres.Sql
  /** False behind a pooler in transaction mode: what outlives a transaction, such as LISTEN, is somebody else's there. */
  ownsSessions: boolean
  /** Connections at work and idle, and queries and transactions that wait for one. */
  stats(): { active: number; idle: number; waiting: number }
  /** The servers of the URL, and what each is used as. */
  servers: Servers['states']
  close(): Promise<void>
}

interface Options {
  /** Connections; 10 if absent. */
  max?: number | undefined
  /** Called with the duration of each statement, the wait for a connection included. */
  onQuery?: (seconds: number) => void
  /**
   * When a query without a reply is abandoned, though others get theirs: its connection must be dead. 20 s, above
   * statement_timeout.
   */
  deadlineMs?: number
  /** Called when the database stops responding, with what it said last, and when it responds again. */
  onOutage?: (down: boolean, reason?: string) => void
  /** Called once for each server that would take writes and must not, with the reason. */
  onRefusal?: (message: string) => void
  /** Takes a standby too: whoever uses it checks what it has. */
  anyServer?: boolean
}

const limits = { statement_timeout: 15_000, lock_timeout: 5_000, idle_in_transaction_session_timeout: 15_000 }
const maxWaiting = 1_000
const checkMs = 250
/** After this time a query without a reply is a reason to check whether the database responds at all. */
const suspectAfterMs = 750

/**
 * A pool on `url` (postgres://…; several hosts: the primary is found; `?host=/dir` is a Unix socket, as in libpq).
 * Connections are made when first needed. When the database stops responding, running queries fail within some 2 s and
 * new ones at once, until it responds again: by itself the driver would wait for a frozen server for ever.
 */
export function connect(url: string, options: Options = {}): Database {
  const { max = 10, onQuery, onOutage, onRefusal, deadlineMs = 20_000, anyServer } = options
  requireRepair()
  const { servers, release } = anyServer ? useServer(url) : useServers(url)
  const clock = createOwnClock(checkMs)
  let pool = openPool(url, servers, max)
  let isDown = false
  const { pooler } = partsOf(url)
  const queries = createTrackedSql({
    ...(pooler && { onBegin: setLimits }),
    refusal: () => {
      if (isDown) return connectionLost('The database does not answer')
      return queries.count() >= maxWaiting ? connectionLost('Too many queries wait for the database') : undefined
    },
    onQuery,
    now: clock.now,
  })

  /** The pool is replaced, as the driver cannot drop one connection. */
  function replacePool(seconds: number): void {
    const old = pool
    pool = openPool(url, servers, max)
    old.close(seconds).catch(() => {})
  }

  const unsubscribe = [
    servers.onMove(() => {
      replacePool(0)
      queries.abandon(connectionLost('Another server has become the primary'))
    }),
    servers.onRefusal((message) => onRefusal?.(message)),
  ]

  function setDown(down: boolean, reason?: string): void {
    if (down !== isDown) onOutage?.(down, reason)
    isDown = down
  }

  async function check(): Promise<void> {
    if (!isDown && queries.oldestMs() < suspectAfterMs) return
    const before = queries.answered()
    const fault = await servers.fault()
    // A database that finishes other queries is only slow: the running ones must not be lost.
    const isAlive = !fault || queries.answered() > before
    if (closed) return
    if (!isAlive) {
      if (!isDown) replacePool(0)
      setDown(true, fault.message)
      return queries.abandon(connectionLost(`The database has stopped answering: ${fault.message}`))
    }
    setDown(false)
    if (queries.oldestMs() < deadlineMs) return
    replacePool(15)
    queries.abandon(connectionLost('The connection to the database is dead'), deadlineMs)
  }

  let checking = false
  let closed = false
  const timer = setInterval(async () => {
    clock.tick()
    if (checking) return
    checking = true
    await check().finally(() => {
      checking = false
    })
  }, checkMs).unref()

  const sql = queries.facade(() => pool.sql)
  return {
    db: drizzle(sql),
    sql,
    ownsSessions: pooler !== 'transaction',
    stats() {
      const { active, waiting } = queries.stats()
      return { active, idle: Math.max(0, pool.count() - active), waiting }
    },
    servers: servers.states,
    async close() {
      closed = true
      clearInterval(timer)
      for (const each of unsubscribe) each()
      // After an outage the driver waits the whole time for connections that are gone.
      await pool.close(1)
      release()
    },
  }
}

function openPool(url: string, servers: Servers, max: number) {
  const { servers: hosts, database, user, password, parameters, pooler, prepares } = partsOf(url)
  const sockets = createSockets(servers.primary, max)
  // By itself the driver reads of a URL neither sockets nor what is encoded in a database's name.
  const sql = postgres(`postgres:///?${parameters}`, {
    database,
    ...(user && { user }),
    ...(password && { password }),
    max,
    prepare: prepares,
    // The sockets have one that our own event loop cannot use up.
    connect_timeout: 0,
    backoff: () => 0.2,
    onnotice: () => {},
    fetch_types: false,
    // Without the cast the type of everything built over it would name them.
    ...({ types: arrayTypes } as object),
    // For messages: where a connection goes is decided by `socket`, and `inspect` (patches/postgres.diff) asks whether it
    // has got to a server that may be written to.
    ...({ host: [hosts[0]?.host], port: [hosts[0]?.port] } as object),
    ...({ socket: sockets.open, inspect: servers.inspection } as object),
    // PgBouncer refuses limits at the start of a connection, or drops them.
    connection: { application_name: 'kinoteka', ...(pooler ? {} : limits) },
  })
  if (!('inspect' in sql.options)) throw new Error(notRepaired)
  drizzle(sql) // sets how it reads times
  return {
    sql,
    count: sockets.count,
    async close(seconds: number) {
      await sql.end({ timeout: seconds })
      sockets.close()
    },
  }
}

/** Behind a pooler, sent in one piece with BEGIN and not waited for; if it fails, so does the transaction. */
function setLimits(tx: Pick<postgres.Sql, 'unsafe'>): void {
  const settings = Object.entries(limits).map(([name, ms]) => `set local ${name} = ${ms}`)
  tx.unsafe(settings.join('; ')).catch(() => {})
}
