import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ofEndpoints } from '../src/kinopoisk/request.ts'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './support/app.ts'
import { expectProblem, inDatabase } from './support/movies.ts'

let service: TestApp
let request: ReturnType<typeof as>
beforeAll(async () => {
  service = await testApp({ KINOPOISK_DAILY_QUOTA: '100' }, { firstAdmin })
  request = as(service.app, await testAdmin(service))
})
afterEach(() => service.sandbox.fail(null))
afterAll(() => service.close())

/** The same for every endpoint: none is left out. */
const ofEach = <T>(value: T) => ofEndpoints(() => value)
const status = async () => (await request({ method: 'GET', url: '/admin/kinopoisk' })).json()
const refresh = (id: number | string) => request({ method: 'POST', url: `/admin/kinopoisk/films/${id}/refresh` })

test('both are for administrators only', async () => {
  const user = as(service.app, await testUser(service.app))
  for (const [method, url] of [
    ['GET', '/admin/kinopoisk'],
    ['POST', '/admin/kinopoisk/films/301/refresh'],
  ] as const) {
    expectProblem(await service.app.inject({ method, url }), 401, 'missing_token')
    expectProblem(await user({ method, url }), 403, 'forbidden')
  }
  expect(service.calls.filter(({ endpoint }) => endpoint === 'film')).toHaveLength(0)
})

test('the status tells what was asked, what is kept, what is spent and left', async () => {
  await request({ method: 'GET', url: '/movies/326' })
  await request({ method: 'GET', url: '/movies/326' })
  await request({ method: 'GET', url: '/movies/9999999' })
  await request({ method: 'GET', url: '/movies/9999999' })
  await request({ method: 'GET', url: '/movies/search?query=матрица' })
  service.sandbox.fail('bad_json')
  await request({ method: 'GET', url: '/movies/search?query=побег' })
  await inDatabase(
    service.databaseUrl,
    (sql) => sql`update kinopoisk_answers set fetched_at = 'epoch', expires_at = 'epoch' where path like '%/326'`,
  )
  expect(await status()).toEqual({
    sandbox: true,
    quota: {
      limit: 100,
      spent: { interactive: 4, refresh: 0, import: 0, outside: 0 },
      left: 96,
      resets_at: expect.stringMatching(/T21:00:00.000Z$/),
      checked_at: expect.toSatisfy((at: string | null) => at === null || Date.parse(at) > 0),
    },
    blocked: null,
    distrusted: null,
    circuits: ofEach('closed'),
    kept: {
      ...ofEach({ fresh: 0, expired: 0 }),
      film: { fresh: 1, expired: 1 },
      search: { fresh: 1, expired: 0 },
    },
    answered: {
      ...ofEach({ hit: 0, negative: 0, stale: 0, miss: 0, error: 0, local: 0, partial: 0, hit_ratio: null }),
      film: { hit: 1, negative: 1, stale: 0, miss: 2, error: 0, local: 0, partial: 0, hit_ratio: 0.5 },
      search: { hit: 0, negative: 0, stale: 0, miss: 1, error: 1, local: 1, partial: 0, hit_ratio: 0 },
    },
  })
})

describe('a refresh', () => {
  test('asks however fresh the film is, and stores what is told', async () => {
    await request({ method: 'GET', url: '/movies/301' })
    await inDatabase(
      service.databaseUrl,
      (sql) =>
        sql`update films set name = 'Старое', kinopoisk = jsonb_set(kinopoisk, '{slogan}', '"Старый"') where id = 301`,
    )
    const before = service.calls.length
    const refreshed = await refresh(301)
    expect(refreshed.statusCode).toBe(200)
    expect(refreshed.json()).toMatchObject({ id: 301, title: 'Матрица', kinopoisk: { complete: true } })
    expect(refreshed.json().kinopoisk.slogan).not.toBe('Старый')
    expect(service.calls.length - before).toBe(1)
    const own = { is_favorite: false, in_wishlist: false, my_rating: null }
    expect((await request({ method: 'GET', url: '/movies/301' })).json()).toEqual({ ...refreshed.json(), ...own })
  })

  test('of a film that nobody has asked about yet stores it', async () => {
    expect((await refresh(435)).json()).toMatchObject({ id: 435, title: 'Зеленая миля' })
  })

  test('that fails is an error, and leaves what is kept as it is', async () => {
    const kept = (await request({ method: 'GET', url: '/movies/301' })).json()
    service.sandbox.fail('bad_json')
    expectProblem(await refresh(301), 502, 'upstream_bad_response')
    service.sandbox.fail(null)
    expect((await request({ method: 'GET', url: '/movies/301' })).json()).toEqual(kept)
  })

  test('of what is no film of Kinopoisk is 404, of no id at all 400', async () => {
    expectProblem(await refresh(9_999_990), 404, 'movie_not_found')
    const before = service.calls.length
    expectProblem(await refresh(1_000_000_000), 404, 'movie_not_found')
    expectProblem(await refresh(20_000_000), 404, 'movie_not_found')
    expectProblem(await refresh(0), 400, 'invalid_input')
    expectProblem(await refresh('x'), 400, 'invalid_input')
    expect(service.calls).toHaveLength(before)
  })
})
