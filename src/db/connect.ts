import type { PgTransaction } from 'drizzle-orm/pg-core'
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'

/** What a repository is built over: the pool, or a transaction on it. */
export type Db = PostgresJsDatabase | PgTransaction<PostgresJsQueryResultHKT>

export interface Database {
  db: PostgresJsDatabase
  sql: postgres.Sql
  close(): Promise<void>
}

/**
 * A pool on `url` (postgres://…; several hosts: the primary is found; `?host=/dir` is a Unix socket, as in libpq).
 * Connections are made when first needed.
 */
export function connect(url: string, options: { max?: number } = {}): Database {
  const { address, socket } = splitSocket(url)
  const sql = postgres(address, {
    max: options.max ?? 10,
    connect_timeout: 5,
    backoff: () => 0.2,
    onnotice: () => {},
    ...socket,
    // 'read-write' picks a standby on PostgreSQL >= 14 (porsager/postgres#815).
    ...(socket ? {} : { target_session_attrs: 'primary' as const }),
    connection: {
      application_name: 'kinoteka',
      statement_timeout: 15_000,
      lock_timeout: 5_000,
      idle_in_transaction_session_timeout: 15_000,
    },
  })
  return {
    db: drizzle(sql),
    sql, // After an outage the driver waits the whole time for connections that are gone.
    close: () => sql.end({ timeout: 1 }),
  }
}

function splitSocket(url: string): { address: string; socket?: { host: string; port: number } } {
  const parsed = URL.parse(url)
  const host = parsed?.searchParams.get('host')
  if (!parsed || !host?.startsWith('/')) return { address: url }
  parsed.searchParams.delete('host')
  return { address: parsed.href, socket: { host, port: Number(parsed.port || 5432) } }
}
