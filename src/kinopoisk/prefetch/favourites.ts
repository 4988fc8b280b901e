import { sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { minOwnId } from '../../db/schema/films.ts'
import { kinopoiskFailures as failures, kinopoiskAnswers as responses } from '../../db/schema/kinopoisk.ts'
import { favourites } from '../../db/schema/lists.ts'
import { AppError } from '../../errors.ts'
import { paths } from '../endpoints.ts'
import { UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { isTooRecent } from '../store/failures.ts'

interface Options {
  db: Db
  metrics: Pick<GatewayMetrics, 'refreshes'>
  now(): Date
  /** Fetches the film's details again, charged to the refresh share. */
  refresh(filmId: number): Promise<unknown>
}

/**
 * Refreshes expired favourites, one at a time: first those without stored details, then the stalest. That there is no such
 * film is a reader's to ask again, and a film that failed is left alone for some time.
 */
export function createFavouritesPrefetch({ db, metrics, now, refresh }: Options) {
  async function findDue(): Promise<number | undefined> {
    const path = sql`${paths.film} || favourite.film_id`
    const [row] = await db.execute<{ film_id: number }>(sql`
      select favourite.film_id
      from (select distinct film_id from ${favourites} where film_id < ${minOwnId}) as favourite
      left join ${responses} on ${responses.path} = ${path}
      left join ${failures} on ${failures.path} = ${path} and ${isTooRecent}
      where (${responses.expires_at} is null or ${responses.expires_at} < ${now().toISOString()} and ${responses.status} = 200)
        and ${failures.path} is null
      order by ${responses.fetched_at} nulls first, favourite.film_id
      limit 1`)
    return row?.film_id
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
      const outcome = error instanceof UpstreamFailure ? 'failed' : 'refused'
      metrics.refreshes.inc({ trigger: 'scheduled', outcome })
    }
    return true
  }
}
