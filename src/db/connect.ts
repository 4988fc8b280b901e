import { setTimeout as sleep } from 'node:timers/promises'
import type { PgTransaction } from 'drizzle-orm/pg-core'
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { isSocket, partsOf } from './pool/address.ts'
import { arrayTypes } from './pool/array-types.ts'
import { requireRepair } from './pool/repair-check.ts'
import { createSockets } from './pool/sockets.ts'
import { connectionLost, createTrackedSql } from './pool/tracked-sql.ts'

/** What a repository is built over: the pool, or a transaction on it. */
export type Db = PostgresJsDatabase | PgTransaction<PostgresJsQueryResultHKT>

export interface Database {
  db: PostgresJsDatabase
  sql: postgres.Sql
  /** Connections at work and idle, and queries and transactions that wait for one. */
  stats(): { active: number; idle: number; waiting: number }
  close(): Promise<void>
}

interface Options {
  max?: number
  /** Called with the duration of each statement, the wait for a connection included. */
  onQuery?: (seconds: number) => void
  /**
   * When a query without a reply is abandoned, though others get theirs: its connection must be dead. 20 s, above
   * statement_timeout.
   */
  deadlineMs?: number
  /** Called when the database stops responding, and when it responds again. */
  onOutage?: (down: boolean) => void
  /** Takes a standby too: whoever uses it checks what it has. */
  anyServer?: boolean
}

const maxWaiting = 1_000
const checkMs = 250
/** After this time a query without a reply is a reason to check whether the database responds at all. */
const suspectAfterMs = 750
const probeMs = 1_250

/**
 * A pool on `url` (postgres://…; several hosts: the primary is found; `?host=/dir` is a Unix socket, as in libpq).
 * Connections are made when first needed. When the database stops responding, running queries fail within some 2 s and
 * new ones at once, until it responds again: by itself the driver would wait for a frozen server for ever.
 */
export function connect(url: string, options: Options = {}): Database {
  const { max = 10, onQuery, onOutage, deadlineMs = 20_000, anyServer } = options
  requireRepair()
  let pool = openPool(url, max, anyServer)
  let isDown = false
  const queries = createTrackedSql({
    refusal: () => {
      if (isDown) return connectionLost('The database does not answer')
      return queries.count() >= maxWaiting ? connectionLost('Too many queries wait for the database') : undefined
    },
    onQuery,
  })
  const probe = createProbe(url, anyServer)

  /** The pool is replaced, as the driver cannot drop one connection. */
  function replacePool(seconds: number): void {
    const old = pool
    pool = openPool(url, max, anyServer)
    old.close(seconds).catch(() => {})
  }

  function setDown(down: boolean): void {
    if (down !== isDown) onOutage?.(down)
    isDown = down
  }

  async function check(): Promise<void> {
    if (!isDown && queries.oldestMs() < suspectAfterMs) return
    const before = queries.answered()
    // A database that finishes other queries is only slow: the running ones must not be lost.
    const isAlive = (await probe.isAlive()) || queries.answered() > before
    if (closed) return
    if (!isAlive) {
      if (!isDown) replacePool(0)
      setDown(true)
      return queries.abandon(connectionLost('The database has stopped answering'))
    }
    setDown(false)
    if (queries.oldestMs() < deadlineMs) return
    replacePool(15)
    queries.abandon(connectionLost('The connection to the database is dead'), deadlineMs)
  }

  let checking = false
  let closed = false
  const timer = setInterval(async () => {
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
    stats() {
      const { active, waiting } = queries.stats()
      return { active, idle: Math.max(0, pool.count() - active), waiting }
    },
    async close() {
      closed = true
      clearInterval(timer)
      // After an outage the driver waits the whole time for connections that are gone.
      await Promise.all([pool.close(1), probe.close()])
    },
  }
}

function openPool(url: string, max: number, anyServer = false) {
  const { servers, database, user, password, parameters } = partsOf(url)
  const sockets = createSockets(servers, max)
  // By itself the driver reads of a URL neither sockets nor what is encoded in a database's name.
  const sql = postgres(`postgres:///?${parameters}`, {
    database,
    ...(user && { user }),
    ...(password && { password }),
    max,
    connect_timeout: 5,
    backoff: () => 0.2,
    onnotice: () => {},
    fetch_types: false,
    // Without the cast the type of everything built over it would name them.
    ...({ types: arrayTypes } as object),
    // In the driver's types there is one host, also for `socket`.
    ...({ host: servers.map(({ host }) => host), port: servers.map(({ port }) => port) } as object),
    ...({ socket: sockets.open } as object),
    // 'read-write' picks a standby on PostgreSQL >= 14 (porsager/postgres#815).
    ...(anyServer || servers.every(isSocket) ? {} : { target_session_attrs: 'primary' as const }),
    connection: {
      application_name: 'kinoteka',
      statement_timeout: 15_000,
      lock_timeout: 5_000,
      idle_in_transaction_session_timeout: 15_000,
    },
  })
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

/** Probes the database over a connection of its own, which stays open while it responds. */
function createProbe(url: string, anyServer?: boolean) {
  let pool: ReturnType<typeof openPool> | undefined
  const close = async () => {
    const old = pool
    pool = undefined
    await old?.close(0)
  }
  return {
    close,
    async isAlive(): Promise<boolean> {
      pool ??= openPool(url, 1, anyServer)
      const reply = pool.sql`select 1`.then(
        () => true,
        // It may be full, or refuse us, but it responds; unless it starts or stops.
        ({ name, code = '' }: Error & { code?: string }) => name === 'PostgresError' && !code.startsWith('57P'),
      )
      // The second wait lets in a reply that came while our own event loop was blocked.
      const late = sleep(probeMs).then(() => sleep(20, false))
      const alive = await Promise.race([reply, late])
      if (!alive) await close()
      return alive
    },
  }
}
