import { inArray, sql } from 'drizzle-orm'
import { makePgArray } from 'drizzle-orm/pg-core/utils'
import { deleteInBatches } from '../../db/cleanup.ts'
import type { Db } from '../../db/connect.ts'
import { authFailures } from '../../db/schema/auth-failures.ts'

const isVoid = sql`${authFailures.failed_at} < now() - interval '1 day'`

/** Counts of failed guesses and of registrations, shared by all replicas. */
export function createThrottleRepository(db: Db) {
  const byKeys = db
    .select({
      key: authFailures.key,
      failures: authFailures.failures,
      // Another transaction's now() may be later than this one's.
      seconds: sql<number>`greatest(extract(epoch from now() - ${authFailures.failed_at})::float8, 0)`,
    })
    .from(authFailures)
    .where(sql`${authFailures.key} = any(${sql.placeholder('keys')}::bytea[])`)
    .prepare('auth_failures')
  return {
    /** The counts that there are, and the seconds since the last failure of each. */
    async find(keys: Buffer[]) {
      if (keys.length === 0) return []
      return byKeys.execute({ keys: makePgArray(keys.map((key) => `\\x${key.toString('hex')}`)) })
    },

    /** One more under each key. One statement, and in the order of the keys, so that two can't wait for each other. */
    async add(keys: Buffer[]): Promise<void> {
      if (keys.length === 0) return
      await db
        .insert(authFailures)
        .values(keys.toSorted(Buffer.compare).map((key) => ({ key })))
        .onConflictDoUpdate({
          target: authFailures.key,
          set: {
            failures: sql`case when ${isVoid} then 1 else ${authFailures.failures} + 1 end`,
            failed_at: sql`now()`,
          },
        })
    },

    async remove(keys: Buffer[]): Promise<void> {
      await db.delete(authFailures).where(inArray(authFailures.key, keys))
    },

    cleanup: (signal?: AbortSignal) => deleteInBatches(db, authFailures, isVoid, signal),
  }
}

export type ThrottleRepository = ReturnType<typeof createThrottleRepository>
