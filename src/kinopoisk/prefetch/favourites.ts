import { sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { minOwnId } from '../../db/schema/films.ts'
import { kinopoiskAnswers as responses } from '../../db/schema/kinopoisk.ts'
import { favourites } from '../../db/schema/lists.ts'
import { AppError } from '../../errors.ts'
import { paths } from '../endpoints.ts'
import { UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'

interface Options {
  db: Db
  metrics: Pick<GatewayMetrics, 'refreshes'>
  now(): Date
  /** Fetches the film's details again, charged to the refresh share. */
  refresh(filmId: number): Promise<unknown>
}

const candidates = 20
const pauseAfterFailureMs = 3_600_000

/** Refreshes expired favourites, one at a time: first those without stored details, then the stalest. */
export function createFavouritesPrefetch({ db, metrics, now, refresh }: Options) {
  // A film whose calls fail must not block the others.
  const failed = new Map<number, number>()

  async function findDue(): Promise<number | undefined> {
    for (const [id, at] of failed) if (at + pauseAfterFailureMs < now().getTime()) failed.delete(id)
    const path = sql`${paths.film} || favourite.film_id`
    const rows = await db.execute<{ film_id: number }>(sql`
      select favourite.film_id
      from (select distinct film_id from ${favourites} where film_id < ${minOwnId}) as favourite
      left join ${responses} on ${responses.path} = ${path}
      where ${responses.expires_at} is null or ${responses.expires_at} < ${now().toISOString()}
      order by ${responses.fetched_at} nulls first, favourite.film_id
      limit ${candidates + failed.size}`)
    return rows.map((row) => row.film_id).find((id) => !failed.has(id))
  }

  /** One film; false when none is due. Never rejects for a failure of upstream. */
  return async function renewNext(): Promise<boolean> {
    const id = await findDue()
    if (id === undefined) return false
    try {
      await refresh(id)
      metrics.refreshes.inc({ trigger: 'scheduled', outcome: 'ok' })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (error instanceof UpstreamFailure) failed.set(id, now().getTime())
      const outcome = error instanceof UpstreamFailure ? 'failed' : 'refused'
      metrics.refreshes.inc({ trigger: 'scheduled', outcome })
    }
    return true
  }
}
