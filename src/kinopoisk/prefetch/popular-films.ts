import { type SQL, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { kinopoiskAnswers as responses } from '../../db/schema/kinopoisk.ts'
import { listRequest, paths } from '../endpoints.ts'
import type { FailureRepository } from '../store/failures.ts'

interface Options {
  db: Db
  failures: Pick<FailureRepository, 'findTooRecent'>
  now(): Date
  /** Fetches a page, charged to the refresh share. */
  fetchPage(year: number, page: number): Promise<unknown>
}

const firstYear = 1920
const maxPages = 20
// A page that is not there is looked for once a day.
const absentMs = 86_400_000

/**
 * Prefetches popular films, 20 with a call: of every year the most voted, the first pages of all years before the
 * second ones. Progress is derived from stored responses.
 */
export function createPopularFilmsPrefetch({ db, failures, now, fetchPage }: Options) {
  let bootstrapping = false

  /** A page that is not stored, or else one that has expired. */
  async function findDue() {
    // A page whose calls fail must not block the others.
    const failed = new Set(await failures.findTooRecent(paths.popular))
    const absentSince = new Date(now().getTime() - absentMs).toISOString()
    const rows = await db.execute<{ path: string; fresh: boolean; pages: number | null }>(sql`
      select path, expires_at > ${now().toISOString()} or status = 404 and fetched_at > ${absentSince} as fresh,
        case when path like '%&page=1' then ${pagesIn(sql`body::json`)} end as pages
      from ${responses} where path like ${`${paths.popular}%`}`)
    const stored = new Map(rows.map((row) => [row.path, row]))
    let expired: { year: number; page: number } | undefined
    for (let page = 1; page <= maxPages; page += 1) {
      for (let year = now().getFullYear(); year >= firstYear; year -= 1) {
        if (page > 1 && page > (stored.get(listRequest(year, 1).path)?.pages ?? 0)) continue
        const { path } = listRequest(year, page)
        if (failed.has(path)) continue
        const found = stored.get(path)
        if (!found) return { year, page, isNew: true }
        if (!found.fresh) expired ??= { year, page }
      }
    }
    return expired && { ...expired, isNew: false }
  }

  return {
    /** True while there are pages that were never fetched; as of the last step. */
    isBootstrapping: () => bootstrapping,

    /** Fetches one page, if one is due. Rejects as `fetchPage` does. */
    async fetchNext(): Promise<void> {
      const due = await findDue()
      bootstrapping = due?.isNew ?? false
      if (!due) return
      await fetchPage(due.year, due.page)
    },
  }
}

/** How many pages the body of a list says there are, by either of its members; null where it does not. */
function pagesIn(body: SQL) {
  const member = (name: string) => sql`substring(${body}->>${name}::text from '^ *(\\d{1,6}) *$')::int`
  return sql`coalesce(${member('totalPages')}, ceil(${member('total')} / 20.0)::int)`
}
