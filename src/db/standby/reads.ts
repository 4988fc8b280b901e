import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { urlsOfHosts } from '../../text/postgres-url.ts'
import type { Database } from '../connect.ts'
import { type DedicatedConnection, openConnection } from '../copy/connection.ts'
import { driverError, isUnavailable } from '../errors.ts'
import { createFacade, type Scope } from './facade.ts'
import {
  type Condition,
  openStandby,
  type ReplayTarget,
  readState,
  type ServerState,
  type Standby,
  stateQuery,
  toState,
} from './standby.ts'

/** Where a read was made: `alone` and `cautious` at a standby because the primary is away. */
export type ReadSource = 'standby' | 'primary' | 'alone' | 'cautious'

export type ConnectionOptions = Omit<Parameters<typeof openConnection>[1], 'anyServer'>

/** What reads that may lag are made over: the standbys, or else the primary. */
export interface Reads {
  db: PostgresJsDatabase
  sql: Database['sql']
  /** A connection of its own, for one read. */
  connect(options: ConnectionOptions): Promise<DedicatedConnection>
  /** The primary; while it is away, a standby that has all that this process knows of. */
  cautious: PostgresJsDatabase
  standbys: Pick<Standby, 'name' | 'condition' | 'position'>[]
  /** Whether what may lag can be read while the primary is away. */
  isServing(): boolean
  close(): Promise<void>
}

interface Options {
  primaryUrl: string
  /** Undefined while no standby may be read as if it were the primary. */
  target(): ReplayTarget | undefined
  /** The last known one, also while the primary is away. */
  lastTarget(): ReplayTarget | undefined
  /** Asked when the primary could not be read. */
  isPrimaryAway(): Promise<boolean>
  onRead(source: ReadSource): void
}

interface Opening extends Options {
  /** Whether a standby at this position is within the bound. */
  isNear(position: bigint): boolean
  onChange(name: string, condition: Condition): void
}

/** Connections to all standbys together; and one to each, by which it is watched. */
const maxConnections = 10

type Fits = (state: ServerState) => boolean

/** Without standbys: all is read from the primary. */
export function readPrimary({ db, sql }: Database, url: string): Reads {
  const connect = (options: ConnectionOptions) => openConnection(url, options)
  return { db, sql, connect, cautious: db, standbys: [], isServing: () => false, close: async () => {} }
}

/** Reads at the servers of `url`. */
export function openReads(url: string, primary: Database, { onChange, isNear, ...options }: Opening): Reads {
  const urls = urlsOfHosts(url)
  const watched = { mark: () => options.lastTarget()?.mark, isNear, onChange }
  const max = Math.ceil(maxConnections / urls.length)
  return createReads(
    urls.map((each) => openStandby(each, { max, ...watched })),
    primary,
    options,
  )
}

/**
 * Reads from a standby that is as far as the target when it is read; else from the primary; and when that is away, from
 * any standby of it, whatever it lacks. Each read is a transaction that begins with the question how far the server is:
 * behind one address there may be several.
 */
export function createReads(standbys: Standby[], primary: Pick<Database, 'sql'>, options: Options): Reads {
  const { primaryUrl, target, lastTarget, isPrimaryAway, onRead } = options
  let turn = 0

  function standbysInTurn(isGood: (standby: Standby) => boolean): Standby[] {
    turn++
    return standbys.map((_, i) => standbys[(turn + i) % standbys.length] as Standby).filter(isGood)
  }

  /** `attempt` at a standby that is fit, or else `otherwise` at the primary; while that is away, at any. */
  async function choose<T>(
    attempt: (standby: Standby, fits: Fits) => Promise<{ value: T } | undefined>,
    otherwise: () => PromiseLike<T>,
  ): Promise<T> {
    const wanted = target()
    // One is enough: where it is not far enough, the primary is.
    const near = wanted ? standbysInTurn(isNear).slice(0, 1) : []
    const read = await firstOf(near, (standby) => attempt(standby, fitsFor(wanted)))
    if (read) {
      onRead('standby')
      return read.value
    }
    try {
      const value = await otherwise()
      onRead('primary')
      return value
    } catch (error) {
      if (!isLost(error) || !(await isPrimaryAway())) throw error
      const there = standbysInTurn(isThere)
      const alone =
        (await firstOf(there, (standby) => attempt(standby, fitsFor(lastTarget())))) ??
        (await firstOf(there, (standby) => attempt(standby, ({ isRelated }) => isRelated)))
      if (!alone) throw error
      onRead('alone')
      return alone.value
    }
  }

  const mark = () => lastTarget()?.mark
  const sql = createFacade(primary.sql, (work) =>
    choose(
      (standby, fits) => readAt(standby, mark(), fits, work),
      () => work(primary.sql as unknown as Scope),
    ),
  )
  const cautiousSql = createFacade(primary.sql, async (work) => {
    try {
      return await work(primary.sql as unknown as Scope)
    } catch (error) {
      if (!isLost(error) || !(await isPrimaryAway())) throw error
      const fits = fitsFor(lastTarget())
      const read = await firstOf(standbysInTurn(isThere), (standby) => readAt(standby, mark(), fits, work))
      if (!read) throw error
      onRead('cautious')
      return read.value
    }
  })
  return {
    db: drizzle(sql),
    sql,
    cautious: drizzle(cautiousSql),
    connect: (options) =>
      choose(
        (standby, fits) => connectTo(standby, mark(), fits, options),
        () => openConnection(primaryUrl, options),
      ),
    standbys,
    isServing: () => standbys.some((standby) => isThere(standby) && standby.condition() !== 'unrelated'),
    async close() {
      await Promise.all(standbys.map((standby) => standby.close()))
    },
  }
}

const isNear = (standby: Standby) => standby.condition() === 'fit'
const isThere = (standby: Standby) => standby.condition() !== 'away'

/** The first result of an attempt at one standby after the other. */
async function firstOf<T>(
  standbys: Standby[],
  attempt: (standby: Standby) => Promise<{ value: T } | undefined>,
): Promise<{ value: T } | undefined> {
  for (const standby of standbys) {
    const result = await attempt(standby)
    if (result) return result
  }
  return undefined
}

function fitsFor(target: ReplayTarget | undefined): Fits {
  return ({ isStandby, isRelated, position }) =>
    target !== undefined && isStandby && isRelated && position >= target.position
}

/** Not reached, rather than refused, or too slow: that is no reason to begin again elsewhere. */
function isLost(error: unknown): boolean {
  return isUnavailable(error) && !['57014', '55P03', '40P01'].includes(driverError(error).code ?? '')
}

class Unfit extends Error {}

/** Undefined where the standby is not fit, or lost on the way. */
async function readAt<T>(
  standby: Standby,
  mark: string | undefined,
  fits: Fits,
  work: (sql: Scope) => PromiseLike<T>,
): Promise<{ value: T } | undefined> {
  let isChecked = false
  const reading = (async () => {
    try {
      const result = await standby.sql.begin('read only', async (tx) => {
        if (!fits(await readState(tx, mark))) throw new Unfit()
        isChecked = true
        return { value: await work(tx as unknown as Scope) }
      })
      return result as { value: T }
    } catch (error) {
      if (!isChecked || isLost(error)) return undefined
      throw error
    }
  })()
  // A silent server is not waited for.
  const silent = Promise.withResolvers<undefined>()
  const stop = standby.onAway(() => isChecked || silent.resolve(undefined))
  return Promise.race([reading, silent.promise]).finally(stop)
}

/** The snapshot of a transaction begins behind this. */
async function connectTo(
  { url }: Standby,
  mark: string | undefined,
  fits: Fits,
  options: ConnectionOptions,
): Promise<{ value: DedicatedConnection } | undefined> {
  const connection = await openConnection(url, { ...options, anyServer: true }).catch(() => undefined)
  const rows = await connection?.query(stateQuery, [mark ?? null]).catch(() => [])
  const [row] = (rows ?? []) as Parameters<typeof toState>[0][]
  if (connection && row && fits(toState(row))) return { value: connection }
  connection?.close()
  return undefined
}
