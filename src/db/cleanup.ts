import { setTimeout as sleep } from 'node:timers/promises'
import { getTableName, type SQL, sql } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import type { Db } from './connect.ts'

/** Any constant that no other lock of two numbers uses. */
const lockClass = 7_300_158
const maxRows = 1_000

/**
 * A condition that holds for one transaction at a time: replicas that clean up the same at once would only wait for each
 * other. It ends with the transaction, so that nothing is left behind a pooler.
 */
export function hasTurn(name: string): SQL {
  return sql`(select pg_try_advisory_xact_lock(${lockClass}, hashtext(${name})))`
}

/**
 * Deletes the rows that meet a condition, in small transactions, with a pause as long as each took: nobody waits for
 * them. Rows that somebody has locked are left for the next time, and all of them while another replica deletes.
 */
export async function deleteInBatches(db: Db, table: PgTable, condition: SQL, signal?: AbortSignal): Promise<void> {
  const turn = hasTurn(getTableName(table))
  while (!signal?.aborted) {
    const began = performance.now()
    const { count } = await db.execute(sql`
      with old as materialized (
        select ctid from ${table} where ${turn} and (${condition}) limit ${maxRows} for update skip locked
      )
      delete from ${table} where ctid = any(array(select ctid from old))`)
    if (count < maxRows) return
    await pauseAfter(began, signal)
  }
}

/** For as long as what has just ended took: then it takes half of a connection at most. */
export async function pauseAfter(began: number, signal?: AbortSignal): Promise<void> {
  await sleep(performance.now() - began, undefined, { ref: false, ...(signal && { signal }) }).catch(() => {})
}
