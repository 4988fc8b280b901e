import { setImmediate as nextTurn } from 'node:timers/promises'
import type postgres from 'postgres'

/** The members of the driver's query that are read and wrapped, which its types do not show. */
interface Query extends Promise<unknown> {
  handler(query: Query): void
  resolve(rows: unknown): void
  reject(error: unknown): void
  /** True while the server works on it. */
  active: boolean
}

interface Work {
  /** By the clock that stops while our own event loop does. */
  began: number
  reject(error: unknown): void
  /** Absent for a transaction that waits for a connection. */
  query?: Query
}

interface Options {
  /** Why no new query is taken now. */
  refusal(): Error | undefined
  /** Called for every statement when it has ended, either way. */
  onQuery?: ((seconds: number) => void) | undefined
  /** Called first in every transaction. */
  onBegin?: (tx: postgres.Sql) => void
  now(): number
}

/** The set of a running query, and why a new one may be refused. */
interface Scope {
  running: Set<Work>
  refusal(): Error | undefined
}

/** The queries and transactions that the driver has not finished. */
export function createTrackedSql({ refusal, onQuery, onBegin, now }: Options) {
  const works = new Set<Work>()
  const inTransactions = new Set<Work>()
  const outside: Scope = { running: works, refusal }
  let transactions = 0
  let answered = 0

  /** A query begins when it is first awaited; until then it may be a part of another one. */
  function track<T>(query: T, { running, refusal }: Scope): T {
    if (!isQuery(query)) return query
    const { handler } = query
    query.handler = () => {
      const fault = refusal()
      if (fault) return query.reject(fault)
      const { resolve, reject } = query
      const work: Work = { began: now(), query, reject }
      const sentAt = performance.now()
      const end = () => {
        if (running.delete(work)) onQuery?.((performance.now() - sentAt) / 1000)
      }
      query.resolve = (rows) => {
        answered++
        end()
        resolve(rows)
      }
      query.reject = work.reject = (error) => {
        end()
        reject(error)
      }
      running.add(work)
      handler(query)
    }
    return query
  }

  /** The `sql` of a transaction with its queries tracked. */
  function trackedScope<T extends object>(sql: T, scope: Scope): T {
    const isOver = () => scope.refusal() !== undefined
    const inScope = (arg: unknown) =>
      typeof arg === 'function' ? (inner: object) => unlessLost(() => arg(trackedScope(inner, scope)), isOver) : arg
    return new Proxy(sql, {
      apply: (target, self, args) => track(Reflect.apply(target as never, self, args), scope),
      get(target, key) {
        const value: unknown = Reflect.get(target, key)
        if (typeof value !== 'function') return value
        if (key === 'unsafe') return (...args: unknown[]) => track(value(...args), scope)
        if (key === 'savepoint') return (...args: unknown[]) => value(...args.map(inScope))
        return value
      },
    })
  }

  async function begin(sql: postgres.Sql, args: unknown[]): Promise<unknown> {
    const fault = refusal()
    if (fault) throw fault
    const { promise, reject } = Promise.withResolvers()
    const work: Work = { began: now(), reject }
    works.add(work)
    let started = false
    let over = false
    const scope = {
      running: inTransactions,
      refusal: () => (over ? connectionLost('The transaction is over') : undefined),
    }
    const run = (fn: (tx: object) => unknown) => async (tx: object) => {
      if (over) return never()
      works.delete(work)
      started = true
      transactions++
      onBegin?.(tx as postgres.Sql)
      return unlessLost(
        () => fn(trackedScope(tx, scope)),
        () => over,
      )
    }
    const scoped = args.map((arg) => (typeof arg === 'function' ? run(arg as never) : arg))
    try {
      return await Promise.race([Reflect.apply(sql.begin, sql, scoped), promise])
    } catch (error) {
      throw isLoss(error) ? connectionLost('The connection to the database was lost', error) : error
    } finally {
      over = true
      works.delete(work)
      if (started) transactions--
    }
  }

  return {
    /** The driver's `sql` of the pool `current()`, which may be replaced. */
    facade(current: () => postgres.Sql): postgres.Sql {
      const target = (() => {}) as unknown as postgres.Sql
      return new Proxy(target, {
        apply: (_target, self, args) => track(Reflect.apply(current(), self, args), outside),
        get(_target, key) {
          const sql = current()
          if (key === 'unsafe') return (...args: Parameters<typeof sql.unsafe>) => track(sql.unsafe(...args), outside)
          if (key === 'reserve') return () => reserve(sql)
          if (key === 'begin') return (...args: unknown[]) => begin(sql, args)
          return Reflect.get(sql, key)
        },
      })
    },
    count: () => works.size,
    /** How many queries have finished so far. */
    answered: () => answered,
    /** Connections at work, and queries that wait for one: not yet sent, or sent behind another query. */
    stats() {
      const served = [...works].filter(({ query }) => query?.active).length
      return { active: served + transactions, waiting: works.size - served }
    },
    /** How long the oldest has been under way. */
    oldestMs() {
      const oldest = [works, inTransactions].map(
        (each) => each.values().next().value?.began ?? Number.POSITIVE_INFINITY,
      )
      return now() - Math.min(...oldest)
    },
    /** Rejects what has been running for at least `forMs`. */
    abandon(error: Error, forMs = 0) {
      const before = now() - forMs
      for (const work of [...works, ...inTransactions]) if (work.began <= before) work.reject(error)
    },
  }
}

/** For tests: with `fetch_types: false` the driver hands out no connection that is new, and waits for ever. */
async function reserve(sql: postgres.Sql): Promise<postgres.ReservedSql> {
  await sql`select 1`
  return sql.reserve()
}

function isQuery(value: unknown): value is Query {
  return value instanceof Promise && 'handler' in value
}

function never(): Promise<never> {
  return new Promise(() => {})
}

/** The member `query` marks it as the database's for db/errors.ts. */
export function connectionLost(message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code: 'CONNECTION_LOST', query: '' })
}

/**
 * What `work` ends with, unless its connection is lost: the driver would send its COMMIT or ROLLBACK to nowhere, and throw
 * where nobody can catch. The transaction is rejected by the end of the connection then.
 */
async function unlessLost(work: () => unknown, isOver: () => boolean): Promise<unknown> {
  const outcome = await new Promise((resolve) => resolve(work())).then(
    (value) => () => value,
    (error) =>
      nextTurn(() => {
        if (isFatal(error)) return never()
        throw error
      }),
  )
  return isOver() ? never() : outcome()
}

/** Behind such an error the server closes the connection. Drizzle wraps it. */
function isFatal(error: unknown): boolean {
  const { severity, cause } = (error ?? {}) as { severity?: unknown; cause?: unknown }
  return severity === 'FATAL' || (cause instanceof Error && isFatal(cause))
}

/** The driver's own error of a transaction names no query. The second is of patches/postgres.diff. */
function isLoss(error: unknown): boolean {
  const codes = /^(CONNECTION_|TRANSACTION_ROLLED_BACK$)/
  return error instanceof Error && 'code' in error && codes.test(String(error.code)) && !('query' in error)
}
