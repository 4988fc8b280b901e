import { sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { kinopoiskAnswers as responses } from '../../db/schema/kinopoisk.ts'
import { AppError } from '../../errors.ts'
import { listRequest, type PopularList, paths } from '../endpoints.ts'
import { UpstreamFailure } from '../failures.ts'
import { pageSize } from '../rows.ts'
import type { ListResponse } from '../schemas.ts'
import type { FailureRepository } from '../store/failures.ts'
import type { ResponseRepository } from '../store/responses.ts'
import { createRatingBands, maxPages, sizesIn } from './rating-bands.ts'

interface Options {
  db: Db
  responses: Pick<ResponseRepository, 'find'>
  failures: Pick<FailureRepository, 'findTooRecent'>
  now(): Date
  /** Fetches a page, charged to the refresh share; null when there is no such page. */
  fetchPage(list: PopularList, page: number): Promise<ListResponse | null>
}

interface Due {
  list: PopularList
  page: number
  isNew: boolean
}

const firstYear = 1920
// A page that is not there is looked for once a day.
const absentMs = 86_400_000
// Upstream cuts lists off: by its document behind 400 films, in its responses behind 100 too.
const leastCut = 5
const bandedYears = 30
// The day frees a call every six minutes or so, and one of them may be fetched in between.
const waitMs = 900_000

/**
 * Prefetches popular films, 20 with a call: of every year the most voted, the first pages of all years before the
 * second ones; then, of the newest years, what their lists cut off. Progress is derived from stored responses.
 */
export function createPopularFilmsPrefetch({ db, failures, now, fetchPage, ...rest }: Options) {
  const bands = createRatingBands({ db, now, ...rest })
  let bootstrapping = false
  let refusedMs = Number.NEGATIVE_INFINITY

  /** A page that is not stored, or else one that has expired. */
  async function findDue(): Promise<Due | undefined> {
    // A page whose calls fail must not block the others.
    const failed = new Set(await failures.findTooRecent(paths.popular))
    const stored = await readStored()
    const newest = now().getFullYear()
    const cutOff: number[] = []
    let expired: Due | undefined
    for (let page = 1; page <= maxPages; page += 1) {
      for (let year = newest; year >= firstYear; year -= 1) {
        const list = { year }
        const first = stored.get(listRequest(list, 1).path)
        if (page === 1 && year > newest - bandedYears && first?.cut_off) cutOff.push(year)
        if (page > 1 && page > (first?.pages ?? 0)) continue
        const { path } = listRequest(list, page)
        if (failed.has(path)) continue
        const found = stored.get(path)
        if (!found) return { list, page, isNew: true }
        if (!found.fresh) expired ??= { list, page, isNew: false }
      }
    }
    const inBand = await bands.findNew(cutOff, failed)
    return inBand ? { ...inBand, isNew: true } : expired
  }

  async function readStored() {
    const absentSince = new Date(now().getTime() - absentMs).toISOString()
    const { pages, total } = sizesIn(sql`body::json`)
    const isFull = sql`${pages} >= ${leastCut}::int and coalesce(${total} % ${pageSize}::int = 0, true)`
    const rows = await db.execute<{ path: string; fresh: boolean; pages: number | null; cut_off: boolean | null }>(sql`
      select path, expires_at > ${now().toISOString()} or status = 404 and fetched_at > ${absentSince} as fresh,
        case when path like '%&page=1' then ${pages} end as pages,
        case when path like '%&page=1' then ${pages} > ${maxPages}::int or ${isFull} end as cut_off
      from ${responses} where path like ${`${paths.popular}yearFrom=%`}`)
    return new Map(rows.map((row) => [row.path, row]))
  }

  async function fetchDue({ list, page }: Due): Promise<void> {
    const films = await fetchPage(list, page)
    if (list.rating && films && !bands.fits(list.rating, films.rows)) bands.rest()
  }

  return {
    /** True while there are pages that were never fetched; as of the last step. */
    isBootstrapping: () => bootstrapping,

    /** True while there are such pages, and the quota has refused one lately: whatever becomes free is theirs. */
    isPageWaiting: () => bootstrapping && now().getTime() < refusedMs + waitMs,

    /** Fetches one page, if one is due. Rejects as `fetchPage` does. */
    async fetchNext(): Promise<void> {
      const due = await findDue()
      bootstrapping = due?.isNew ?? false
      try {
        if (due) await fetchDue(due)
      } catch (error) {
        const isRefused = error instanceof AppError && error.code === 'upstream_quota_exhausted'
        if (isRefused) refusedMs = now().getTime()
        else if (due?.list.rating && error instanceof UpstreamFailure) bands.rest()
        throw error
      }
    },
  }
}
