import { sql } from 'drizzle-orm'
import type { MaybePromise } from '../../cache/maybe-promise.ts'
import type { Db } from '../../db/connect.ts'
import { films, minOwnId } from '../../db/schema/films.ts'
import { kinopoiskIdRanges as ranges } from '../../db/schema/kinopoisk.ts'
import type { Clock } from '../layers/cache.ts'

/** Upstream's documentation says so; its real ids come near. */
const documentedMax = 10_000_000
const leastRange = withTenth(documentedMax)
const rereadMs = 60_000

/**
 * The film ids that upstream is asked about although no answer of its has named them: up to a tenth above the highest
 * one of which it has sent details. So new films are found, and made-up ids cost no calls. A wrong id in a list opens
 * nothing, and one in details little: the range grows by a tenth a day.
 */
export function createIdRange(db: Db, clock: Pick<Clock, 'now'>) {
  let known: { maxId: Promise<number>; rereadAt: number } | undefined

  /** All replicas see one range, and each a minute late. */
  function findMax(): Promise<number> {
    const now = clock.now()
    if (!known || known.rereadAt <= now.getTime()) {
      known = { maxId: readMax(db, now), rereadAt: now.getTime() + rereadMs }
      known.maxId.catch(() => {
        known = undefined
      })
    }
    return known.maxId
  }

  return {
    includes(id: number): MaybePromise<boolean> {
      if (id <= leastRange) return true
      return id < minOwnId && findMax().then((maxId) => id <= maxId)
    },
  }
}

/** The highest id as of today; noted where it has grown. */
async function readMax(db: Db, now: Date): Promise<number> {
  const day = now.toISOString().slice(0, 10)
  // Only of details the time is kept when they came. Behind the last of them are few films.
  const [row] = await db.execute<{ confirmed: number | null; today: number | null; before: number | null }>(sql`
    select
      (select id from ${films} where id < ${minOwnId} and kinopoisk_synced_at is not null
        order by id desc limit 1) as confirmed,
      (select max_id from ${ranges} order by day desc limit 1) as today,
      (select max_id from ${ranges} where day < ${day} order by day desc limit 1) as before`)
  const { confirmed, today, before } = row ?? { confirmed: null, today: null, before: null }
  const maxId = Math.min(withTenth(Math.max(confirmed ?? 0, documentedMax)), withTenth(before ?? leastRange))
  if (maxId <= (today ?? leastRange)) return today ?? leastRange
  await db
    .insert(ranges)
    .values({ day, max_id: Math.min(maxId, minOwnId - 1) })
    .onConflictDoUpdate({ target: ranges.day, set: { max_id: sql`greatest(${ranges.max_id}, excluded.max_id)` } })
  return maxId
}

function withTenth(id: number): number {
  return id + Math.floor(id / 10)
}
