import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { startSandbox } from '../src/embedded/sandbox/server.ts'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { expectProblem, filmFact, inDatabase, serveFilms, stoppedClock } from './support/movies.ts'
import { patient } from './support/patience.ts'

let service: TestApp
let asAnn: ReturnType<typeof as>

beforeAll(async () => {
  // On a busy machine a turn may be long in coming, and then our own films would be searched.
  service = await testApp({ KINOPOISK_TIMEOUT: '1m' })
  asAnn = as(service.app, await testUser(service.app, 'ann'))
})
afterEach(() => service.sandbox.fail(null))
afterAll(() => service.close())

const get = (url: string) => asAnn({ method: 'GET', url })
const search = (query: Record<string, string | string[]>) => asAnn({ method: 'GET', url: '/movies/search', query })
const callsTo = (path: string) => service.calls.filter((call) => call.path.includes(path))

type Films = Parameters<typeof filmFact>[0][]
type Externals = Parameters<typeof testApp>[1]

/** A service with a reader of its own. */
async function reading(externals: Externals) {
  const service = await testApp({}, externals)
  const { headers } = await testUser(service.app)
  return { ...service, headers, get: (url: string) => service.app.inject({ url, headers }) }
}

/** The same over an upstream of its own. */
async function readingFrom(upstream: { url: string; close(): Promise<void> }, externals: Externals = {}) {
  const kinopoisk = { url: upstream.url, apiKey: 'key', sandbox: false }
  const service = await reading({ ...externals, kinopoisk })
  const close = async () => {
    await service.close()
    await upstream.close()
  }
  return { ...service, close }
}

const over = async (films: Films) => readingFrom(await startSandbox({ films: films.map(filmFact) }))
const overDetails = async (details: Parameters<typeof serveFilms>[0], externals: Externals = {}) =>
  readingFrom(await serveFilms(details), externals)

describe('GET /movies/{id}', () => {
  test('a film not yet known is fetched once, then served from what is kept', async () => {
    const first = await get('/movies/301')
    expect(first.statusCode).toBe(200)
    expect(first.json()).toMatchObject({ id: 301, kinopoisk_id: 301, title: 'Матрица', genre: { name: 'фантастика' } })
    expect(first.headers['cache-status']).toBe('kinoteka; fwd=miss; stored; detail="sandbox"')
    const second = await get('/movies/301/')
    expect(second.json()).toEqual(first.json())
    expect(second.headers['cache-status']).toMatch(/^kinoteka; hit; ttl=\d+/)
    expect(callsTo('/films/301')).toHaveLength(1)
  })

  test('a Kinopoisk film has all its members, typed, and null or "" for what is unknown', async () => {
    const movie = (await get('/movies/1115471')).json()
    expect(movie).toEqual({
      id: 1115471,
      kinopoisk_id: 1115471,
      is_favorite: false,
      in_wishlist: false,
      my_rating: null,
      title: 'Мастер и Маргарита',
      original_title: null,
      description: expect.stringMatching(/\S/),
      trailer: '',
      year: 2023,
      rating: null,
      minutes: 157,
      genre_id: movie.genres[0].id,
      genre: movie.genres[0],
      genres: [
        { id: expect.any(Number), name: 'драма' },
        { id: expect.any(Number), name: 'фэнтези' },
      ],
      director_id: null,
      director: null,
      poster_url: expect.stringMatching(/^https:/),
      poster: expect.stringMatching(/^\/films\/1115471\/poster\?/),
      favorites_count: 0,
      user_rate: null,
      user_votes: 0,
      kinopoisk: expect.objectContaining({
        kinopoisk_id: 1115471,
        type: 'FILM',
        rating_kinopoisk: null,
        rating_await_percent: expect.any(Number),
        countries: ['Россия'],
        serial: false,
        slogan: null,
        synced_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      }),
    })
  })

  test('a film made here is served by its own id, without upstream', async () => {
    const id = await inDatabase(service.databaseUrl, async (sql) => {
      const [film] =
        await sql`insert into films (name, description, rate) values ('Своё кино', null, 7.25) returning id`
      return film?.id
    })
    expect(id).toBeGreaterThanOrEqual(1_000_000_000)
    const before = service.calls.length
    const response = await get(`/movies/${id}`)
    expect(response.json()).toMatchObject({
      id,
      kinopoisk_id: null,
      kinopoisk: null,
      title: 'Своё кино',
      rating: 7.25,
      description: '',
      trailer: '',
      genre: null,
      genre_id: null,
      genres: [],
    })
    expect(response.headers['cache-status']).toBeUndefined()
    expect(service.calls).toHaveLength(before)
  })

  test('an own id that nobody has is 404 without upstream', async () => {
    const before = service.calls.length
    expectProblem(await get('/movies/2147483647'), 404, 'movie_not_found')
    expect(service.calls).toHaveLength(before)
  })

  test.each('0 -1 1e3 0x10 abc 1.5 301a %20301 %00 2147483648 99999999999999999999'.split(' '))(
    'the id %s is 400 and costs no call',
    async (id) => {
      const before = service.calls.length
      const response = await get(`/movies/${id}`)
      expectProblem(response, 400, 'invalid_input')
      expect(response.json().errors).toHaveLength(1)
      expect(service.calls).toHaveLength(before)
    },
  )

  test('the last Kinopoisk id is asked about', async () => {
    expectProblem(await get('/movies/10000000'), 404, 'movie_not_found')
    expect(callsTo('/films/10000000')).toHaveLength(1)
  })

  test('an unknown film is 404, and nobody asks again for ten minutes, then for a day', async () => {
    const time = stoppedClock()
    const { get, calls, close } = await reading({ clock: time.clock })
    const asked: number[] = []
    for (const seconds of [0, 590, 20, 3600, 82_000, 1000]) {
      time.pass(seconds)
      expectProblem(await get('/movies/9999999'), 404, 'movie_not_found')
      asked.push(calls.length)
    }
    expect(asked).toEqual([1, 1, 2, 2, 2, 3])
    await close()
  })

  test('a film that is known stays served when upstream is down and its answer is gone', { tags: 'slow' }, async () => {
    const first = (await get('/movies/342')).json()
    await inDatabase(service.databaseUrl, (sql) => sql`delete from kinopoisk_answers where path like '%/342'`)
    service.sandbox.fail('reset')
    const response = await get('/movies/342')
    expect(response.statusCode).toBe(200)
    expect(response.json()).toEqual(first)
  })

  test('a film that upstream has forgotten stays served', async () => {
    const first = (await get('/movies/435')).json()
    await inDatabase(service.databaseUrl, (sql) => sql`delete from kinopoisk_answers where path like '%/435'`)
    service.sandbox.fail(404)
    expect((await get('/movies/435')).json()).toEqual(first)
  })

  test('without a token nothing is told and nothing asked', async () => {
    const before = service.calls.length
    for (const url of ['/movies/301', '/movies/search?query=x']) {
      expectProblem(await service.app.inject({ method: 'GET', url }), 401, 'missing_token')
    }
    expect(service.calls).toHaveLength(before)
  })
})

describe('what upstream tells, stored', () => {
  test("of a listed film the administrator's columns stay, its Kinopoisk part follows upstream", async () => {
    await inDatabase(service.databaseUrl, async (sql) => {
      const [director] = await sql`insert into directors (name) values ('Режиссёр') returning id`
      const [genre] = await sql`insert into genres (name) values ('своё') returning id`
      await sql`insert into films (id, listed, name, original_name, director_id, rate, year, minutes, description, trailer)
        values (326, true, 'Своё имя', 'Own', ${director?.id}, 1.5, 1950, 10, 'Своё', 'https://trailer.example/')`
      await sql`insert into film_genres (film_id, genre_id, position) values (326, ${genre?.id}, 0)`
    })
    const movie = (await get('/movies/326')).json()
    expect(movie).toMatchObject({
      title: 'Своё имя',
      original_title: 'Own',
      rating: 1.5,
      year: 1950,
      minutes: 10,
      description: 'Своё',
      trailer: 'https://trailer.example/',
      poster_url: null,
      genres: [{ name: 'своё' }],
      director: { name: 'Режиссёр' },
      kinopoisk: { name_ru: 'Побег из Шоушенка', year: 1994 },
    })
    expect((await get('/movies/326')).json()).toEqual(movie)
  })

  test('an unlisted film follows upstream wholly, when its answer has expired', async () => {
    const time = stoppedClock()
    const films = {
      7: { nameRu: 'До', year: 2000, ratingKinopoisk: 5, genres: [{ genre: 'драма' }, { genre: 'аниме' }] },
    }
    const { get, close } = await overDetails(films, { clock: time.clock })
    const first = (await get('/movies/7')).json()
    expect(first).toMatchObject({ title: 'До', year: 2000, rating: 5, genres: [{ name: 'драма' }, { name: 'аниме' }] })
    films[7] = { nameRu: 'После', year: 2001, ratingKinopoisk: 6.5, genres: [{ genre: 'мюзикл' }, { genre: 'драма' }] }
    time.pass(20 * 86_400)
    expect((await get('/movies/7')).json()).toEqual(first)
    time.pass(20 * 86_400)
    // The first who looks is served at once with what is kept.
    const second = await vi.waitFor(async () => {
      const movie = (await get('/movies/7')).json()
      expect(movie).toMatchObject({ title: 'После', year: 2001, rating: 6.5, kinopoisk: { name_ru: 'После' } })
      return movie
    }, patient)
    expect(second.genres).toEqual([{ id: expect.any(Number), name: 'мюзикл' }, first.genres[0]])
    await close()
  })

  test('genres are shared, ordered, and made once by many at the same time', { tags: 'slow' }, async () => {
    const names = ['драма', 'комедия', 'аниме', 'вестерн', 'мюзикл']
    const turned = (n: number) => [...names.slice(n % 5), ...names.slice(0, n % 5)]
    // As many as upstream's rate lets through at once.
    const films = Array.from({ length: 15 }, (_, i) => ({ id: 100 + i, name_ru: `Фильм ${i}`, genres: turned(i) }))
    const { app, headers, replica, databaseUrl, close } = await over(films)
    const other = await replica()
    const answers = await Promise.all(
      films.map(({ id }, i) => (i % 2 ? other : app).inject({ url: `/movies/${id}`, headers })),
    )
    expect(answers.map((answer) => answer.statusCode)).toEqual(films.map(() => 200))
    const movies = answers.map((answer) => answer.json())
    expect(movies.map((movie) => movie.genres.map((genre: { name: string }) => genre.name))).toEqual(
      films.map((film) => film.genres),
    )
    expect(movies.map((movie) => movie.genre)).toEqual(movies.map((movie) => movie.genres[0]))
    expect(new Set(movies.flatMap((movie) => movie.genres.map((genre: { id: number }) => genre.id))).size).toBe(5)
    const kept = await inDatabase(databaseUrl, (sql) => sql`select name from genres order by name`)
    expect(kept.map((row) => row.name)).toEqual(names.toSorted())
    await close()
  })

  test('a genre that others are making is waited for and shared', async () => {
    const names = ['аниме', 'драма', 'комедия']
    const films = [names, names.toReversed(), ['драма']].map((genres, i) => ({ id: i + 1, genres }))
    const { get, databaseUrl, close } = await over(films)
    const answers = await inDatabase(databaseUrl, (sql) =>
      sql.begin(async (other) => {
        await other`insert into genres (name) values ('ДРАМА')`
        const asked = films.map(({ id }) => get(`/movies/${id}`).then((answer) => answer.json()))
        // Not by the transaction itself: it would see the same activity all its life.
        const waiting = () =>
          inDatabase(
            databaseUrl,
            (sql) => sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
          )
        await expect.poll(waiting, { timeout: 45_000 }).toHaveLength(films.length)
        return { asked }
      }),
    )
    expect(await Promise.all(answers.asked)).toMatchObject([
      { genres: [{ name: 'аниме' }, { name: 'ДРАМА' }, { name: 'комедия' }] },
      { genres: [{ name: 'комедия' }, { name: 'ДРАМА' }, { name: 'аниме' }] },
      { genres: [{ name: 'ДРАМА' }] },
    ])
    await close()
  })

  test('one film asked for by many at the same time is one film with its genres', { tags: 'slow' }, async () => {
    const films = [{ id: 7, name_ru: 'Один', genres: ['драма', 'комедия'] }]
    const { app, headers, replica, databaseUrl, close } = await over(films)
    const other = await replica()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? other : app).inject({ url: '/movies/7', headers })),
    )
    expect(answers.map((answer) => answer.json().genres.length)).toEqual(answers.map(() => 2))
    const kept = await inDatabase(databaseUrl, (sql) => sql`select count(*)::int from film_genres`)
    expect(kept).toEqual([{ count: 2 }])
    await close()
  })

  test('names of genres that differ in case only are one genre, whatever the letters', async () => {
    const { get, close } = await over([
      { id: 1, genres: ['Драма', 'аниме', 'драма', 'ДРАМА'] },
      { id: 2, genres: ['İ', 'ΑΣ', 'драма'] },
      { id: 3, genres: ['İ', 'ас', 'ΑΣ'] },
    ])
    const genresOf = async (id: number): Promise<{ name: string }[]> => (await get(`/movies/${id}`)).json().genres
    expect(await genresOf(1)).toMatchObject([{ name: 'Драма' }, { name: 'аниме' }])
    expect(await genresOf(2)).toMatchObject([{ name: 'İ' }, { name: 'ΑΣ' }, { name: 'Драма' }])
    expect(await genresOf(3)).toMatchObject([{ name: 'İ' }, { name: 'ас' }, { name: 'ΑΣ' }])
    await close()
  })

  test.each([
    ['NUL in a name', { nameRu: '\0Имя\0' }, { title: 'Имя' }],
    [
      'half a character',
      { nameRu: 'Имя\ud800', description: '\udc00!' },
      { title: 'Имя\ufffd', description: '\ufffd!' },
    ],
    ['a name too long', { nameRu: 'я'.repeat(20_000) }, { title: 'я'.repeat(500) }],
    ['a space where the name is cut', { nameRu: `${'я'.repeat(499)} и` }, { title: 'я'.repeat(499) }],
    ['a character split by the cut', { nameRu: `${'я'.repeat(499)}😀` }, { title: 'я'.repeat(499) }],
    ['a genre too long', { genres: [{ genre: 'ж'.repeat(101) }] }, { genre: { name: 'ж'.repeat(100) } }],
    ['markup and SQL', { nameRu: "<b>'); drop table films;--" }, { title: "<b>'); drop table films;--" }],
    ['no name at all', { nameRu: null, nameOriginal: '', nameEn: 'null' }, { title: '7', original_title: null }],
    ['only an original name', { nameOriginal: 'Straume' }, { title: 'Straume', original_title: 'Straume' }],
    ['a rating above 10', { ratingKinopoisk: 11 }, { rating: null, kinopoisk: { rating_kinopoisk: null } }],
    ['a rating below 0', { ratingKinopoisk: -1 }, { rating: null }],
    ['a rating with many digits', { ratingKinopoisk: 9.999_999 }, { rating: 10 }],
    ['no minutes', { filmLength: 0 }, { minutes: null }],
    ['too many minutes', { filmLength: 1e9 }, { minutes: null }],
    ['a year of no film', { year: 20_000, startYear: 0 }, { year: 2000, kinopoisk: { start_year: null } }],
    [
      'numbers as text',
      { year: '1999', ratingKinopoisk: '8.5', filmLength: '90' },
      { year: 1999, rating: 8.5, minutes: 90 },
    ],
  ])('%s is harmless', async (_, details, told) => {
    const { get, close } = await overDetails({ 7: details })
    for (const time of ['fetched', 'kept']) {
      const response = await get('/movies/7')
      expect([time, response.statusCode]).toEqual([time, 200])
      expect(response.json()).toMatchObject({ trailer: '', ...told })
      expect(response.headers['cache-status']).not.toContain('sandbox')
    }
    await close()
  })
})

describe('GET /movies/search', () => {
  test('results are typed, with the total of upstream', async () => {
    const { query, page, pages, total, source, complete, items } = (await search({ query: 'матрица' })).json()
    expect({ query, page, source, complete }).toEqual({
      query: 'матрица',
      page: 1,
      source: 'kinopoisk',
      complete: true,
    })
    expect([total, pages]).toEqual([items.length, 1])
    expect(items[0]).toEqual({
      id: 301,
      kinopoisk_id: 301,
      title: 'Матрица',
      original_title: 'The Matrix',
      type: 'FILM',
      year: 1999,
      minutes: 136,
      rating: 8.5,
      await_percent: null,
      votes: expect.any(Number),
      genres: ['фантастика', 'боевик'],
      countries: ['США', 'Австралия'],
      description: expect.stringMatching(/\S/),
      poster_url: expect.stringMatching(/^https:/),
      poster_preview_url: expect.stringMatching(/^https:/),
      poster: expect.stringMatching(/^\/films\/301\/poster\?/),
      is_favorite: false,
      in_wishlist: false,
      my_rating: null,
    })
  })

  test('a film to come has an expectation, a show the first of its years', async () => {
    const { get, close } = await over([
      { id: 1, name_ru: 'Жди меня', await_percent: 98, year: 2030 },
      { id: 2, name_ru: 'Жди шоу', type: 'TV_SHOW', start_year: 2018, year: 2018 },
    ])
    const { items } = (await get('/movies/search?query=жди')).json()
    expect(items).toMatchObject([
      { id: 1, rating: null, await_percent: 98, year: 2030, minutes: null },
      { id: 2, rating: null, await_percent: null, year: 2018, minutes: null, type: 'TV_SHOW' },
    ])
    await close()
  })

  test('queries that differ in case, spaces or Unicode form are asked once, each echoed trimmed', async () => {
    const queries = ['Ёлки  и Йогурт', '  ёлки и йогурт\t', 'ЁЛКИ\u00a0И ЙОГУРТ', 'Ёлки и Йогурт'.normalize('NFD')]
    const before = service.calls.length
    for (const query of queries) expect((await search({ query })).json().query).toBe(query.trim())
    expect(service.calls.slice(before)).toHaveLength(1)
    await search({ query: 'ёлки и йогурт', page: '2' })
    await search({ query: 'ёлки, йогурт' })
    expect(service.calls.slice(before)).toHaveLength(3)
  })

  test.each<[string, Record<string, string | string[]>]>([
    ['no query', {}],
    ['an empty query', { query: '' }],
    ['spaces only', { query: ' \t\u00a0' }],
    ['201 characters', { query: 'я'.repeat(201) }],
    ['NUL', { query: 'a\0b' }],
    ['two queries', { query: ['a', 'b'] }],
    ['page 0', { query: 'a', page: '0' }],
    ['page 21', { query: 'a', page: '21' }],
    ['page 1.5', { query: 'a', page: '1.5' }],
    ['page x', { query: 'a', page: 'x' }],
    ['an empty page', { query: 'a', page: '' }],
    ['page 1e0', { query: 'a', page: '1e0' }],
    ['two pages', { query: 'a', page: ['1', '2'] }],
    ['a mistyped parameter', { query: 'a', pages: '2' }],
  ])('%s is 400 and costs no call', async (_, query) => {
    const before = service.calls.length
    const response = await search(query)
    expectProblem(response, 400, 'invalid_input')
    expect(response.json().errors[0].path).toMatch(/^query\.(query|page|pages)$/)
    expect(service.calls).toHaveLength(before)
  })

  test('200 characters, spaces around not counted, and page 20 are fine', async () => {
    const response = await search({ query: ` ${'щ'.repeat(200)} `, page: '20' })
    expect(response.json()).toMatchObject({ page: 20, pages: 0, total: 0, items: [], complete: true })
  })

  test('200 characters that grow when normalised can be kept too', { tags: 'slow' }, async () => {
    const query = String.fromCodePoint(0x1d160).repeat(200)
    expect((await search({ query })).json()).toMatchObject({ query, total: 0 })
  })

  test('what is special in a URL is part of the query', async () => {
    await search({ query: 'a&page=9#?+%41' })
    const path = service.calls.at(-1)?.path ?? ''
    expect(Object.fromEntries(new URL(path, 'http://x').searchParams)).toEqual({ keyword: 'a&page=9#?+%41', page: '1' })
  })

  test('nothing found is 200 with nothing', async () => {
    const response = await search({ query: 'такого фильма нет' })
    expect(response.statusCode).toBe(200)
    expect(response.json()).toEqual({
      query: 'такого фильма нет',
      page: 1,
      pages: 0,
      total: 0,
      source: 'kinopoisk',
      complete: true,
      items: [],
    })
  })

  test('the pages are counted from the total, twenty films each; past the end there are none', async () => {
    const films = Array.from({ length: 45 }, (_, i) => ({ id: i + 1, name_ru: 'Часть', votes: 100 - i }))
    const { get, close } = await over(films)
    const pages = await Promise.all([1, 2, 3, 4].map((page) => get(`/movies/search?query=часть&page=${page}`)))
    const told = pages.map((page) => page.json())
    expect(told.map(({ page, pages, total, items }) => [page, pages, total, items.length])).toEqual([
      [1, 3, 45, 20],
      [2, 3, 45, 20],
      [3, 3, 45, 5],
      [4, 3, 45, 0],
    ])
    expect(told.flatMap(({ items }) => items.map(({ id }: { id: number }) => id))).toEqual(films.map(({ id }) => id))
    await close()
  })

  test('of more than 400 films 20 pages can be seen', async () => {
    const { get, close } = await over(Array.from({ length: 401 }, (_, i) => ({ id: i + 1, name_ru: 'Часть' })))
    expect((await get('/movies/search?query=часть&page=20')).json()).toMatchObject({ pages: 20, total: 401 })
    await close()
  })

  test("is_favorite and in_wishlist are the user's own", async () => {
    const bob = as(service.app, await testUser(service.app, 'bob'))
    await asAnn({ method: 'POST', url: '/favorites/movies/301' })
    await asAnn({ method: 'POST', url: '/wishlist/movies/299' })
    await bob({ method: 'POST', url: '/wishlist/movies/301' })
    const before = service.calls.length
    const flags = async (asUser: typeof bob) => {
      const { items } = (await asUser({ method: 'GET', url: '/movies/search', query: { query: 'матрица' } })).json()
      return Object.fromEntries(
        items
          .filter(({ id }: { id: number }) => [299, 301].includes(id))
          .map((item: { id: number; is_favorite: boolean; in_wishlist: boolean }) => [
            item.id,
            [item.is_favorite, item.in_wishlist],
          ]),
      )
    }
    expect(await flags(asAnn)).toEqual({ 299: [false, true], 301: [true, false] })
    expect(await flags(bob)).toEqual({ 299: [false, false], 301: [false, true] })
    expect(service.calls.length - before).toBeLessThanOrEqual(1)
  })
})

describe('a film whose answer is gone, with upstream down', () => {
  test('is served as it was stored, and the headers say so', { tags: 'slow' }, async () => {
    await get('/movies/447301')
    await service.app.database.sql`delete from kinopoisk_answers where path = '/api/v2.2/films/447301'`
    service.sandbox.fail(500)
    const response = await get('/movies/447301')
    expect(response.statusCode).toBe(200)
    expect(response.headers['cache-status']).toMatch(/^kinoteka; hit; .*detail="sandbox upstream_unavailable"$/)
    expect(Number(response.headers.age)).toBeGreaterThanOrEqual(0)
  })
})
