import { drizzle } from 'drizzle-orm/postgres-js'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createListIdsRepository } from '../src/modules/lists/ids-repository.ts'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { cloneDatabase } from './support/databases.ts'
import { expectProblem, inDatabase, stoppedClock } from './support/movies.ts'

const time = stoppedClock()
let service: TestApp
let replica: TestApp['app']

beforeAll(async () => {
  // Not a kept one: what was in that counts in plans.
  service = await testApp({}, { clock: time.clock, databaseUrl: await cloneDatabase() })
  replica = await service.replica()
})
afterEach(() => service.sandbox.fail(null))
afterAll(() => service.close())

interface Listed {
  id: number
  title: string
  favorites_count: number
}

/** A list by its two addresses, and its table. */
const lists = [
  { path: 'favorites', table: 'favourites', other: 'wishlist' },
  { path: 'wishlist', table: 'wishlist', other: 'favorites' },
] as const

const forms = lists.flatMap(({ path }) => [{ url: `/movies/${path}` }, { url: `/${path}/movies` }])

/** A new user, with the calls of a list in the words of a test. */
async function visitor() {
  const user = await testUser(service.app)
  const request = as(service.app, user)
  const list = (url: string) => request({ method: 'GET', url })
  return {
    id: user.id,
    headers: user.headers,
    list,
    ids: async (url: string) => ((await list(url)).json() as Listed[]).map((movie) => movie.id),
    post: (url: string, payload?: object) => request({ method: 'POST', url, ...(payload && { payload }) }),
    remove: (url: string) => request({ method: 'DELETE', url }),
  }
}

const ownFilm = (name: string): Promise<number> =>
  inDatabase(service.databaseUrl, async (sql) => {
    const [row] = await sql`insert into films (name) values (${name}) returning id`
    return row?.id
  })

describe.each(lists)('the $path', ({ path, table, other }) => {
  const byBody = `/movies/${path}`
  const byUrl = `/${path}/movies`

  test('adding by body is 201 with the movie, again 200 with the same', async () => {
    const ann = await visitor()
    const first = await ann.post(byBody, { kinopoisk_id: 301 })
    expect(first.statusCode).toBe(201)
    expect(first.json()).toMatchObject({ id: 301, title: 'Матрица', kinopoisk: { imdb_id: 'tt0133093' } })
    const second = await ann.post(byBody, { kinopoisk_id: 301 })
    expect(second.statusCode).toBe(200)
    expect(second.json()).toEqual(first.json())
    expect((await ann.post(`${byUrl}/301`)).statusCode).toBe(200)
    expect(await ann.ids(byBody)).toEqual([301])
  })

  test('adding by URL is 201 with the movie, again 200; both addresses show one list', async () => {
    const ann = await visitor()
    const first = await ann.post(`${byUrl}/299`)
    expect(first.statusCode).toBe(201)
    expect(first.json()).toMatchObject({ id: 299, title: 'Матрица: Перезагрузка' })
    expect((await ann.post(`${byUrl}/299/`)).statusCode).toBe(200)
    const [one, two] = [await ann.list(byBody), await ann.list(`${byUrl}/`)]
    expect(one.statusCode).toBe(200)
    expect(one.json()).toEqual([first.json()])
    expect(two.json()).toEqual(one.json())
  })

  test.each([
    [{ kinopoisk_id: 316 }],
    [{ id: 316 }],
    [{ movie_id: 316 }],
    [{ kinopoisk_id: 316, id: 316, title: 'as search tells it', genres: [] }],
  ])('the body %j adds film 316', async (body) => {
    const ann = await visitor()
    expect((await ann.post(byBody, body)).statusCode).toBe(201)
    expect(await ann.ids(byBody)).toEqual([316])
  })

  test.each<[object]>([
    [{}],
    [{ kinopoisk_id: 301, id: 299 }],
    [{ id: 301, movie_id: 299 }],
    [{ kinopoisk_id: '301' }],
    [{ kinopoisk_id: null }],
    [{ kinopoisk_id: 0 }],
    [{ kinopoisk_id: 1.5 }],
    [{ kinopoisk_id: 2_147_483_648 }],
    [{ film: 301 }],
    [[301]],
  ])('the body %j is 400 and adds nothing', async (body) => {
    const ann = await visitor()
    const before = service.calls.length
    expectProblem(await ann.post(byBody, body), 400, 'invalid_input')
    expect(await ann.ids(byBody)).toEqual([])
    expect(service.calls).toHaveLength(before)
  })

  test.each(['0', '-1', 'abc', '1.5', '2147483648'])('adding %s by URL is 400', async (id) => {
    const ann = await visitor()
    expectProblem(await ann.post(`${byUrl}/${id}`), 400, 'invalid_input')
  })

  test.each([
    ['without content type', {}],
    ['with the content type of JSON and nothing in it', { 'content-type': 'application/json' }],
    ['the same with its length', { 'content-type': 'application/json', 'content-length': '0' }],
  ])('adding by URL needs no body: %s', async (_, headers) => {
    const ann = await visitor()
    const call = (method: 'POST' | 'DELETE') =>
      service.app.inject({ method, url: `${byUrl}/301`, headers: { ...headers, ...ann.headers } })
    expect((await call('POST')).statusCode).toBe(201)
    expect((await call('DELETE')).statusCode).toBe(204)
  })

  test('adding by body needs a body', async () => {
    const ann = await visitor()
    const headers = { 'content-type': 'application/json', ...ann.headers }
    expect((await service.app.inject({ method: 'POST', url: byBody, headers })).statusCode).toBe(400)
    const broken = await service.app.inject({ method: 'POST', url: byBody, headers, payload: '{"id":' })
    expectProblem(broken, 400, 'malformed_json')
  })

  test('of twenty at once, over two processes, exactly one adds', { tags: 'slow' }, async () => {
    const ann = await visitor()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => {
        const app = i % 2 ? replica : service.app
        return i % 3
          ? app.inject({ method: 'POST', url: `${byUrl}/324`, headers: ann.headers })
          : app.inject({ method: 'POST', url: byBody, headers: ann.headers, payload: { id: 324 } })
      }),
    )
    const statuses = answers.map((answer) => answer.statusCode)
    expect(statuses.toSorted()).toEqual([...Array(19).fill(200), 201])
    expect(await ann.ids(byBody)).toEqual([324])
  })

  test('a film that nobody knows is 404, a film made here is added by its id', async () => {
    const ann = await visitor()
    expectProblem(await ann.post(byBody, { kinopoisk_id: 9_999_999 }), 404, 'movie_not_found')
    expectProblem(await ann.post(`${byUrl}/2147483647`), 404, 'movie_not_found')
    const id = await ownFilm('Своё кино')
    const added = await ann.post(byBody, { id })
    expect(added.statusCode).toBe(201)
    expect(added.json()).toMatchObject({ id, kinopoisk_id: null, title: 'Своё кино' })
    expect(await ann.ids(byUrl)).toEqual([id])
  })

  test.each([byBody, byUrl])('removing from %s is 204, also when the film is not there', async (url) => {
    const ann = await visitor()
    for (const id of [301, 299]) await ann.post(byBody, { id })
    for (const _ of ['there', 'not there']) {
      const response = await ann.remove(`${url}/301`)
      expect([response.statusCode, response.body]).toEqual([204, ''])
    }
    expect(await ann.ids(byBody)).toEqual([299])
    expect((await ann.post(byBody, { id: 301 })).statusCode).toBe(201)
  })

  test('removing a film that nobody knows is 404, and costs no call', async () => {
    const ann = await visitor()
    const before = service.calls.length
    for (const url of [`${byBody}/8888888`, `${byUrl}/2147483647`]) {
      expectProblem(await ann.remove(url), 404, 'movie_not_found')
    }
    expectProblem(await ann.remove(`${byBody}/abc`), 400, 'invalid_input')
    expect(service.calls).toHaveLength(before)
  })

  test('the newest is first, also when it was removed and added again', async () => {
    const ann = await visitor()
    for (const id of [301, 299, 316]) await ann.post(byBody, { id })
    expect(await ann.ids(byBody)).toEqual([316, 299, 301])
    await ann.post(byBody, { id: 301 })
    expect(await ann.ids(byBody)).toEqual([316, 299, 301])
    await ann.remove(`${byBody}/301`)
    await ann.post(byBody, { id: 301 })
    expect(await ann.ids(byUrl)).toEqual([301, 316, 299])
  })

  test('pages hold twelve; past the end there is nothing; without page there is everything', async () => {
    const ann = await visitor()
    await inDatabase(service.databaseUrl, async (sql) => {
      const films = await sql`insert into films (name) select 'Фильм ' || n from generate_series(1, 30) n returning id`
      // The same moment for all: then the id decides, so that pages neither repeat nor lose a film.
      await sql`insert into ${sql(table)} (user_id, film_id, created_at)
        select ${ann.id}, id, '2026-01-01' from films where id in ${sql(films.map((film) => film.id))}`
    })
    const all = await ann.ids(byBody)
    expect(all).toHaveLength(30)
    expect(all).toEqual(all.toSorted((a, b) => b - a))
    for (const url of [byBody, byUrl]) {
      const pages = await Promise.all([1, 2, 3, 4, 1_000_000].map((page) => ann.ids(`${url}?page=${page}`)))
      expect(pages).toEqual([all.slice(0, 12), all.slice(12, 24), all.slice(24), [], []])
    }
    for (const page of ['0', '-1', 'x', '1.5', '']) {
      expectProblem(await ann.list(`${byBody}?page=${page}`), 400, 'invalid_input')
    }
  })

  test('the list has full details without any upstream call, also when upstream is down and answers have expired', async () => {
    const ann = await visitor()
    await ann.post(byBody, { id: 301 })
    await ann.post(byBody, { id: 325 })
    const [one, two] = (await ann.list(byBody)).json()
    time.pass(400 * 86_400)
    await inDatabase(service.databaseUrl, (sql) => sql`delete from kinopoisk_answers`)
    service.sandbox.fail('reset')
    const before = service.calls.length
    expect((await ann.list(byUrl)).json()).toEqual([one, two])
    expect([one, two]).toMatchObject([
      { id: 325, description: expect.stringMatching(/\S/), genre: { name: expect.any(String) }, kinopoisk: {} },
      { id: 301, genres: [{ name: 'фантастика' }, { name: 'боевик' }], kinopoisk: { countries: ['США', 'Австралия'] } },
    ])
    expect(service.calls).toHaveLength(before)
  })

  test('adding a film that is known never asks upstream', async () => {
    const [ann, bob] = [await visitor(), await visitor()]
    await ann.post(byBody, { id: 342 })
    await inDatabase(service.databaseUrl, (sql) => sql`delete from kinopoisk_answers`)
    service.sandbox.fail(500)
    const before = service.calls.length
    expect((await bob.post(byBody, { id: 342 })).statusCode).toBe(201)
    expect((await ann.post(`${byUrl}/342`)).statusCode).toBe(200)
    expect(service.calls).toHaveLength(before)
  })

  test.each([
    [402, 503, 'upstream_quota_exhausted'],
    ['reset', 503, 'upstream_unavailable'],
    ['html', 502, 'upstream_bad_response'],
  ] as const)(
    '%s: a film not known can not be added, and nothing is',
    { tags: 'slow' },
    async (fault, status, code) => {
      // Of its own, since what upstream says of the quota is remembered.
      const { app, sandbox, close } = await testApp()
      const request = as(app, await testUser(app))
      sandbox.fail(fault)
      expectProblem(await request({ method: 'POST', url: byBody, payload: { id: 460 } }), status, code)
      expectProblem(await request({ method: 'POST', url: `${byUrl}/460` }), status, code)
      expect((await request({ method: 'GET', url: byBody })).json()).toEqual([])
      await close()
    },
  )

  test("others' lists and the user's other list stay as they are", async () => {
    const [ann, bob] = [await visitor(), await visitor()]
    await ann.post(byBody, { id: 301 })
    await bob.post(byBody, { id: 301 })
    await ann.post(`/movies/${other}`, { id: 301 })
    await bob.remove(`${byBody}/301`)
    await bob.remove(`/movies/${other}/301`)
    expect(await ann.ids(byBody)).toEqual([301])
    expect(await ann.ids(`/${other}/movies`)).toEqual([301])
    expect(await bob.ids(byBody)).toEqual([])
  })
})

describe('both lists', () => {
  test('favorites_count counts the users who like a film, not those who wish for it', async () => {
    const [ann, bob] = [await visitor(), await visitor()]
    const id = await ownFilm('Любимое')
    const counts: number[] = []
    for (const { post } of [ann, bob]) counts.push((await post('/movies/favorites', { id })).json().favorites_count)
    counts.push((await ann.post('/movies/wishlist', { id })).json().favorites_count)
    await bob.remove(`/favorites/movies/${id}`)
    counts.push(((await ann.list('/movies/favorites')).json() as Listed[])[0]?.favorites_count ?? -1)
    expect(counts).toEqual([1, 2, 2, 1])
  })

  test.each(['favourites', 'wishlist'] as const)(
    '%s are read from their index, without sorting',
    { tags: 'slow' },
    async (list) => {
      const ann = await visitor()
      await inDatabase(service.databaseUrl, async (sql) => {
        await sql`insert into films (name) select 'Много ' || n from generate_series(1, 3000) n`
        await sql`insert into ${sql(list)} (user_id, film_id, created_at)
        select ${ann.id}, id, now() - id * interval '1 s' from films where name like 'Много %'`
        await sql`analyze`
        const asked: string[] = []
        const db = drizzle(sql, { logger: { logQuery: (query) => asked.push(query) } })
        expect((await createListIdsRepository(db).find(ann.id))[list].size).toBeGreaterThanOrEqual(3000)
        const query = asked.find((each) => each.includes(`from "${list}"`))
        const plan = await sql.unsafe(`explain ${query}`, [ann.id]).values()
        expect(plan.flat().join('\n')).toContain(`${list}_newest_idx`)
        expect(plan.flat().join('\n')).not.toMatch(/Sort Key: .*created_at/)
      })
    },
  )

  test.each(forms)('$url needs a token', async ({ url }) => {
    const calls = [
      { method: 'GET' as const, url },
      { method: 'POST' as const, url: url.startsWith('/movies') ? url : `${url}/301` },
      { method: 'DELETE' as const, url: `${url}/301` },
    ]
    for (const call of calls) expectProblem(await service.app.inject(call), 401, 'missing_token')
  })

  test.each(forms)('$url refuses a parameter that it does not know', async ({ url }) => {
    const ann = await visitor()
    expectProblem(await ann.list(`${url}?pages=2`), 400, 'invalid_input')
  })

  test.each(forms)('$url of a new user is empty, and HEAD answers where GET does', async ({ url }) => {
    const ann = await visitor()
    expect((await ann.list(url)).json()).toEqual([])
    const head = await service.app.inject({ method: 'HEAD', url, headers: ann.headers })
    expect([head.statusCode, head.body]).toEqual([200, ''])
  })
})
