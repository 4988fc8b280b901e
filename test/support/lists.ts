import type { LightMyRequestResponse } from 'fastify'
import { as, type TestApp, testUser } from './app.ts'
import { form as formOf } from './pictures.ts'

export interface ImportReport {
  format: string
  dry_run: boolean
  rows: number
  created: number
  updated: number
  skipped: number
  errors: { row: number; message: string; code?: string }[]
  problem: { code: string; message: string } | null
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
  return response.json()
}
