import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../src/db/connect.ts'
import { type FilmFact, films as sandboxFilms } from '../src/embedded/sandbox/films.ts'
import { startSandbox } from '../src/embedded/sandbox/server.ts'
import { mustBeWebUrl } from '../src/text/web-url.ts'
import { as, testUser } from './support/app.ts'
import { type Catalogue, catalogue, problemOf } from './support/films.ts'

let service: Catalogue
beforeAll(async () => {
  service = await catalogue({ clock: { now: () => new Date('2026-11-20T12:00:00Z'), random: () => 0.5 } })
})
afterAll(() => service.close())

/** What no address of the web is, or what a page should not show. */
const notWeb = [
  'javascript:alert(1)',
  'data:text/html,x',
  'ftp://posters.example/1.jpg',
  '//posters.example/1.jpg',
  '/images/1.jpg',
  'posters.example/1.jpg',
  'https:https://posters.example/1.jpg',
  'https://https://posters.example/1.jpg',
  'https://me:secret@posters.example/1.jpg',
  'https://me@posters.example/1.jpg',
  'https://posters.example/a b.jpg',
  'https://posters.example/a\0b.jpg',
  'https://posters.example/\ud800.jpg',
  'https://',
  'https://:80/1.jpg',
]

const create = (given: object) => service.post('/films', service.film(given))
const patch = (id: number, payload: object) => service.admin({ method: 'PATCH', url: `/films/${id}`, payload })
const remove = (id: number) => service.admin({ method: 'DELETE', url: `/films/${id}` })

describe('POST /films', () => {
  test('a film is made with all its members, and found where Location says', async () => {
    const response = await create({
      name: '  Матрица \t 1 ',
      original_name: 'The  Matrix',
      genres: ['Фантастика', 'боевик'],
      genre: undefined,
      rate: 8.5,
      year: 1999,
      minutes: 136,
      description: 'О мире',
      trailer: '',
    })
    expect(response.statusCode).toBe(201)
    const film = response.json()
    expect(film).toEqual({
      id: film.id,
      name: 'Матрица 1',
      original_name: 'The Matrix',
      genre: 'Фантастика',
      genres: ['Фантастика', 'боевик'],
      director_id: service.directorId,
      director: { id: service.directorId, name: 'Лана Вачовски' },
      rate: 8.5,
      year: 1999,
      minutes: 136,
      description: 'О мире',
      trailer: null,
      poster_url: null,
      poster: null,
      kinopoisk_id: null,
      user_rate: null,
      user_votes: 0,
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
      updated_at: film.created_at,
    })
    expect(film.id).toBeGreaterThanOrEqual(1_000_000_000)
    expect(response.headers.location).toBe(`/films/${film.id}`)
    expect((await service.get(`/films/${film.id}`)).json()).toEqual(film)
    expect((await service.get(`/movies/${film.id}`)).json()).toMatchObject({ id: film.id, title: 'Матрица 1' })
  })

  test.each([0, 10, 8.3, 8.29, 0.07, 9.99, 1.1])('a rate of %d is kept as given', async (rate) => {
    expect((await service.add({ rate })).rate).toBe(rate)
  })

  test.each([
    ['name', undefined, 'is required'],
    ['name', '', 'must not be empty'],
    ['name', ' \t\u00a0', 'must not be empty'],
    ['name', null, 'must be string'],
    ['name', 5, 'must be string'],
    ['name', 'x'.repeat(501), 'must NOT have more than 500 characters'],
    ['name', '\u0958'.repeat(500), 'must NOT have more than 500 characters'],
    ['name', 'a\0b', 'must not contain NUL or lone surrogates'],
    ['name', 'a\ud800', 'must not contain NUL or lone surrogates'],
    ['genre', undefined, 'is required'],
    ['genre', ' ', 'must not be empty'],
    ['genre', 'x'.repeat(101), 'must NOT have more than 100 characters'],
    ['genres', [], 'must NOT have fewer than 1 items'],
    ['genres', 'драма', 'must be array'],
    ['genres', Array(21).fill('драма'), 'must NOT have more than 20 items'],
    ['director_id', undefined, 'is required'],
    ['director_id', '1', 'must be integer'],
    ['director_id', 0, 'must be >= 1'],
    ['director_id', 2 ** 31, 'must be <= 2147483647'],
    ['rate', undefined, 'is required'],
    ['rate', -0.1, 'must be >= 0'],
    ['rate', 10.01, 'must be <= 10'],
    ['rate', 7.123, 'must have at most 2 decimals'],
    ['rate', 1e-7, 'must have at most 2 decimals'],
    ['rate', '7', 'must be number'],
    ['year', undefined, 'is required'],
    ['year', 1887, 'must be >= 1888'],
    ['year', 2037, 'must be <= 2036'],
    ['year', 1999.5, 'must be integer'],
    ['minutes', undefined, 'is required'],
    ['minutes', null, 'must be integer'],
    ['minutes', 0, 'must be >= 1'],
    ['minutes', -5, 'must be >= 1'],
    ['minutes', 1441, 'must be <= 1440'],
    ['minutes', 90.5, 'must be integer'],
    ['description', 5, 'must be string'],
    ['poster_url', `https://p.example/${'x'.repeat(2048)}`, 'must NOT have more than 2048 characters'],
    ...notWeb.flatMap((url) =>
      ['poster_url', 'trailer'].map((name): [string, unknown, string] => [name, url, mustBeWebUrl]),
    ),
    ['kinopoisk_id', 0, 'must be >= 1'],
    ['kinopoisk_id', 1_000_000_000, 'must be <= 999999999'],
    ['kinopoisk_id', null, 'must be integer'],
  ])('a %s that does not fit is refused (%#)', async (name, value, message) => {
    const response = await create({ [name]: value })
    expect(problemOf(response, 400, 'invalid_input')).toContain(`body.${name} ${message}`)
    expect(response.json().errors).toHaveLength(1)
  })

  test('all faults are told at once', async () => {
    const detail = problemOf(await service.post('/films', { name: ' ', minutes: 0 }), 400, 'invalid_input')
    for (const name of ['name', 'genre', 'director_id', 'rate', 'year', 'minutes']) expect(detail).toContain(name)
  })

  test.each([1888, 2036])('the year %d is fine', async (year) => {
    expect((await service.add({ year })).year).toBe(year)
  })

  test('an unknown director is 422', async () => {
    const response = await create({ director_id: 999_999 })
    expect(problemOf(response, 422, 'unknown_reference')).toBe('body.director_id 999999 is not the id of a director')
  })

  test('members that are not known are ignored, and can set nothing', async () => {
    const film = await service.add({ id: 5, listed: false, user_votes: 7, created_at: '2000-01-01', words: 'x' })
    expect(film.id).toBeGreaterThan(1_000_000_000)
    expect(film).toMatchObject({ user_votes: 0 })
  })

  test('a genre that is there in another case is taken, one that is not is made; both members are joined', async () => {
    await service.post('/genres', { name: 'Нуар' })
    const film = await service.add({ genre: 'вестерн  новый', genres: ['НУАР', 'Вестерн Новый', 'нуар'] })
    expect(film.genres).toEqual(['вестерн новый', 'Нуар'])
    const genres: { name: string }[] = (await service.get('/genres')).json()
    expect(genres.filter(({ name }) => /^(нуар|вестерн новый)$/i.test(name))).toHaveLength(2)
  })

  test('of many at once with one name, however written, exactly one is made', async () => {
    const names = ['Ёлки и люди', ' ёлки  и люди', 'ЁЛКИ И\tЛЮДИ ', 'Ёлки и\u00a0люди', 'Ёлки\u200b и лю\u00adди']
    const responses = await Promise.all(Array.from({ length: 20 }, (_, i) => create({ name: names[i % 5] })))
    const made = responses.filter((response) => response.statusCode === 201)
    expect(made).toHaveLength(1)
    for (const response of responses) if (!made.includes(response)) problemOf(response, 409, 'film_exists')
    expect((await service.get(`/films?q=${encodeURIComponent('ёлки и люди')}`)).json().total).toBe(1)
  })

  test('of many at once with one new genre, all are made', async () => {
    const films = await Promise.all(
      Array.from({ length: 10 }, () => service.add({ genres: ['аниме', 'сёнэн'], genre: undefined })),
    )
    for (const film of films) expect(film.genres).toEqual(['аниме', 'сёнэн'])
  })

  test('a director can not go while a film is made of his', async () => {
    const { id } = (await service.post('/directors', { name: 'Мимолётный' })).json()
    const [gone, ...made] = await Promise.all([
      service.admin({ method: 'DELETE', url: `/directors/${id}` }),
      ...Array.from({ length: 5 }, () => create({ director_id: id })),
    ])
    const statuses = made.map((response) => response.statusCode)
    expect([204, 409]).toContain(gone.statusCode)
    expect(statuses).toContain(gone.statusCode === 204 ? 422 : 201)
    for (const status of statuses) expect([201, 422]).toContain(status)
  })

  test('users and strangers may not', async () => {
    problemOf(await service.reader({ method: 'POST', url: '/films', payload: service.film() }), 403, 'forbidden')
    problemOf(await service.app.inject({ method: 'POST', url: '/films', payload: {} }), 401, 'missing_token')
    problemOf(await service.app.inject({ url: '/films' }), 401, 'missing_token')
  })
})

describe('POST /films with a kinopoisk_id', () => {
  const callsTo = (path: string) => service.calls.filter((call) => call.path.includes(path))

  test('details and director come from Kinopoisk', async () => {
    const response = await service.post('/films', { kinopoisk_id: 301 })
    expect(response.statusCode).toBe(201)
    expect(response.headers.location).toBe('/films/301')
    const film = response.json()
    expect(film).toMatchObject({
      id: 301,
      kinopoisk_id: 301,
      name: 'Матрица',
      original_name: 'The Matrix',
      genre: 'Фантастика',
      genres: ['Фантастика', 'боевик'],
      rate: 8.5,
      year: 1999,
      minutes: 136,
      poster_url: expect.stringMatching(/^https:/),
    })
    expect(film.director.name).toBe('Лана Вачовски')
    expect(film.director_id).not.toBe(service.directorId)
    expect((await service.get('/films?q=матрица')).json().items).toContainEqual(film)
    expect((await service.get('/movies/301')).json().director).toEqual(film.director)
  })

  test('listed already is 409, and upstream is not asked again', async () => {
    const before = service.calls.length
    expect(problemOf(await service.post('/films', { kinopoisk_id: 301 }), 409, 'film_exists')).toContain('301')
    expect(service.calls).toHaveLength(before)
  })

  test('of many at once exactly one lists it, and two films of one director share him', async () => {
    const responses = await Promise.all(Array.from({ length: 10 }, () => service.post('/films', { kinopoisk_id: 299 })))
    expect(responses.map((response) => response.statusCode).toSorted()).toEqual([201, ...Array(9).fill(409)])
    const [first, second] = await Promise.all([service.get('/films/299'), service.get('/films/301')])
    expect(first.json().director).toEqual(second.json().director)
  })

  test('unknown to Kinopoisk is 404, and not kept', async () => {
    expect(problemOf(await service.post('/films', { kinopoisk_id: 9_999_999 }), 404, 'film_not_found')).toContain(
      '9999999',
    )
    problemOf(await service.get('/films/9999999'), 404, 'film_not_found')
  })

  test('a film that users keep is listed with its row and its id', async () => {
    const kept = await service.reader({ method: 'POST', url: '/favorites/movies/326' })
    expect(kept.statusCode).toBe(201)
    problemOf(await patch(326, { rate: 1 }), 404, 'film_not_found')
    expect((await service.post('/films', { kinopoisk_id: 326 })).statusCode).toBe(201)
    const [favourite] = (await service.get('/favorites/movies')).json()
    expect(favourite).toMatchObject({ id: 326, favorites_count: 1, director: { name: expect.any(String) } })
  })

  test('what is given comes before what Kinopoisk tells, and a director given is not asked for', async () => {
    const given = { name: 'Наша матрица', director_id: service.directorId, rate: 9.99, genre: 'нуар', year: 2001 }
    const { id = 0 } = sandboxFilms.find((film) => ![301, 299, 326].includes(film.id)) ?? {}
    const film = (await service.post('/films', { kinopoisk_id: id, ...given })).json()
    expect(film).toMatchObject({
      id,
      name: 'Наша матрица',
      rate: 9.99,
      year: 2001,
      director: { id: service.directorId },
    })
    expect(callsTo(`filmId=${id}`)).toHaveLength(0)
    problemOf(await service.post('/films', { kinopoisk_id: 342, director_id: 999_999 }), 422, 'unknown_reference')
  })

  test('a name that is taken is 409', async () => {
    const { id = 0, name_ru } =
      sandboxFilms.findLast((film) => film.directors.length > 0 && film.name_ru && film.year) ?? {}
    await service.add({ name: name_ru?.toUpperCase() })
    problemOf(await service.post('/films', { kinopoisk_id: id }), 409, 'film_exists')
    expect((await service.post('/films', { kinopoisk_id: id, name: 'Другое имя' })).statusCode).toBe(201)
  })

  test('when upstream is out of order, nothing is changed and the problem says so', { tags: 'slow' }, async () => {
    service.sandbox.fail(500)
    const response = await service.post('/films', { kinopoisk_id: 435 })
    service.sandbox.fail(null)
    expect(response.statusCode).toBeGreaterThanOrEqual(502)
    problemOf(await service.get('/films/435'), 404, 'film_not_found')
  })
})

describe('POST /films of a film of which Kinopoisk knows little', () => {
  const bare = sandboxFilms[0] as FilmFact
  const director = { id: 5, name_ru: null, name_en: 'Somebody' }
  const films: FilmFact[] = [
    { ...bare, id: 1, name_ru: 'Без всего', directors: [], genres: [], year: null },
    { ...bare, id: 2, name_ru: 'Англичанин', directors: [{ ...director, id: 4, name_en: null }, director] },
  ]
  let small: Catalogue
  let sandbox: Awaited<ReturnType<typeof startSandbox>>
  beforeAll(async () => {
    sandbox = await startSandbox({ films })
    const kinopoisk = { url: sandbox.url, apiKey: 'key', sandbox: true }
    small = await catalogue({ kinopoisk }, { KINOPOISK_TIMEOUT: '2s' })
  })
  afterAll(async () => {
    await small.close()
    await sandbox.close()
  })

  test('the problem says what to send along, and then it works', async () => {
    const detail = problemOf(await small.post('/films', { kinopoisk_id: 1 }), 422, 'film_incomplete')
    expect(detail).toContain('send director_id, genres, year along with kinopoisk_id')
    const given = { director_id: small.directorId, genre: 'драма', year: 1990 }
    const response = await small.post('/films', { kinopoisk_id: 1, ...given })
    expect(response.json()).toMatchObject({ id: 1, name: 'Без всего', genres: ['драма'], year: 1990 })
  })

  test('the director is the first with a name, in whatever language', async () => {
    expect((await small.post('/films', { kinopoisk_id: 2 })).json().director.name).toBe('Somebody')
  })

  test('no connection is held while upstream is waited for', { tags: 'slow' }, async () => {
    sandbox.fail('hang')
    let answered = 0
    const add = () => small.post('/films', { kinopoisk_id: 2 ** 20 }).finally(() => answered++)
    const waiting = Array.from({ length: 15 }, add)
    expect((await small.get('/films')).statusCode).toBe(200)
    expect(answered).toBe(0)
    for (const response of await Promise.all(waiting)) problemOf(response, 504, 'upstream_timeout')
    sandbox.fail(null)
  })
})

describe('GET /films/{id}', () => {
  test('any film that is known is found, listed or not; upstream is not asked', async () => {
    await service.get('/movies/389')
    const before = service.calls.length
    expect((await service.get('/films/389')).json()).toMatchObject({ id: 389, director_id: null, director: null })
    for (const id of [500, 500_000_000, 2_000_000_000]) {
      problemOf(await service.get(`/films/${id}`), 404, 'film_not_found')
    }
    expect(service.calls).toHaveLength(before)
  })

  test.each(['0', '-1', 'x', '1.5', '1e3', '2147483648', '%20'])('the id %s is refused', async (id) => {
    problemOf(await service.get(`/films/${id}`), 400, 'invalid_input')
  })

  test('HEAD is as GET', async () => {
    const { id } = await service.add()
    const head = await service.reader({ method: 'HEAD', url: `/films/${id}` })
    expect(head.statusCode).toBe(200)
    expect(head.body).toBe('')
  })
})

describe('PATCH /films/{id}', () => {
  let id: number
  beforeEach(async () => {
    ;({ id } = await service.add({ description: 'Старое' }))
  })

  test('only what is named changes, and updated_at moves', async () => {
    const before = (await service.get(`/films/${id}`)).json()
    const after = await patch(id, { rate: 9.1, description: '', genres: ['Новый жанр', 'драма'] })
    expect(after.statusCode).toBe(200)
    const { updated_at } = after.json()
    expect(Date.parse(updated_at)).toBeGreaterThan(Date.parse(before.updated_at))
    const changed = { rate: 9.1, description: null, genre: 'Новый жанр', genres: ['Новый жанр', 'драма'], updated_at }
    expect(after.json()).toEqual({ ...before, ...changed })
    expect((await service.get(`/films/${id}`)).json()).toEqual(after.json())
  })

  test('nothing named changes nothing', async () => {
    const before = (await service.get(`/films/${id}`)).json()
    const after = await patch(id, {})
    expect(after.json()).toEqual({ ...before, updated_at: after.json().updated_at })
  })

  test.each([
    [{ name: ' ' }, 'body.name must not be empty'],
    [{ minutes: 1441 }, 'body.minutes must be <= 1440'],
    [{ rate: 5.555 }, 'body.rate must have at most 2 decimals'],
    [{ year: 2037 }, 'body.year must be <= 2036'],
    [{ director_id: null }, 'body.director_id must be integer'],
    [{ genres: [] }, 'body.genres must NOT have fewer than 1 items'],
    [[], 'body must be object'],
  ])('%j is refused', async (body, message) => {
    expect(problemOf(await patch(id, body), 400, 'invalid_input')).toContain(message)
  })

  test('director, name and film must fit', async () => {
    const other = await service.add()
    problemOf(await patch(id, { director_id: 999_999 }), 422, 'unknown_reference')
    problemOf(await patch(id, { name: other.name.toUpperCase() }), 409, 'film_exists')
    problemOf(await patch(999, { rate: 5 }), 404, 'film_not_found')
    expect((await patch(id, { name: 'Имя свободно' })).json().name).toBe('Имя свободно')
  })

  test('users may not', async () => {
    const response = await service.reader({ method: 'PATCH', url: `/films/${id}`, payload: { rate: 1 } })
    problemOf(response, 403, 'forbidden')
  })
})

describe('DELETE /films/{id}', () => {
  const total = async () => (await service.get('/films')).json().total

  test('a film of ours that nobody keeps is gone for good', async () => {
    const before = await total()
    const { id, name } = await service.add()
    expect(await total()).toBe(before + 1)
    expect((await remove(id)).statusCode).toBe(204)
    expect(await total()).toBe(before)
    problemOf(await service.get(`/films/${id}`), 404, 'film_not_found')
    problemOf(await remove(id), 404, 'film_not_found')
    expect((await create({ name })).statusCode).toBe(201)
  })

  test.each(['favorites', 'wishlist'])('who keeps it among the %s still sees it', async (list) => {
    const { id, name } = await service.add()
    const keeper = as(service.app, await testUser(service.app))
    await keeper({ method: 'POST', url: `/${list}/movies/${id}` })
    expect((await remove(id)).statusCode).toBe(204)
    const kept: { id: number }[] = (await keeper({ url: `/${list}/movies` })).json()
    expect(kept.map((film) => film.id)).toEqual([id])
    expect((await service.get(`/films/${id}`)).json()).toMatchObject({ id, name })
    expect((await service.get(`/films?q=${encodeURIComponent(name)}`)).json().items).not.toContainEqual({ id })
    problemOf(await patch(id, { rate: 1 }), 404, 'film_not_found')
    problemOf(await remove(id), 404, 'film_not_found')
  })

  test('a rated film stays known', async () => {
    const { id } = await service.add()
    const { sql, close } = connect(service.databaseUrl, { max: 1 })
    await sql`insert into ratings (user_id, film_id, value) select min(id), ${id}, 8 from users`
    await close()
    expect((await remove(id)).statusCode).toBe(204)
    expect((await service.get(`/films/${id}`)).json()).toMatchObject({ user_rate: 8, user_votes: 1 })
  })

  test('a Kinopoisk film stays known and can be listed again', async () => {
    await service.post('/films', { kinopoisk_id: 258687 })
    await patch(258687, { name: 'Переименованный' })
    expect((await remove(258687)).statusCode).toBe(204)
    expect((await service.get('/films/258687')).statusCode).toBe(200)
    problemOf(await remove(258687), 404, 'film_not_found')
    const again = await service.post('/films', { kinopoisk_id: 258687 })
    expect(again.statusCode).toBe(201)
    expect(again.json().name).not.toBe('Переименованный')
  })

  test('a film that is just being kept never leaves a list with a hole', async () => {
    for (let round = 0; round < 10; round++) {
      const { id } = await service.add()
      const [removed, kept] = await Promise.all([
        remove(id),
        service.reader({ method: 'POST', url: `/favorites/movies/${id}` }),
      ])
      expect(removed.statusCode).toBe(204)
      expect([201, 404]).toContain(kept.statusCode)
      expect((await service.get(`/films/${id}`)).statusCode).toBe(kept.statusCode === 201 ? 200 : 404)
    }
  })

  test('users may not', async () => {
    problemOf(await service.reader({ method: 'DELETE', url: '/films/301' }), 403, 'forbidden')
  })
})

test('the document has every operation with its errors', { tags: 'slow' }, async () => {
  const { paths } = (await service.app.inject({ url: '/openapi.json' })).json()
  expect(paths['/films'].post.operationId).toBe('createFilm')
  expect(Object.keys(paths['/films'].post.responses)).toEqual(
    expect.arrayContaining(['201', '400', '401', '403', '404', '409', '422', '502', '503', '504']),
  )
  expect(paths['/films/{id}'].get.operationId).toBe('getFilm')
})
