import type { Readable, Writable } from 'node:stream'
import type pg from 'pg'
import { from } from 'pg-copy-streams'
import type { Address } from '../pool/address.ts'
import { dropClient, openClient } from '../pool/identity.ts'
import { silence, withinOwnTime } from '../pool/own-time.ts'
import { type Servers, useServers } from '../pool/servers.ts'
import { connectionLost } from '../pool/tracked-sql.ts'
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
}

/** A connection to the primary of `url` that the pool uses too; dropped when the pool moves to another one. */
export async function openConnection(url: string, options: ConnectionOptions): Promise<DedicatedConnection> {
  const { servers, release } = useServers(url)
  try {
    const address = await servers.primary()
    const connection = await open(address, options, servers)
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

async function open(address: Address, options: ConnectionOptions, servers: Servers): Promise<DedicatedConnection> {
  const client = await openClient(address, {
    stream: () => new LendingSocket(),
    application_name: options.name ?? 'kinoteka-csv',
    statement_timeout: options.statementTimeoutMs,
    lock_timeout: 5_000,
    idle_in_transaction_session_timeout: 15_000,
  }).catch((error) => {
    throw markQuery(error, 'connect')
  })
  const run = async (text: string, values: unknown[] = []) => {
    try {
      return (await unlessSilent(client, client.query(text, values), options.queryTimeoutMs)).rows
    } catch (error) {
      throw markQuery(error, text)
    }
  }
  try {
    if (!servers.inspection.accepts(await run(servers.inspection.query))) {
      throw connectionLost(`${address.host} is not the primary`)
    }
    // Not every operating system supports it.
    await run(`set client_connection_check_interval = '1s'`).catch(() => {})
  } catch (error) {
    dropClient(client)
    throw error
  }
  return {
    query: (text, values) => run(text, values) as Promise<never[]>,
    copyOut: (text, onBlock) => marked(copyOut(client, text, onBlock), text),
    copyIn: (text) => marked(client.query(from(text)), text),
    close: () => dropClient(client),
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
