import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './support/app.ts'
import { expectProblem } from './support/problems.ts'

let service: TestApp
let films: number[]
const names = ['Гамма', 'Альфа', 'Дельта', 'Бета', 'Эпсилон']

beforeAll(async () => {
  service = await testApp({ PUBLIC_CATALOGUE: 'true', DEMO_CATALOGUE: 'false' }, { firstAdmin })
  const admin = as(service.app, await testAdmin(service))
  const director = (await admin({ method: 'POST', url: '/directors', payload: { name: 'Режиссёр' } })).json().id
  films = []
  for (const [index, name] of names.entries()) {
    const film = { name, director_id: director, rate: 5 + (index % 3), year: 1990 + index, minutes: 90 }
    const genre = index % 2 === 0 ? 'драма' : 'комедия'
    films.push((await admin({ method: 'POST', url: '/films', payload: { ...film, genre } })).json().id)
  }
})
afterAll(() => service.close())

async function reader() {
  const request = as(service.app, await testUser(service.app))
  const get = (url: string, headers = {}) => request({ method: 'GET', url, headers })
  const titles = async (url: string) => ((await get(url)).json() as { title: string }[]).map((movie) => movie.title)
  return { request, get, titles }
}

const [nothing, favourite] = [
  { is_favorite: false, in_wishlist: false, my_rating: null },
  { is_favorite: true, in_wishlist: false, my_rating: null },
]

describe('what a film is to the user', () => {
  test('comes whole in every coding, each under a tag of its own, also of one film of a list', async () => {
    const ann = await reader()
    const url = `/favorites/movies/${films[4]}`
    await service.app.database
      .sql`update films set description = ${'Описание. '.repeat(200)} where id = ${films[4] ?? 0}`
    await ann.request({ method: 'POST', url })
    const plain = await ann.get(url)
    const [br, gzip] = [
      await ann.get(url, { 'accept-encoding': 'br' }),
      await ann.get(url, { 'accept-encoding': 'gzip' }),
    ]
    expect([br.headers['content-encoding'], gzip.headers['content-encoding']]).toEqual(['br', 'gzip'])
    expect(brotliDecompressSync(br.rawPayload).toString()).toBe(plain.body)
    expect(gunzipSync(gzip.rawPayload).toString()).toBe(plain.body)
    const tags = [plain, br, gzip].map(({ headers }) => headers.etag)
    expect(new Set(tags).size).toBe(3)
    for (const tag of tags) expect(tag).toMatch(/^"[^"\s]+"$/)
    expect((await ann.get(url, { 'accept-encoding': 'br', 'if-none-match': String(tags[1]) })).statusCode).toBe(304)
  })

  test('is in the film, in every listing and in the lists, from the next request on', async () => {
    const ann = await reader()
    const [first = 0, second = 0] = films
    expect((await ann.get(`/movies/${first}`)).json()).toMatchObject(nothing)
    const added = await ann.request({ method: 'POST', url: `/favorites/movies/${first}` })
    expect(added.json()).toMatchObject({ ...favourite, added_at: expect.stringMatching(/^\d{4}-.*Z$/) })
    expect((await ann.get(`/movies/${first}`)).json()).toMatchObject(favourite)
    await ann.request({ method: 'PUT', url: `/films/${second}/rating`, payload: { value: 10 } })
    await ann.request({ method: 'POST', url: `/wishlist/movies/${second}` })
    const rated = { is_favorite: false, in_wishlist: true, my_rating: 10 }
    for (const url of ['/movies', '/movies?page=1']) {
      const [one, two, three] = (await ann.get(url)).json()
      expect([one, two, three]).toMatchObject([favourite, rated, nothing])
    }
    expect((await ann.get('/movies/favorites')).json()).toMatchObject([favourite])
    expect((await ann.get('/movies/wishlist')).json()).toMatchObject([rated])
    expect((await ann.get('/ratings')).json()).toMatchObject([{ value: 10, movie: rated }])
    await ann.request({ method: 'DELETE', url: `/films/${second}/rating` })
    await ann.request({ method: 'DELETE', url: `/favorites/movies/${first}` })
    expect((await ann.get(`/movies/${first}`)).json()).toMatchObject(nothing)
    expect((await ann.get(`/movies/${second}`)).json()).toMatchObject({ in_wishlist: true, my_rating: null })
  })

  test('is in a search too', async () => {
    const ann = await reader()
    await ann.request({ method: 'PUT', url: '/films/301/rating', payload: { value: 7 } })
    const { items } = (await ann.get('/movies/search?query=матрица')).json()
    expect(items.find(({ id }: { id: number }) => id === 301)).toMatchObject({ ...nothing, my_rating: 7 })
  })

  test('is private, with a tag of its own; without a user the members are absent, and the film is shared', async () => {
    const [ann, bob] = [await reader(), await reader()]
    const url = `/movies/${films[2]}`
    await ann.request({ method: 'POST', url: `/wishlist/movies/${films[2]}` })
    const [own, other, open] = [await ann.get(url), await bob.get(url), await service.app.inject({ url })]
    expect(own.headers['cache-control']).toBe('private, no-cache')
    expect(open.headers['cache-control']).toBe('no-cache')
    expect(open.headers.vary).toContain('authorization')
    expect(new Set([own, other, open].map(({ headers }) => headers.etag)).size).toBe(3)
    expect(open.json()).not.toHaveProperty('is_favorite')
    expect(own.json()).toEqual({ ...open.json(), ...nothing, in_wishlist: true })
    expect((await ann.get(url, { 'if-none-match': own.headers.etag })).statusCode).toBe(304)
    expect((await bob.get(url, { 'if-none-match': own.headers.etag })).statusCode).toBe(200)
    for (const each of ['/movies', '/movies?page=1']) {
      expect((await ann.get(each)).headers['cache-control']).toBe('private, no-cache')
      expect((await service.app.inject({ url: each })).json()[0]).not.toHaveProperty('my_rating')
    }
  })
})

describe("a user's list", () => {
  let ann: Awaited<ReturnType<typeof reader>>
  beforeAll(async () => {
    ann = await reader()
    for (const id of films) {
      await ann.request({ method: 'POST', url: `/favorites/movies/${id}` })
      await ann.request({ method: 'POST', url: `/wishlist/movies/${id}` })
    }
    for (const [index, id] of films.slice(0, 3).entries())
      await ann.request({ method: 'PUT', url: `/films/${id}/rating`, payload: { value: [5, 9, 7][index] } })
  })

  test.each([
    ['sort=title', ['Альфа', 'Бета', 'Гамма', 'Дельта', 'Эпсилон']],
    ['sort=-title', ['Эпсилон', 'Дельта', 'Гамма', 'Бета', 'Альфа']],
    ['sort=added', names],
    ['sort=-added', names.toReversed()],
    ['sort=year', names],
    ['sort=-rating', ['Дельта', 'Эпсилон', 'Альфа', 'Бета', 'Гамма']],
    ['sort=-my_rating', ['Альфа', 'Дельта', 'Гамма', 'Эпсилон', 'Бета']],
    ['sort=my_rating', ['Гамма', 'Дельта', 'Альфа', 'Эпсилон', 'Бета']],
    ['genre=Комедия', ['Бета', 'Альфа']],
    ['q=льф', ['Альфа']],
    ['q=а', ['Альфа']],
    ['sort=title&limit=2&page=2', ['Гамма', 'Дельта']],
    ['limit=2', ['Эпсилон', 'Бета']],
  ])('is sorted and filtered: %s', async (query, expected) => {
    for (const url of ['/movies/favorites', '/wishlist/movies'])
      expect(await ann.titles(`${url}?${query}`)).toEqual(expected)
  })

  test('of scores is too, and says when each was added', async () => {
    const get = async (query: string) =>
      (await ann.get(`/ratings?${query}`)).json().map((rating: { value: number }) => rating.value)
    expect(await get('sort=-my_rating')).toEqual([9, 7, 5])
    expect(await get('sort=title')).toEqual([9, 5, 7])
    expect(await get('genre=драма')).toEqual([7, 5])
    const page = await ann.get('/ratings?limit=2')
    expect(page.headers['x-total-count']).toBe('3')
    expect(page.headers.link).toContain('rel="next"')
    const [first] = page.json()
    expect(first.added_at).toBe(first.created_at)
  })

  test('refuses what it does not know, naming what it does', async () => {
    const { errors } = expectProblem(await ann.get('/movies/favorites?sort=length'), 400, 'invalid_input')
    expect(JSON.stringify(errors)).toContain('-my_rating')
    expectProblem(await ann.get('/movies/favorites?limit=101'), 400, 'invalid_input')
  })

  test('of more than a batch is streamed in the order that was wanted', async () => {
    const bob = await reader()
    const { sql } = service.app.database
    const { id } = (await bob.get('/user')).json()
    await sql`insert into films (name, year) select 'Ряд ' || n, 1900 + n % 100 from generate_series(1, 250) n`
    await sql`insert into favourites (user_id, film_id) select ${id}, id from films where name like 'Ряд %'`
    const movies = (await bob.get('/favorites/movies?sort=-year&q=ряд')).json() as { year: number }[]
    expect(movies).toHaveLength(250)
    expect(movies.map(({ year }) => year)).toEqual(movies.map(({ year }) => year).toSorted((a, b) => b - a))
  })
})
