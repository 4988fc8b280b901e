import { Socket } from 'node:net'
import pg from 'pg'
import type { Address } from './address.ts'
import { counted } from './open-connections.ts'
import { afterOwnTime, silence, withinOwnTime } from './own-time.ts'
import { connectionLost } from './tracked-sql.ts'

/** What a server says it is. `system` and `timeline` are unknown where we may not ask for them. */
export interface Identity {
  isStandby: boolean
  /** The same for a primary and all its standbys. */
  system?: string
  /** Of a primary: one more after each promotion. */
  timeline?: number
}

/** `silent`: no reply in time; `gone`: it takes no connections; `busy`: it replied, but not to this. */
export type Reply = { state: 'known'; identity: Identity } | { state: 'silent' | 'gone' | 'busy'; error: Error }

// The timeline of pg_control_checkpoint() may be that of before a promotion.
const fullQuery = `select pg_is_in_recovery() as standby, (select system_identifier::text from pg_control_system()) as system,
  case when pg_is_in_recovery() then null else pg_walfile_name(pg_current_wal_lsn()) end as wal`
const plainQuery = 'select pg_is_in_recovery() as standby'

export function readIdentity(row: Record<string, unknown>): Identity {
  const { standby, system, wal } = row
  return {
    isStandby: standby === true,
    ...(typeof system === 'string' && { system }),
    ...(typeof wal === 'string' && { timeline: Number.parseInt(wal.slice(0, 8), 16) }),
  }
}

/** Asks one server what it is, over a connection of its own, which stays open while it replies. */
export function createInquirer(address: Address) {
  let client: pg.Client | undefined
  let query = fullQuery
  let closed = false

  function drop(): void {
    if (client) dropClient(client)
    client = undefined
  }

  async function run(): Promise<Identity> {
    const at =
      client ??
      (await openClient(address, { application_name: 'kinoteka-probe', stream: () => counted(new Socket(), 'probe') }))
    client = at
    if (closed) drop()
    const rowsOf = async () => (await at.query(query)).rows
    const rows = await rowsOf().catch((error) => {
      if (query === plainQuery || !isForbidden(error)) throw error
      query = plainQuery
      return rowsOf()
    })
    return readIdentity(rows[0])
  }

  async function inquire(limitMs: number): Promise<Reply> {
    const work = run().then(
      (identity): Reply => ({ state: 'known', identity }),
      (error): Reply => ({ state: stateOf(error), error }),
    )
    const reply = (await withinOwnTime(work, limitMs)) ?? { state: 'silent', error: silence() }
    if (reply.state !== 'known') drop()
    return reply
  }

  return {
    /** What a new connection is asked. */
    query: () => query,
    /** Never rejects. One question at a time. */
    ask: inquire,
    /** The connection is closed; the next question opens another. */
    rest: drop,
    close() {
      closed = true
      drop()
    },
  }
}

/** A client that is logged in, within `limitMs` of own time. */
export async function openClient(address: Address, options: pg.ClientConfig, limitMs = 5_000): Promise<pg.Client> {
  const { isSslOptional, ...server } = address
  const client = new pg.Client({ ...server, ...options })
  // Each query rejects on a lost connection too; without a listener the process would end.
  client.on('error', () => {})
  const stop = afterOwnTime(limitMs, () => destroyStream(client, silence()))
  try {
    await client.connect()
    return client
  } catch (error) {
    dropClient(client)
    const isWithoutSsl = isSslOptional && (error as Error).message.includes('does not support SSL')
    if (isWithoutSsl) return await openClient({ ...server, ssl: false }, options, limitMs)
    // pg's own errors of a connection have no code.
    throw 'code' in (error as Error) ? error : connectionLost((error as Error).message, error)
  } finally {
    stop()
  }
}

/** Whatever it does. */
export function dropClient(client: pg.Client): void {
  client.end().catch(() => {})
  destroyStream(client)
}

function destroyStream(client: pg.Client, error?: Error): void {
  const { stream } = (client as unknown as { connection: { stream: { destroy(error?: Error): void } } }).connection
  stream.destroy(error)
}

/** A server that starts or stops is as good as none. */
function stateOf({ code = '', severity }: Error & { code?: string; severity?: string }): 'gone' | 'busy' {
  return severity !== undefined && !code.startsWith('57P') ? 'busy' : 'gone'
}

/** Of a server that does not let us ask for its cluster, or does not know such functions. */
function isForbidden({ code = '' }: { code?: string }): boolean {
  return ['42501', '42883', '0A000'].includes(code)
}
