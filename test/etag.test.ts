import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Catalogue, catalogue, problemOf } from './support/films.ts'

let service: Catalogue
let id: number

beforeAll(async () => {
  service = await catalogue()
  id = (await service.add()).id
  await service.reader({ method: 'POST', url: `/favorites/movies/${id}` })
})
afterAll(() => service.close())

const ask = (url: string, tag?: string, method: 'GET' | 'HEAD' = 'GET') =>
  service.reader({ method, url, headers: tag === undefined ? {} : { 'if-none-match': tag } })
const tagOf = async (url: string) => String((await ask(url)).headers.etag)

const details = ['/films/ID', '/movies/ID', '/genres/1', '/directors/1']
const lists = [
  '/films',
  '/films?sort=-rate',
  '/movies?page=1',
  '/genres',
  '/directors',
  '/movies/favorites',
  '/ratings',
]

describe.each([...details, ...lists, '/movies/search?query=матрица', '/movies/301'])('GET %s', (path) => {
  const url = () => path.replace('ID', String(id))

  test('has an entity tag, and is 304 without a body to who has it', async () => {
    await ask(url())
    const tag = await tagOf(url())
    expect(tag).toMatch(/^"[\w-]{20,}(\.\w+)?"$/)
    for (const given of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const answer = await ask(url(), given)
      expect([given, answer.statusCode, answer.body]).toEqual([given, 304, ''])
      expect(answer.headers).toMatchObject({ etag: tag })
      expect(answer.headers['content-type']).toBeUndefined()
    }
  })

  test('is whole to who has another, also for HEAD', async () => {
    const answer = await ask(url(), '"other"')
    expect(answer.statusCode).toBe(200)
    expect(answer.body.length).toBeGreaterThan(0)
    const head = await ask(url(), undefined, 'HEAD')
    expect([head.statusCode, head.body, head.headers.etag]).toEqual([200, '', answer.headers.etag])
    expect((await ask(url(), String(answer.headers.etag), 'HEAD')).statusCode).toBe(304)
  })
})

test('Another film, another tag', async () => {
  const urls = ['/films', '/movies?page=1', '/movies/favorites', `/films/${id}`, `/movies/${id}`]
  const before = await Promise.all(urls.map(tagOf))
  await service.admin({ method: 'PATCH', url: `/films/${id}`, payload: { minutes: 99 } })
  const answers = await Promise.all(urls.map((url, i) => ask(url, before[i])))
  expect(answers.map((answer) => answer.statusCode)).toEqual([200, 200, 200, 200, 200])
  await service.admin({ method: 'PATCH', url: `/films/${id}`, payload: { minutes: 100 } })
})

test('The tag of a list tells its place and its total', async () => {
  const before = await tagOf('/films?sort=name&limit=20')
  await service.add({ name: 'ЯЯЯ behind all others', rate: 1 })
  expect((await ask('/films?sort=name&limit=20', before)).statusCode).toBe(200)
})

test('The tag of a search covers the flags of the user', async () => {
  const url = '/movies/search?query=матрица'
  await ask(url)
  const before = await tagOf(url)
  const { items } = (await ask(url)).json()
  await service.reader({ method: 'POST', url: `/wishlist/movies/${items[0].id}` })
  expect((await ask(url, before)).statusCode).toBe(200)
})

test('What is wrong is said whole, whoever has what', async () => {
  problemOf(await ask('/films/1999999999', '*'), 404, 'film_not_found')
  problemOf(await ask('/films?limit=7', '*'), 400, 'invalid_input')
})

test('A write has no tag', async () => {
  const answer = await service.reader({ method: 'PUT', url: `/films/${id}/rating`, payload: { value: 3 } })
  expect([answer.statusCode, answer.headers.etag]).toEqual([201, undefined])
})

test('The catalogue may be kept by caches that ask each time, what is personal may not', async () => {
  expect((await ask(`/films/${id}`)).headers['cache-control']).toBe('private, no-cache')
  expect((await ask('/movies/favorites')).headers['cache-control']).toBe('no-store')
})
