import type { Readable, Writable } from 'node:stream'
import type pg from 'pg'
import { from } from 'pg-copy-streams'
import { type Address, type DatabaseUrl, partsOf } from '../pool/address.ts'
import { dropClient, openClient } from '../pool/identity.ts'
import { counted, type Use } from '../pool/open-connections.ts'
import { silence, withinOwnTime } from '../pool/own-time.ts'
import { type Servers, useServer, useServers } from '../pool/servers.ts'
import { connectionLost } from '../pool/tracked-sql.ts'
import { copyOut, LendingSocket } from './copy-out.ts'

/**
 * A connection outside of the pool: for COPY, which would block other users of the connection, and for temporary tables
 * and locks that live as long as the connection.
 */
export interface DedicatedConnection {
  /** False behind a pooler in transaction mode: what outlives a transaction (a lock, a table) is somebody else's there. */
  ownsSession: boolean
  /** Whether statements may have names. */
  prepares: boolean
  /** The server's process, as it was named at the start: behind a pooler not that of pg_backend_pid(). */
  processId: number
  /** Rows of one statement. Errors of the server carry `code` and `constraint`. `name`: of a prepared statement. */
  query<T extends object>(text: string, values?: unknown[], name?: string | undefined): Promise<T[]>
  /** Begins a transaction, behind a pooler with the limits that the connection has elsewhere. */
  begin(mode?: string): Promise<void>
  /** @throws also when the server rolls back what it was told to commit */
  commit(): Promise<void>
  /**
   * `COPY … TO STDOUT (format csv)` with CR LF, in blocks; `onBlock` is called for each. The server is read no faster
   * than the stream.
   */
  copyOut(text: string, onBlock?: () => void): Readable
  /** `COPY … FROM STDIN`. */
  copyIn(text: string): Writable
  /** Drops the connection, whatever it does: the server rolls back and releases its locks within a second. */
  close(): void
}

interface ConnectionOptions {
  statementTimeoutMs: number
  /** After this time a statement without a reply fails, also when the server is silent; never if absent. */
  queryTimeoutMs?: number
  /** What it is for, which its application_name tells: kinoteka-csv if absent. */
  use?: Exclude<Use, 'pool' | 'probe'>
  /** As in libpq: settings for the server at the start. */
  options?: string
  /** Takes a standby too. */
  anyServer?: boolean
}

/** A connection to the primary of `url` that the pool uses too; dropped when the pool moves to another one. */
export async function openConnection(url: string, options: ConnectionOptions): Promise<DedicatedConnection> {
  const { servers, release } = options.anyServer ? useServer(url) : useServers(url)
  try {
    const address = await servers.primary()
    const connection = await open(address, options, servers, partsOf(url))
    const unsubscribe = servers.onMove(connection.close)
    return {
      ...connection,
      close() {
        unsubscribe()
        release()
        connection.close()
      },
    }
  } catch (error) {
    release()
    throw error
  }
}

async function open(
  address: Address,
  options: ConnectionOptions,
  servers: Servers,
  { pooler, prepares }: Pick<DatabaseUrl, 'pooler' | 'prepares'>,
): Promise<DedicatedConnection> {
  const { use = 'csv', queryTimeoutMs } = options
  const limits = limitsOf(options)
  const client = await openClient(address, {
    stream: () => counted(new LendingSocket(), use),
    application_name: `kinoteka-${use}`,
    ...(options.options && { options: options.options }),
    // PgBouncer refuses them here, or drops them.
    ...(pooler ? {} : limits),
  }).catch((error) => {
    throw markQuery(error, 'connect')
  })
  const send = async (text: string, values: unknown[] = [], name?: string | undefined) => {
    try {
      return await unlessSilent(client, client.query({ text, values, ...(name && { name }) }), queryTimeoutMs)
    } catch (error) {
      throw markQuery(error, text)
    }
  }
  const run = async (...args: Parameters<typeof send>) => (await send(...args)).rows
  try {
    if (!servers.inspection.accepts(await run(servers.inspection.query))) {
      throw connectionLost(`${address.host} is not the primary`)
    }
    // Not every operating system supports it.
    if (!pooler) await run(`set client_connection_check_interval = '1s'`).catch(() => {})
  } catch (error) {
    dropClient(client)
    throw error
  }
  return {
    ownsSession: pooler !== 'transaction',
    prepares,
    processId: (client as unknown as { processID: number }).processID,
    query: (text, values, name) => run(text, values, name) as Promise<never[]>,
    async begin(mode = '') {
      const settings = Object.entries(pooler ? limits : {}).map(([name, ms]) => `; set local ${name} = ${ms}`)
      await send(`begin ${mode}${settings.join('')}`)
    },
    async commit() {
      const { command } = await send('commit')
      if (command !== 'COMMIT')
        throw markQuery(Object.assign(new Error('It was rolled back'), { code: '40000' }), 'commit')
    },
    copyOut: (text, onBlock) => marked(copyOut(client, text, onBlock), text),
    copyIn: (text) => marked(client.query(from(text)), text),
    close: () => dropClient(client),
  }
}

function limitsOf({ statementTimeoutMs }: ConnectionOptions) {
  return {
    statement_timeout: statementTimeoutMs,
    lock_timeout: 5_000,
    idle_in_transaction_session_timeout: 15_000,
  }
}

/** As postgres.js does: the member `query` marks an error as the database's for db/errors.ts. */
function markQuery(error: unknown, query: string): unknown {
  return error instanceof Error ? Object.assign(error, { query }) : error
}

function marked<T extends Readable | Writable>(stream: T, text: string): T {
  stream.prependListener('error', (error) => markQuery(error, text))
  return stream
}

/** A query without a reply for so long has lost its connection. */
async function unlessSilent<T>(client: pg.Client, query: Promise<T>, limitMs: number | undefined): Promise<T> {
  if (!limitMs) return query
  const outcome = await withinOwnTime(
    query.then((result) => ({ result })),
    limitMs,
  )
  if (outcome) return outcome.result
  dropClient(client)
  throw silence()
}
