import type postgres from 'postgres'

/** The members of the driver's `sql` that queries are sent by: of a pool, or of a transaction. */
export interface Scope {
  unsafe(...args: Parameters<postgres.Sql['unsafe']>): Query
  begin?(...args: unknown[]): Promise<unknown>
  savepoint?(work: (sql: never) => unknown): Promise<unknown>
}

interface Query extends PromiseLike<unknown[]> {
  values(): PromiseLike<unknown[]>
  forEach(use: (row: never) => void): PromiseLike<unknown>
}

type Run = <T>(work: (sql: Scope) => PromiseLike<T>) => Promise<T>

/**
 * The driver's `sql` with each query, and each transaction, handed to `run`, which decides where it is sent: that may be
 * a second time, to another server.
 */
export function createFacade(primary: postgres.Sql, run: Run): postgres.Sql {
  const unsafe = (...args: Parameters<Scope['unsafe']>): Query => ({
    // biome-ignore lint/suspicious/noThenProperty: a query of the driver begins when it is awaited, and so does this.
    then: (onRows, onError) => run((sql) => sql.unsafe(...args)).then(onRows, onError),
    values: () => run((sql) => sql.unsafe(...args).values()),
    // Handed on when all have come: rows of an attempt that failed must not be among them.
    async forEach(use) {
      const rows: never[] = []
      await run((sql) => {
        rows.length = 0
        return sql.unsafe(...args).forEach((row) => void rows.push(row))
      })
      for (const row of rows) use(row)
    },
  })
  const begin = (work: (sql: never) => unknown) =>
    run((sql) => (sql.begin ? sql.begin(work) : Promise.resolve(work(sql as never))))
  return new Proxy(primary, {
    get(target, key) {
      if (key === 'unsafe') return unsafe
      if (key === 'begin') return begin
      return Reflect.get(target, key)
    },
  })
}
