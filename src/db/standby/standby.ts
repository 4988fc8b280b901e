import { setTimeout as sleep } from 'node:timers/promises'
import type postgres from 'postgres'
import { connect, type Database } from '../connect.ts'
import { partsOf } from '../pool/address.ts'

/** What a standby must have replayed so that it may be read. */
export interface ReplayTarget {
  /** Of the primary's timeline: only its standbys have it. */
  mark: string
  /** A position in the primary's write-ahead log. */
  position: bigint
}

/** What a server says of itself. */
export interface ServerState {
  isStandby: boolean
  /** Up to where it has replayed the primary's log. */
  position: bigint
  /** It has the mark of the primary's timeline. */
  isRelated: boolean
}

/** How a server was when it was last looked at: `primary` is one that is no standby any more, or never was. */
export type Condition = 'fit' | 'lagging' | 'unrelated' | 'primary' | 'away'

export interface Standby {
  /** `host:port`. */
  name: string
  url: string
  sql: Database['sql']
  condition(): Condition
  /** How much it has replayed; undefined while it is away. */
  position(): bigint | undefined
  /** Calls `use` when it is found to be away, unless the returned function is called before. */
  onAway(use: () => void): () => void
  close(): Promise<void>
}

interface Options {
  max: number
  /** The last known mark of the primary's timeline. */
  mark(): string | undefined
  /** Whether it is within the bound at this position. */
  isNear(position: bigint): boolean
  onChange(name: string, condition: Condition): void
}

const everyMs = 250
/** Without a reply for so long it is away: to read from the primary costs little. */
const patienceMs = 1_000

export const stateQuery = `
  select pg_is_in_recovery() as "isStandby", coalesce(pg_last_wal_replay_lsn(), '0/0')::text as position,
    exists (select from timelines where mark = $1::uuid) as "isRelated"`

/** One server of DATABASE_READ_URL: a pool, and a connection by which it is looked at four times a second. */
export function openStandby(url: string, { max, mark, isNear, onChange }: Options): Standby {
  const pool = connect(url, { max, anyServer: true })
  // Of its own: in the pool the look would wait behind long queries.
  const watch = connect(url, { max: 1, anyServer: true })
  const [{ host, port } = { host: '', port: 0 }] = partsOf(url).servers
  const name = `${host}:${port}`
  const closing = new AbortController()
  let condition: Condition | undefined
  let position: bigint | undefined
  const awayListeners = new Set<() => void>()

  async function look(): Promise<Condition> {
    const state = await Promise.race([readState(watch.sql, mark()), sleep(patienceMs, undefined, { ref: false })])
    position = state?.position
    if (!state) return 'away'
    if (!state.isRelated) return 'unrelated'
    if (!state.isStandby) return 'primary'
    return isNear(state.position) ? 'fit' : 'lagging'
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      const found = await look().catch((): Condition => 'away')
      if (found === 'away') for (const each of awayListeners) each()
      if (found !== condition && !closing.signal.aborted) onChange(name, found)
      condition = found
      await sleep(everyMs, undefined, { ref: false, signal: closing.signal }).catch(() => {})
    }
  }
  void run()

  return {
    ...{ name, url, sql: pool.sql },
    condition: () => condition ?? 'away',
    position: () => position,
    onAway(use) {
      awayListeners.add(use)
      return () => awayListeners.delete(use)
    },
    async close() {
      closing.abort()
      await Promise.all([pool.close(), watch.close()])
    },
  }
}

/** Asked on the connection that is then read from: behind one address there may be many servers. */
export async function readState(sql: postgres.ISql, mark: string | undefined): Promise<ServerState> {
  const [row] = await sql.unsafe<{ isStandby: boolean; position: string; isRelated: boolean }[]>(
    stateQuery,
    [mark ?? null],
    { prepare: true },
  )
  return toState(row)
}

export function toState(row: { isStandby: boolean; position: string; isRelated: boolean } | undefined): ServerState {
  if (!row) throw new Error('The server says nothing of itself')
  return { ...row, position: readPosition(row.position) }
}

/** `16/B374D848`, two halves of 32 bits, as a number. */
export function readPosition(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`)
}
