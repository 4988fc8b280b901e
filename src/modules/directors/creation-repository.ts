import { and, eq, sql } from 'drizzle-orm'
import { deleteInBatches } from '../../db/cleanup.ts'
import type { Db } from '../../db/connect.ts'
import { idempotencyKeys } from '../../db/schema/idempotency-keys.ts'

/** A creation that may come more than once; both hashes are SHA-256. */
export interface Attempt {
  userId: number
  keyHash: Buffer
  requestHash: Buffer
}

/** How many creations of a day a user can repeat. */
const maxKeys = 10_000
const recent = sql`created_at > now() - interval '24 hours'`

export function createCreationRepository(db: Db) {
  return {
    /**
     * Calls `insert` once for a key, in the transaction that stores it: the director is there if, and only if, the key is.
     * Else what the key was used for, or `full`.
     */
    once<T>(attempt: Attempt, insert: (tx: Db, id: number) => Promise<T>) {
      return db.transaction(async (tx) => {
        const before = await find(tx, attempt)
        const id = before ? undefined : await claim(tx, attempt)
        if (id !== undefined) return { created: await insert(tx, id) }
        return before ?? (await find(tx, attempt)) ?? 'full'
      })
    },

    deleteExpiredKeys: (signal?: AbortSignal) => deleteInBatches(db, idempotencyKeys, sql`not (${recent})`, signal),
  }
}

/** Stores the key with a new id; waits while another transaction is storing an equal one. Undefined: it is there, or full. */
async function claim(tx: Db, { userId, keyHash, requestHash }: Attempt): Promise<number | undefined> {
  const kept = sql`select from ${idempotencyKeys} where user_id = ${userId} and ${recent} limit ${sql.raw(`${maxKeys}`)}`
  const rows = await tx.execute<{ director_id: number }>(sql`
    insert into ${idempotencyKeys} (user_id, key_hash, request_hash, director_id)
    select ${userId}::integer, ${keyHash}::bytea, ${requestHash}::bytea, nextval(pg_get_serial_sequence('directors', 'id'))
    where (select count(*) from (${kept}) as few) < ${sql.raw(`${maxKeys}`)}
    on conflict do nothing
    returning director_id`)
  return rows[0]?.director_id
}

async function find(tx: Db, { userId, keyHash }: Attempt) {
  const [row] = await tx
    .select({ directorId: idempotencyKeys.director_id, requestHash: idempotencyKeys.request_hash })
    .from(idempotencyKeys)
    .where(and(eq(idempotencyKeys.user_id, userId), eq(idempotencyKeys.key_hash, keyHash)))
  return row
}
