import type { InjectOptions } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, password, type TestUser, testUser } from './support/app.ts'
import { type Catalogue, catalogue } from './support/films.ts'
import { expectProblem } from './support/problems.ts'

// Calls of public clients of such services that were refused once, each as its client writes it.
let service: Catalogue
let genreId: number
let user: TestUser
let asAnn: ReturnType<typeof as>

beforeAll(async () => {
  service = await catalogue()
  const others = await service.post('/directors', { name: 'Другой' })
  await service.add({ name: 'Первый', genre: 'фантастика', year: 1999 })
  await service.add({ name: 'Второй', genres: ['драма', 'фантастика'], year: 2003, director_id: others.json().id })
  await service.add({ name: 'Третий', genre: 'драма', year: 1999 })
  const genres = (await service.get('/genres')).json() as { id: number; name: string }[]
  genreId = genres.find(({ name }) => name === 'фантастика')?.id ?? 0
  user = await testUser(service.app)
  asAnn = as(service.app, user)
})
afterAll(() => service.close())

const form = (members: Record<string, string>): InjectOptions => ({
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  payload: new URLSearchParams(members).toString(),
})
const titles = (movies: { title: string }[]) => movies.map((movie) => movie.title)

describe('Calls that clients make are served', () => {
  test.each([
    ['JSON', (refresh_token: string) => ({ payload: { refresh_token } })],
    ['a form', (refresh_token: string) => form({ refresh_token })],
    ['a form with an empty access token', (refresh_token: string) => form({ refresh_token, access_token: '' })],
    ['JSON with null', (refresh_token: string) => ({ payload: { refresh_token, access_token: null } })],
  ])('PUT /auth/login with the refresh token alone, as %s', async (_, body) => {
    const { tokens, id } = await testUser(service.app)
    const answer = await service.app.inject({ method: 'PUT', url: '/auth/login', ...body(tokens.refresh_token) })
    expect(answer.statusCode, answer.body).toBe(200)
    const { access_token } = answer.json()
    const headers = { authorization: `Bearer ${access_token}` }
    expect((await service.app.inject({ url: '/user', headers })).json().id).toBe(id)
  })

  test.each(['favorites', 'wishlist'])('POST /movies/%s/301, with the id in the path', async (path) => {
    const bob = as(service.app, await testUser(service.app))
    const statuses = [201, 200]
    for (const status of statuses) {
      const answer = await bob({ method: 'POST', url: `/movies/${path}/301` })
      expect([answer.statusCode, answer.json().id]).toEqual([status, 301])
    }
    expect((await bob({ url: `/${path}/movies` })).json()).toHaveLength(1)
  })

  test.each(['favorites', 'wishlist'])('POST /%s/movies with the id in the body', async (path) => {
    const bob = as(service.app, await testUser(service.app))
    const add = (payload: object) => bob({ method: 'POST', url: `/${path}/movies/`, payload })
    expect((await add({ user_id: 1, movie_id: 301 })).statusCode).toBe(201)
    expect((await add({ movie_id: 301 })).statusCode).toBe(200)
    expectProblem(await add({ user_id: 1 }), 400, 'invalid_input')
    expectProblem(await add({ movie_id: 9_999_999 }), 404, 'movie_not_found')
    expect((await bob({ url: `/movies/${path}` })).json()).toHaveLength(1)
  })

  test.each(['/favorites/movies', '/wishlist/movies', '/movies/favorites', '/movies/wishlist'])(
    'GET %s/301: the movie, or 404 when it is not kept',
    async (url) => {
      const [bob, eve] = [as(service.app, await testUser(service.app)), as(service.app, await testUser(service.app))]
      const get = (who: typeof bob, id: number | string) => who({ method: 'GET', url: `${url}/${id}` })
      expect(expectProblem(await get(bob, 301), 404, 'movie_not_found').detail).toMatch(/301 is not in your/)
      await bob({ method: 'POST', url: `${url}/301` })
      const kept = await get(bob, 301)
      expect(kept.statusCode).toBe(200)
      expect([kept.json()]).toEqual((await bob({ url })).json())
      expectProblem(await get(eve, 301), 404, 'movie_not_found')
      expectProblem(await get(bob, 'abc'), 400, 'invalid_input')
      expectProblem(await service.app.inject({ url: `${url}/301` }), 401, 'missing_token')
      await bob({ method: 'DELETE', url: `${url}/301` })
      expectProblem(await get(bob, 301), 404, 'movie_not_found')
    },
  )

  test('GET /movies by director, genre and year, with a page and newest first', async () => {
    const list = async (query: string) => titles((await service.get(`/movies?${query}`)).json())
    expect(await list(`director_id=${service.directorId}`)).toEqual(['Первый', 'Третий'])
    expect(await list(`genre_id=${genreId}`)).toEqual(['Первый', 'Второй'])
    expect(await list(`genre_id=${genreId}&status=new`)).toEqual(['Второй', 'Первый'])
    expect(await list('year=1999')).toEqual(['Первый', 'Третий'])
    expect(await list('year=1999&state=new&page=1')).toEqual(['Третий', 'Первый'])
    expect(await list(`year=1999&genre_id=${genreId}&director_id=${service.directorId}`)).toEqual(['Первый'])
    for (const query of ['genre_id=2147483647', 'director_id=2147483647', 'year=1800'])
      expect(await list(query)).toEqual([])
    const page = await service.get(`/movies?page=1&genre_id=${genreId}`)
    expect([page.headers['x-total-count'], titles(page.json())]).toEqual(['2', ['Первый', 'Второй']])
    expect(page.headers.link).toContain(`</movies?page=1&genre_id=${genreId}>; rel="last"`)
    for (const query of ['year=99', 'year=abc', 'genre_id=0', 'director_id=', 'genre=драма'])
      expectProblem(await service.get(`/movies?${encodeURI(query)}`), 400, 'invalid_input')
  })

  test('GET /movies/search?keyword=', async () => {
    const [byKeyword, byQuery] = await Promise.all(
      ['keyword', 'query'].map((name) => service.get(`/movies/search?${name}=${encodeURIComponent('матрица')}`)),
    )
    expect([byKeyword?.statusCode, byKeyword?.json().items]).toEqual([200, byQuery?.json().items])
  })

  test.each(['/user', '/profile'])('PATCH %s as a form', async (url) => {
    const body = { name: 'Анна', age: '31', favourite_genre: String(genreId), surname: '' }
    const answer = await asAnn({ method: 'PATCH', url, ...form(body) })
    expect(answer.statusCode, answer.body).toBe(200)
    expect(answer.json()).toMatchObject({ name: 'Анна', age: 31, surname: null, favorite_genre: genreId })
  })

  test.each([
    ['genre[]', 'genre[]'],
    ['genre[0]', 'genre[1]'],
    ['genre', 'genre[]'],
    ['genre%5B%5D', 'genre%5B%5D'],
  ])('GET /films?%s=…&%s=…', async (first, second) => {
    const [drama, fantasy] = ['драма', 'фантастика'].map(encodeURIComponent)
    const films = await service.get(`/films?${first}=${drama}&${second}=${fantasy}`)
    expect(films.statusCode, films.body).toBe(200)
    expect(films.json().items).toEqual(
      (await service.get(`/films?${encodeURI('genre=драма&genre=фантастика')}`)).json().items,
    )
    expect(films.json().total).toBe(3)
  })
})

describe('Calls that stay refused tell what to change', () => {
  test.each<[string, InjectOptions, number, string, RegExp]>([
    [
      'POST /auth/',
      { method: 'POST', url: '/auth/', payload: { login: 'ann', password } },
      404,
      'not_found',
      /see \/docs/,
    ],
    ['GET /search', { url: '/search?query=x' }, 404, 'not_found', /see \/docs/],
    [
      'PATCH /users',
      { method: 'PATCH', url: '/users', payload: { name: 'x' } },
      405,
      'method_not_allowed',
      /GET, HEAD/,
    ],
    [
      'a key pwd',
      { method: 'POST', url: '/login', payload: { login: 'ann', pwd: password } },
      400,
      'invalid_input',
      /body\.password is required/,
    ],
    [
      'a weak password',
      { method: 'POST', url: '/register', payload: { login: 'annette', password: 'password' } },
      400,
      'weak_password',
      /\S/,
    ],
    [
      'favourite_genre 0',
      { method: 'PATCH', url: '/user', payload: { favourite_genre: 0 } },
      400,
      'invalid_input',
      /body\.favourite_genre must be >= 1/,
    ],
    ['page[]=1 where there is one page', { url: '/movies?page[]=1' }, 400, 'invalid_input', /known are .*page/],
    ['genre[name]=x', { url: '/films?genre[name]=x' }, 400, 'invalid_input', /known are .*genre/],
  ])('%s', async (_, options, status, code, detail) => {
    expect(expectProblem(await asAnn(options), status, code).detail).toMatch(detail)
  })

  test.each([
    ['a raw token', (token: string) => ({ authorization: token })],
    ['a token in X-API-KEY', (token: string) => ({ 'x-api-key': token })],
  ])('%s', async (_, headers) => {
    const answer = await service.app.inject({ url: '/user', headers: headers(user.tokens.access_token) })
    expect([answer.statusCode, answer.headers['www-authenticate']]).toEqual([401, expect.stringContaining('Bearer')])
  })
})
