import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { jwtSecret, password } from './support/app.ts'
import { type Catalogue, catalogue } from './support/films.ts'
import { type Answer, type Front, keep, openFront, type Tokens } from './support/front.ts'

interface Named {
  id: number
  name: string
}
interface Movie {
  id: number
  title: string
  description: string
  trailer: string
  genre: Named
  director: Named
  year: number
}
interface Problem {
  message: string
}

const origin = 'https://front.example'
let service: Catalogue
let base: string
let front: Front
let users = 0

beforeAll(async () => {
  service = await catalogue({}, { PUBLIC_CATALOGUE: 'true', CORS_ORIGINS: origin })
  for (let i = 0; i < 20; i += 1) {
    await service.add({ name: `Кино ${i}`, genre: ['драма', 'комедия', 'фантастика'][i % 3], year: 1990 + (i % 7) })
  }
  const taken = await service.post('/films', { kinopoisk_id: 301 })
  expect(taken.statusCode, taken.body).toBe(201)
  base = await service.app.listen({ port: 0, host: '127.0.0.1' })
})
beforeEach(() => {
  front = openFront(base, origin)
})
afterAll(() => service.close())

async function logIn(email: string, word = password): Promise<Answer<Tokens>> {
  const answer = await front.call<Tokens>('POST', '/auth/login/', { email, password: word })
  if (answer.status === 200) keep(front.localStorage, answer.body)
  return answer
}

/** Registers and logs in at once, as the form does; gives the e-mail. */
async function join(): Promise<string> {
  const email = `viewer${++users}@example.org`
  const registered = await front.call('POST', '/auth/register/', { email, password })
  expect(registered.status).toBe(201)
  expect((await logIn(email)).status).toBe(200)
  return email
}

/** The same token, run out. */
function runOut(token: string): string {
  const [head, claims = ''] = token.split('.')
  const past = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), iat: 1_000_000_000, exp: 1_000_000_900 }
  const text = `${head}.${Buffer.from(JSON.stringify(past)).toString('base64url')}`
  return `${text}.${createHmac('sha256', jwtSecret).update(text).digest('base64url')}`
}

/** What a movie's page and card do with it: each throws on null. */
function render(movie: Movie): string {
  const video = movie.trailer.includes('watch?v=') ? movie.trailer.split('=')[1] : ''
  return [movie.title.trim(), movie.description.slice(0, 100), movie.genre.name, movie.director.name, video].join(' | ')
}

describe('Nobody is logged in', () => {
  test('the pages of the catalogue work, though the token is "undefined"', async () => {
    const { body: fresh } = await front.get<Movie[]>('/movies/?status=new')
    expect(fresh).toHaveLength(21)
    expect(fresh.map(render).join()).toContain('Матрица')
    expect(fresh.map((movie) => movie.year)).toEqual(fresh.map((movie) => movie.year).toSorted((a, b) => b - a))
    expect((await front.get('/movies/?status=New')).body).toEqual(fresh)
    const pages = await Promise.all([1, 2, 3].map((page) => front.get<Movie[]>(`/movies/?page=${page}`)))
    expect(pages.map(({ body }) => body.length)).toEqual([12, 9, 0])
    for (const { body } of pages) for (const movie of body) render(movie)
    for (const { id } of fresh) expect(render((await front.get<Movie>(`/movies/${id}/`)).body)).toMatch(/\S/)
    expect((await front.get<Named[]>('/directors/')).body).toContainEqual(
      expect.objectContaining({ name: 'Лана Вачовски' }),
    )
    expect((await front.get<Named[]>('/genres/')).body.map((genre) => genre.name)).toContain('комедия')
    expect(front.wire.filter((line) => / [45]\d\d$/.test(line))).toEqual([])
  })

  test('what needs a user says so in a message that can be shown', async () => {
    for (const path of ['/user/', '/profile/', '/favorites/movies/', '/movies/342/']) {
      const { status, body } = await front.get<Problem>(path)
      expect([path, status, body.message]).toEqual([path, 401, expect.stringMatching(/\S/)])
    }
  })

  test('a wrong form or a wrong password is told in a message too', async () => {
    const bad: [string, string, object][] = [
      ['POST', '/auth/register/', { email: '', password: '' }],
      ['POST', '/auth/register/', { email: 'viewer@example.org', password: '1' }],
      ['POST', '/auth/login/', { email: 'nobody@example.org', password }],
      ['GET', '/movies/?status=old', {}],
      ['GET', '/nothing/', {}],
    ]
    for (const [method, path, body] of bad) {
      const answer = await front.call<Problem>(method, path, method === 'GET' ? undefined : body)
      expect([path, answer.status >= 400, answer.body.message]).toEqual([path, true, expect.stringMatching(/\S/)])
    }
  })
})

describe('A user', () => {
  test('registers by e-mail, is logged in at once, and sees the profile at both addresses', async () => {
    const email = await join()
    const { status, body } = await front.get('/user/')
    expect([status, body]).toEqual([200, expect.objectContaining({ email, favourite_genre: null, name: null })])
    expect((await front.get('/profile/')).body).toEqual(body)
  })

  test('does not notice that the access token ran out: both tokens are renewed and the call is made again', async () => {
    const email = await join()
    const before = front.localStorage.get('refresh')
    front.localStorage.set('access', runOut(String(front.localStorage.get('access'))))
    front.wire.length = 0
    const { status, body } = await front.get('/user/')
    expect([status, body]).toEqual([200, expect.objectContaining({ email })])
    expect(front.wire.filter((line) => !line.startsWith('OPTIONS'))).toEqual([
      'GET /user/ 401',
      'PUT /auth/login 200',
      'GET /user/ 200',
    ])
    expect(front.localStorage.get('refresh')).not.toBe(before)
  })

  test('sees the catalogue with a token that ran out, too', async () => {
    await join()
    front.localStorage.set('access', runOut(String(front.localStorage.get('access'))))
    expect((await front.get('/movies/?status=new')).status).toBe(200)
  })

  test('changes the profile, with the genre out of the select as text', async () => {
    await join()
    const { body: genres } = await front.get<Named[]>('/genres/')
    const genre = genres.at(-1)?.id
    const change = { name: 'Анна', surname: 'Ли', favourite_genre: String(genre) }
    const changed = await front.call('PATCH', '/user/', change)
    expect([changed.status, changed.body]).toEqual([
      200,
      expect.objectContaining({ name: 'Анна', favourite_genre: genre, favorite_genre: genre }),
    ])
    expect((await front.get('/profile/')).body).toEqual(changed.body)
  })

  test('changes the password and logs in with the new one only', async () => {
    const email = await join()
    const passwords = { password_1: password, password_2: 'quite another battery' }
    const wrong = await front.call<Problem>('PUT', '/user/password/', { ...passwords, password_1: 'not this one' })
    expect([wrong.status, wrong.body.message]).toEqual([400, expect.stringMatching(/\S/)])
    const changed = await front.call('PUT', '/user/password', passwords)
    expect([changed.status, changed.body]).toEqual([204, null])
    expect((await front.get('/user/')).status).toBe(200)
    front.localStorage.clear()
    expect((await logIn(email)).status).toBe(401)
    expect((await logIn(email, passwords.password_2)).status).toBe(200)
  })

  test('bookmarks movies without a body, sees them, and takes one away', async () => {
    await join()
    const { body: movies } = await front.get<Movie[]>('/movies/?page=1')
    const [first, second] = movies as [Movie, Movie]
    for (const { id } of [first, second]) {
      expect((await front.call('POST', `/favorites/movies/${id}/`)).status).toBe(201)
    }
    expect((await front.call('POST', `/favorites/movies/${first.id}/`)).status).toBe(200)
    const bookmarks = await front.get<Movie[]>('/favorites/movies/')
    expect(bookmarks.body.map((movie) => movie.id)).toEqual([second.id, first.id])
    for (const movie of bookmarks.body) render(movie)
    const removed = await front.call('DELETE', `/favorites/movies/${first.id}/`)
    expect([removed.status, removed.body]).toEqual([204, null])
    expect((await front.get<Movie[]>('/favorites/movies/')).body.map((movie) => movie.id)).toEqual([second.id])
  })

  test('logs out: the tokens are dead, and the catalogue is still there', async () => {
    await join()
    expect((await front.call('POST', '/auth/logout/')).status).toBe(204)
    expect((await front.get('/movies/')).status).toBe(200)
    expect((await front.get('/user/')).status).toBe(401)
    expect(front.localStorage.size).toBe(0)
  })
})

describe('Another origin', () => {
  test('may read nothing', async () => {
    const foreign = openFront(base, 'https://evil.example')
    await expect(foreign.get('/movies/')).rejects.toThrow('does not let https://evil.example read')
  })
})
