import type { Readable, Writable } from 'node:stream'
import pg from 'pg'
import { from } from 'pg-copy-streams'
import { type Address, readAddresses } from '../pool/address.ts'
import { copyOut, LendingSocket } from './copy-out.ts'

/**
 * A connection outside of the pool: for COPY, which would block other users of the connection, and for temporary tables
 * and locks that live as long as the connection.
 */
export interface DedicatedConnection {
  /** Rows of one statement. Errors of the server carry `code` and `constraint`. */
  query<T extends object>(text: string, values?: unknown[]): Promise<T[]>
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
  /** Its application_name; kinoteka-csv if absent. */
  name?: string
  /** Takes a standby too. */
  anyServer?: boolean
}

/** A connection to the primary of `url`: the first of its hosts that takes writes. */
export async function openConnection(url: string, options: ConnectionOptions): Promise<DedicatedConnection> {
  const failures: unknown[] = []
  for (const address of readAddresses(url)) {
    try {
      return await open(address, options)
    } catch (error) {
      failures.push(error)
    }
  }
  throw failures[0]
}

async function open(address: Address, options: ConnectionOptions): Promise<DedicatedConnection> {
  const client = new pg.Client({
    ...address,
    stream: () => new LendingSocket(),
    application_name: options.name ?? 'kinoteka-csv',
    connectionTimeoutMillis: 5_000,
    statement_timeout: options.statementTimeoutMs,
    ...(options.queryTimeoutMs && { query_timeout: options.queryTimeoutMs }),
    lock_timeout: 5_000,
    idle_in_transaction_session_timeout: 15_000,
  })
  // Each query rejects on a lost connection too; without a listener the process would end.
  client.on('error', () => {})
  const run = async (text: string, values: unknown[] = []) => {
    try {
      return (await client.query(text, values)).rows
    } catch (error) {
      throw markQuery(error, text)
    }
  }
  try {
    await client.connect().catch((error) => {
      throw markQuery(error, 'connect')
    })
    const [row] = await run('select pg_is_in_recovery() as standby')
    const isRefused = row.standby && !options.anyServer
    if (isRefused) throw markQuery(Object.assign(new Error('The server is a standby'), { code: '25006' }), 'connect')
    // Not every operating system supports it.
    await run(`set client_connection_check_interval = '1s'`).catch(() => {})
  } catch (error) {
    drop(client)
    throw error
  }
  return {
    query: (text, values) => run(text, values) as Promise<never[]>,
    copyOut: (text, onBlock) => marked(copyOut(client, text, onBlock), text),
    copyIn: (text) => marked(client.query(from(text)), text),
    close: () => drop(client),
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

function drop(client: pg.Client): void {
  client.end().catch(() => {})
  const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } }).connection
  stream.destroy()
}
