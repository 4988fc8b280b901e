import { afterAll, beforeAll, expect, test } from 'vitest'
import { as, firstAdmin, type TestApp, type TestUser, testAdmin, testApp, testUser } from './support/app.ts'
import { client, films, makeKey } from './support/compatible.ts'
import { expectProblem, serve } from './support/movies.ts'

let service: TestApp
let ann: TestUser
let asAnn: ReturnType<typeof as>
let asAdmin: ReturnType<typeof as>
let get: ReturnType<typeof client>

beforeAll(async () => {
  service = await testApp({ KINOPOISK_COMPATIBLE: 'true' }, { firstAdmin }, { films })
  ann = await testUser(service.app)
  asAnn = as(service.app, ann)
  asAdmin = as(service.app, await testAdmin(service))
  get = client(service.app, await makeKey(service.app, ann))
})
afterAll(() => service.close())

const search = `/movies/search?query=${encodeURIComponent('матрица')}`
const own = `/api/v2.1/films/search-by-keyword?keyword=${encodeURIComponent('матрица')}`
const ids = (items: { id: number }[]) => items.map(({ id }) => id)

test('a film that is withdrawn is neither served nor asked for, wherever it was, until it is refreshed', async () => {
  const about = ['/movies/302', '/movies/302/facts', '/movies/302/staff']
  const lists = ['/movies/301/sequels', '/movies/301/similars', '/movies/collections', search]
  for (const url of [...about, ...lists]) expect((await asAnn({ method: 'GET', url })).statusCode).toBe(200)
  const before = (await get(own)).json()
  expect(before.films.map(({ filmId }: { filmId: number }) => filmId)).toEqual([301, 302])
  const asked = service.calls.length

  expect((await asAdmin({ method: 'DELETE', url: '/admin/kinopoisk/films/302' })).statusCode).toBe(204)
  for (const url of about) expectProblem(await asAnn({ method: 'GET', url }), 404, 'movie_not_found')
  for (const url of lists) {
    const { items } = (await asAnn({ method: 'GET', url })).json()
    expect([url, ids(items).includes(302)]).toEqual([url, false])
  }
  expect((await get('/api/v2.2/films/302')).statusCode).toBe(404)
  expect((await get('/api/v1/staff?filmId=302')).statusCode).toBe(404)
  const after = (await get(own)).json()
  expect(after).toEqual({ ...before, films: before.films.slice(0, 1) })
  const left = await service.app.database.sql`
    select 1 from kinopoisk_answers where path like '%302%' and body is not null union all select 1 from films where id = 302`
  expect(left).toHaveLength(0)
  expect(service.calls.length).toBe(asked)
  const other = await service.replica()
  expectProblem(await as(other, ann)({ method: 'GET', url: '/movies/302' }), 404, 'movie_not_found')

  const refreshed = await asAdmin({ method: 'POST', url: '/admin/kinopoisk/films/302/refresh' })
  expect(refreshed.json()).toMatchObject({ id: 302, title: 'Матрица: Революция' })
  expect((await asAnn({ method: 'GET', url: '/movies/302/facts' })).statusCode).toBe(200)
  expect(ids((await asAnn({ method: 'GET', url: search })).json().items)).toEqual([301, 302])
})

test('of a film that a user keeps the name stays, and a search brings back no more of it', async () => {
  await asAnn({ method: 'POST', url: '/favorites/movies/303' })
  await asAdmin({ method: 'DELETE', url: '/admin/kinopoisk/films/303' })
  await asAnn({ method: 'GET', url: `/movies/search?query=${encodeURIComponent('сталкер')}` })
  const [kept] = (await asAnn({ method: 'GET', url: '/movies/favorites' })).json()
  expect(kept).toMatchObject({ id: 303, title: 'Сталкер', description: '', rating: null })
  expect(kept.kinopoisk).toBeNull()
})

test('only an administrator withdraws films, and only those of Kinopoisk', async () => {
  expectProblem(await asAnn({ method: 'DELETE', url: '/admin/kinopoisk/films/301' }), 403, 'forbidden')
  expectProblem(await asAdmin({ method: 'DELETE', url: '/admin/kinopoisk/films/1000000001' }), 404, 'movie_not_found')
})

test('what has the number of a withdrawn film and is none stays, and people are told without the film', async () => {
  const film = { filmId: 302, nameRu: 'Матрица: Революция', professionKey: 'ACTOR' }
  const answers: [string, unknown][] = [
    ['/films/301/reviews', { total: 2, totalPages: 1, items: [{ kinopoiskId: 302 }, { kinopoiskId: 303 }] }],
    ['/films/301/awards', { total: 1, items: [{ name: 'Оскар', persons: [{ kinopoiskId: 302, nameRu: 'Ann' }] }] }],
    ['/persons?', { total: 1, items: [{ kinopoiskId: 302, nameRu: 'Ann' }] }],
    ['/media_posts?', { total: 1, totalPages: 1, items: [{ kinopoiskId: 302, title: 'News' }] }],
    ['/staff/77', { personId: 77, nameRu: 'Ann', films: [film, { ...film, filmId: 301 }] }],
    ['/films/301', { kinopoiskId: 301, nameRu: 'Матрица' }],
    ['/films/302', { kinopoiskId: 302, nameRu: 'Матрица: Революция' }],
  ]
  const upstream = await serve(({ url = '' }, response) => {
    const [, answer] = answers.find(([part]) => url.includes(part)) ?? []
    response.end(JSON.stringify(answer ?? { message: 'unknown' }))
  })
  const kinopoisk = { url: upstream.url, apiKey: 'key', sandbox: false }
  const own = await testApp({ KINOPOISK_COMPATIBLE: 'true' }, { firstAdmin, kinopoisk })
  try {
    const user = await testUser(own.app)
    const ask = client(own.app, await makeKey(own.app, user))
    const read = async (url: string) => (await as(own.app, user)({ method: 'GET', url })).json()
    const listed = ['reviews', 'awards'].map((name) => `/api/v2.2/films/301/${name}`)
    const found = ['/api/v1/persons?name=ann', '/api/v1/media_posts?page=1']
    const before = await Promise.all([...listed, ...found].map(async (url) => (await ask(url)).body))
    expect(before.every((body) => body.includes('302'))).toBe(true)
    expect(ids((await read('/people/77')).films)).toEqual([302, 301])

    await as(own.app, await testAdmin(own))({ method: 'DELETE', url: '/admin/kinopoisk/films/302' })
    expect(ids((await read('/movies/301/reviews')).items)).toEqual([302, 303])
    expect(await Promise.all([...listed, ...found].map(async (url) => (await ask(url)).body))).toEqual(before)
    const person = await read('/people/77')
    expect([ids(person.films), person.films_total]).toEqual([[301], 1])
    expect((await ask('/api/v1/staff/77')).json().films).toMatchObject([{ filmId: 301 }])
  } finally {
    await own.close()
    await upstream.close()
  }
})
