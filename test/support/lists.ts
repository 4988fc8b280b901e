import type { LightMyRequestResponse } from 'fastify'
import { expect } from 'vitest'
import { as, type TestApp, testUser } from './app.ts'
import { form as formOf } from './pictures.ts'

interface ReportedMessage {
  file?: string
  row: number
  column?: string
  message: string
  code?: string
}

export interface ImportReport {
  format: string
  dry_run: boolean
  rows: number
  created: number
  updated: number
  skipped: number
  skipped_because: Record<'already_there' | 'no_score' | 'repeated' | 'older', number>
  failed: number
  errors: ReportedMessage[]
  errors_total: number
  warnings: ReportedMessage[]
  warnings_total: number
  files: (Pick<ImportReport, 'format' | 'rows' | 'created' | 'updated' | 'skipped' | 'failed'> & { file: string })[]
  ignored: { file: string; reason: string }[]
  ignored_total: number
  problem: { code: string; message: string } | null
}

/** What a report has of a file without faults; nothing was skipped. */
export const noFaults = {
  ...{ updated: 0, skipped: 0, failed: 0, errors: [], errors_total: 0, warnings: [], warnings_total: 0, problem: null },
  ...{ files: [], ignored: [], ignored_total: 0, dry_run: false },
  skipped_because: { already_there: 0, no_score: 0, repeated: 0, older: 0 },
}

/** A multipart form with one file of CSV. */
export function form(content: string | Buffer, { name = 'lists.csv', field = 'file' } = {}) {
  return formOf({ name: field, filename: name, type: 'text/csv', bytes: content })
}

/** A new user, with the calls for lists in the words of a test. */
export async function collector(service: TestApp) {
  const user = await testUser(service.app)
  const request = as(service.app, user)
  const get = async (url: string) => (await request({ method: 'GET', url })).json()
  const send = (content: string | Buffer, { name = 'lists.csv', query = '', field = 'file' } = {}) =>
    request({ method: 'POST', url: `/user/lists/import${query}`, ...form(content, { name, field }) })
  const ids = async (url: string) => ((await get(url)) as { id: number }[]).map((movie) => movie.id)
  return {
    id: user.id,
    request,
    send,
    upload: async (...args: Parameters<typeof send>) => reportOf(await send(...args)),
    votes: (payload: object, query = '') => request({ method: 'POST', url: `/user/lists/import${query}`, payload }),
    export: () => request({ method: 'GET', url: '/user/lists.csv' }),
    favorites: () => ids('/movies/favorites'),
    wishlist: () => ids('/movies/wishlist'),
    /** [film, score] */
    ratings: async () =>
      ((await get('/ratings')) as { film_id: number; value: number }[]).map(({ film_id, value }) => [film_id, value]),
    dates: async () =>
      ((await get('/ratings')) as { created_at: string }[]).map(({ created_at }) => created_at.slice(0, 10)),
    /** When the scores were given. */
    times: async () => ((await get('/ratings')) as { updated_at: string }[]).map(({ updated_at }) => updated_at),
    clear: () =>
      Promise.all(
        ['favourites', 'wishlist', 'ratings'].map(
          (table) =>
            service.app.database.sql`delete from ${service.app.database.sql(table)} where user_id = ${user.id}`,
        ),
      ),
  }
}

export function reportOf(response: LightMyRequestResponse): ImportReport {
  if (response.statusCode !== 200) throw new Error(response.body)
  const report: ImportReport = response.json()
  // Nothing is dropped without a word, in whatever test.
  expect(report.rows).toBe(report.created + report.updated + report.skipped + report.failed)
  expect(report.skipped).toBe(Object.values(report.skipped_because).reduce((sum, each) => sum + each))
  return report
}
