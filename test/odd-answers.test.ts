import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './support/app.ts'
import { collector, reportOf } from './support/lists.ts'
import { risesDuring } from './support/metrics.ts'
import { expectProblem, serve, stoppedClock } from './support/movies.ts'

type Kind = 'film' | 'search' | 'staff' | 'votes'
/** What upstream sends, by the id or keyword; undefined is a 404. */
type Answers = Partial<Record<Kind, (argument: string, page: string) => unknown>>

const closing: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const close of closing.toReversed()) await close()
})

const paths: [Kind, RegExp][] = [
  ['film', /^\/api\/v2\.2\/films\/(\d+)$/],
  ['search', /search-by-keyword\?keyword=([^&]*)/],
  ['staff', /staff\?filmId=(\d+)/],
  ['votes', /kp_users\/(\d+)\/votes/],
]

/** A service over an upstream that sends what no sandbox sends; the reader is an administrator. */
async function over(answers: Answers, externals: Parameters<typeof testApp>[1] = {}) {
  const asked: string[] = []
  const upstream = await serve(({ url = '' }, response) => {
    for (const [kind, path] of paths) {
      const [, argument] = path.exec(url) ?? []
      if (argument === undefined) continue
      asked.push(url)
      const page = new URL(url, 'http://upstream').searchParams.get('page') ?? '1'
      const answer = answers[kind]?.(decodeURIComponent(argument), page)
      if (answer !== undefined) return response.end(JSON.stringify(answer))
    }
    return response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"not found"}')
  })
  closing.push(upstream.close)
  const kinopoisk = { url: upstream.url, apiKey: 'key', sandbox: false }
  const service = await testApp({ KINOPOISK_TIMEOUT: '1m' }, { firstAdmin, ...externals, kinopoisk })
  closing.push(service.close)
  const request = as(service.app, await testAdmin(service))
  return {
    ...service,
    asked,
    get: (url: string) => request({ method: 'GET', url }),
    post: (url: string, payload: object) => request({ method: 'POST', url, payload }),
    patch: (url: string, payload: object) => request({ method: 'PATCH', url, payload }),
    search: (query: string) => request({ method: 'GET', url: '/movies/search', query: { query } }),
  }
}

const oddDuring = async ({ app }: Pick<TestApp, 'app'>, work: () => Promise<unknown>) => {
  const rises = Object.entries(await risesDuring(app, /odd_members/, work))
  return Object.fromEntries(rises.map(([series, rise]) => [/member="(\w+)"/.exec(series)?.[1], rise]))
}

describe('details of a film', () => {
  const id = 5_000_040
  const good = { kinopoiskId: id, nameRu: 'Фильм', year: 1999, genres: [{ genre: 'драма' }], serial: false }
  let sent: object = good
  let service: Awaited<ReturnType<typeof over>>
  beforeAll(async () => {
    service = await over({ film: () => sent })
  })
  afterEach(async () => {
    await service.app.database.sql`delete from kinopoisk_answers`
    await service.app.database.sql`delete from films`
  })

  test.each<[object, object, object]>([
    [{ serial: 'true' }, { serial: true }, {}],
    [{ serial: 1, completed: '0', hasImax: 0, has3D: '1' }, { serial: true, completed: false, has_imax: false }, {}],
    [{ completed: 'null', hasImax: '' }, { completed: null, has_imax: null }, {}],
    [
      { serial: 'yes', shortFilm: 2, has3D: [] },
      { serial: null, short_film: null },
      { serial: 1, shortFilm: 1, has3D: 1 },
    ],
    [{ type: { name: 'FILM' } }, { type: null }, { type: 1 }],
    [{ imdbId: 133_093 }, { imdb_id: null }, { imdbId: 1 }],
    [{ kinopoiskHDId: [] }, { kinopoisk_hd_id: null }, { kinopoiskHDId: 1 }],
    [{ nameRu: ['Фильм'], nameOriginal: 'Film' }, { name_ru: null, name_original: 'Film' }, { nameRu: 1 }],
    [
      { description: true, slogan: {} },
      { description: null, slogan: null },
      { description: 1, slogan: 1 },
    ],
    [{ genres: ['драма'] }, { genres: ['драма'] }, {}],
    [{ genres: [null, { genre: 'драма' }] }, { genres: ['драма'] }, { genres: 1 }],
    [{ genres: 'драма' }, { genres: [] }, { genres: 1 }],
    [
      { genres: {}, countries: [{ country: ['США'] }] },
      { genres: [], countries: [] },
      { genres: 1, countries: 1 },
    ],
    [
      { year: '1999', filmLength: '136', ratingKinopoisk: '8.5' },
      { year: 1999, minutes: 136, rating_kinopoisk: 8.5 },
      {},
    ],
    [
      { year: [1999], ratingImdb: {} },
      { year: null, rating_imdb: null },
      { year: 1, ratingImdb: 1 },
    ],
    [{ ratingAgeLimits: 18 }, { age_limit: 18 }, {}],
    // A percentage is an expectation.
    [{ ratingKinopoisk: '9.0%' }, { rating_kinopoisk: null }, {}],
    [{ imdbId: 'https://www.imdb.com/title/tt0245429/' }, { imdb_id: 'tt0245429' }, {}],
    [{ imdbId: 'tt245429' }, { imdb_id: 'tt0245429' }, {}],
    [{ imdbId: 'tt0245429\u200b' }, { imdb_id: 'tt0245429' }, {}],
    [{ imdbId: 'none' }, { imdb_id: 'none' }, {}],
    [{ filmLength: 1500 }, { minutes: null }, { filmLength: 1 }],
    [{ boxOffice: [], seasons: 5 }, {}, {}],
    [{ kinopoiskId: `${id}` }, { kinopoisk_id: id }, {}],
    [{ kinopoiskId: undefined, filmId: id }, { kinopoisk_id: id }, {}],
    [{ kinopoiskId: null, filmId: `${id}`, serial: 'true' }, { kinopoisk_id: id, serial: true }, {}],
  ])('with %j become %j, and %j is counted', async (change, told, odd) => {
    sent = { ...good, ...change }
    const counted = await oddDuring(service, async () => {
      const response = await service.get(`/movies/${id}`)
      expect(response.statusCode).toBe(200)
      expect(response.json()).toMatchObject({ id, kinopoisk: { kinopoisk_id: id, complete: true, ...told } })
    })
    expect(counted).toEqual(odd)
    // What is kept is what was sent, and it is read again as it was the first time.
    const [kept] = await service.app.database.sql`select body from kinopoisk_answers`
    expect(kept?.body).toBe(JSON.stringify(sent))
    const again = await service.get(`/movies/${id}`)
    expect(again.headers['cache-status']).toContain('hit')
    expect(again.json().kinopoisk).toMatchObject(told)
  })

  test('of another film are none of this one', async () => {
    sent = { ...good, kinopoiskId: 301 }
    // That one is remembered, and so another than those of the other tests.
    expectProblem(await service.get(`/movies/${id + 1}`), 502, 'upstream_bad_response')
    expect(await service.app.database.sql`select from kinopoisk_answers where path like ${`%${id + 1}`}`).toHaveLength(
      0,
    )
  })

  test('of more than a day have no length, which an administrator can set and clear', async () => {
    sent = { ...good, filmLength: 1500 }
    const { id: director_id } = (await service.post('/directors', { name: 'Режиссёр' })).json()
    const film = (await service.post('/films', { kinopoisk_id: id, director_id })).json()
    expect(film.minutes).toBeNull()
    const patched = async (minutes: unknown) => (await service.patch(`/films/${id}`, { minutes })).statusCode
    expect(await patched(film.minutes)).toBe(200)
    expect(await patched(1440)).toBe(200)
    expect(await patched(1441)).toBe(400)
    expect((await service.get(`/films/${id}`)).json().minutes).toBe(1440)
  })
})

describe('a search', () => {
  const rows = [1, 2].map((filmId) => ({ filmId, nameRu: `Фильм ${filmId}`, genres: [{ genre: 'драма' }] }))
  const [first] = rows
  const many = Array.from({ length: 20 }, (_, i) => ({ filmId: i + 1, nameRu: 'Фильм' }))
  let sent: unknown
  let service: Awaited<ReturnType<typeof over>>
  beforeAll(async () => {
    service = await over({ search: (keyword) => (keyword === 'good' ? { films: rows } : sent) })
  })
  afterEach(() => service.app.database.sql`delete from kinopoisk_answers`)

  test.each<[string, object, number[], number]>([
    ['a row without id', { searchFilmsCountResult: 3, films: [...rows, { filmId: null }] }, [1, 2], 2],
    ['a row that is null', { searchFilmsCountResult: 3, films: [null, ...rows] }, [1, 2], 2],
    [
      'ids of text',
      { searchFilmsCountResult: 2, films: rows.map((row) => ({ ...row, filmId: `${row.filmId}` })) },
      [1, 2],
      2,
    ],
    ['the other name of ids', { searchFilmsCountResult: 1, films: [{ kinopoiskId: 7 }] }, [7], 1],
    ['odd genres', { searchFilmsCountResult: 2, films: [{ ...first, genres: [null] }, rows[1]] }, [1, 2], 2],
    ['a row twice', { searchFilmsCountResult: 3, films: [...rows, first] }, [1, 2], 2],
    ['no total', { films: rows }, [1, 2], 2],
    ['a total of text', { searchFilmsCountResult: '2', films: rows }, [1, 2], 2],
    ['a total that is a list', { searchFilmsCountResult: [2], films: rows }, [1, 2], 2],
    ['the form of other lists', { total: 2, totalPages: 1, items: rows }, [1, 2], 2],
    ['null for no films', { searchFilmsCountResult: 0, films: null }, [], 0],
    ['no films and no total', { films: [] }, [], 0],
    ['no films, and words that say so', { items: [], message: 'Фильмы не найдены' }, [], 0],
    [
      'ids above 10 million',
      { searchFilmsCountResult: 2, films: [{ filmId: 10_000_001 }, { filmId: 12_345_678 }] },
      [10_000_001, 12_345_678],
      2,
    ],
    [
      'an id that is one of ours',
      { searchFilmsCountResult: 3, films: [...rows, { filmId: 1_000_000_000 }] },
      [1, 2],
      2,
    ],
    [
      'a row left out of a full page',
      { searchFilmsCountResult: 21, films: [...many.slice(1), {}] },
      many.slice(1).map((row) => row.filmId),
      20,
    ],
  ])('with %s finds what can be read, and is kept', async (_, answer, ids, total) => {
    sent = answer
    const response = await service.search('odd')
    const { items, ...head } = response.json()
    expect(head).toMatchObject({ total, source: 'kinopoisk', complete: true })
    expect(items.map((item: { id: number }) => item.id)).toEqual(ids)
    const calls = service.asked.length
    expect((await service.search('odd')).headers['cache-status']).toContain('hit')
    expect(service.asked).toHaveLength(calls)
    const known = await service.app.database.sql`select from films where id = any(${`{${ids}}`}::int[])`
    expect(known).toHaveLength(ids.length)
  })

  test('keeps its last page when a row of another is left out', async () => {
    sent = { searchFilmsCountResult: 21, films: [...many.slice(1), null] }
    expect((await service.search('odd')).json()).toMatchObject({ total: 20, pages: 2 })
  })

  test('without a total may have a page behind one that is full', async () => {
    sent = { pagesCount: 5, films: many }
    expect((await service.search('odd')).json()).toMatchObject({ total: 20, pages: 2 })
    sent = { films: rows }
    const second = await service.get('/movies/search?query=odd&page=2')
    expect(second.json()).toMatchObject({ total: 22, pages: 2 })
  })

  test('without a list, or without one film in it that can be read, is not believed', { tags: 'slow' }, async () => {
    for (const [i, answer] of [
      { message: 'Something' },
      { keyword: 'odd', pagesCount: 0 },
      { searchFilmsCountResult: 5, films: null },
      { searchFilmsCountResult: 0, films: {} },
      { searchFilmsCountResult: 134, films: [] },
      { items: [], error: 'Internal', status: 500 },
      { films: [], message: 'Something' },
      { searchFilmsCountResult: 2, films: [{ filmId: null }, 5] },
    ].entries()) {
      sent = answer
      // What failed is remembered: each time other words.
      expect((await service.search(`odd ${i}`)).json()).toMatchObject({ source: 'local', complete: false })
      expect(await service.app.database.sql`select from kinopoisk_answers where path like '%odd%'`).toHaveLength(0)
      await service.app.database.sql`delete from kinopoisk_answers`
      expect((await service.search('good')).json()).toMatchObject({ source: 'kinopoisk', total: 2 })
    }
  })

  test('has an empty page behind its last one', async () => {
    sent = { searchFilmsCountResult: 134, films: [] }
    const page = (await service.get('/movies/search?query=odd&page=8')).json()
    expect(page).toMatchObject({ total: 134, items: [], source: 'kinopoisk', complete: true })
  })

  test('of whose first page an earlier version has stored nothing, beside a total, is fetched again', {
    tags: 'slow',
  }, async () => {
    sent = { searchFilmsCountResult: 2, films: rows }
    await service.search('odd')
    await service.app.database.sql`update kinopoisk_answers set body = '{"searchFilmsCountResult":2,"films":[]}'`
    const replica = await service.replica()
    const request = as(replica, await testAdmin(service))
    expect((await request({ method: 'GET', url: '/movies/search?query=odd' })).json()).toMatchObject({ total: 2 })
  })

  test('counts what it left out', async () => {
    sent = { searchFilmsCountResult: 'x', films: [{ ...first, type: {}, rating: [] }, { filmId: null }, null] }
    const counted = await oddDuring(service, () => service.search('odd'))
    expect(counted).toEqual({ searchFilmsCountResult: 1, type: 1, rating: 1, id: 2 })
  })
})

test('a film is listed by its director though another row of the staff has no id', async () => {
  const director = { staffId: '1', nameRu: 'Режиссёр', nameEn: '', professionKey: 'DIRECTOR' }
  const { post } = await over({
    film: (id) => ({ kinopoiskId: Number(id), nameRu: 'Фильм', year: 1999, genres: ['драма'] }),
    staff: () => [{ staffId: null, nameRu: 'x', professionKey: 'ACTOR' }, { nameRu: 'y' }, 5, director],
  })
  const response = await post('/films', { kinopoisk_id: 5_000_003 })
  expect(response.statusCode).toBe(201)
  expect(response.json()).toMatchObject({ genres: ['драма'], director: { name: 'Режиссёр' } })
})

describe('votes', () => {
  const vote = (kinopoiskId: unknown) => ({ kinopoiskId, nameRu: 'Фильм', year: '1999', userRating: '8' })

  test('without a film are told, one by one, and the others imported', async () => {
    const service = await over({
      votes: () => ({ total: null, items: [vote(5), vote(null), vote('6'), { userRating: 7 }] }),
    })
    const ann = await collector(service)
    const report = reportOf(await ann.votes({ kinopoisk_user_id: 42 }))
    expect(report).toMatchObject({ rows: 4, created: 2, problem: null })
    expect(report.errors).toEqual([3, 4].map((row) => ({ row, message: expect.stringContaining('which film') })))
  })

  test('without a total are read to the page that is not full', { tags: 'slow' }, async () => {
    const pages: Record<string, unknown[]> = {
      1: Array.from({ length: 20 }, (_, i) => vote(i + 1)),
      2: [vote(21), vote(1)],
    }
    const service = await over({ votes: (_, page) => ({ items: pages[page] }) })
    const ann = await collector(service)
    expect(reportOf(await ann.votes({ kinopoisk_user_id: 42 }))).toMatchObject({ created: 21, problem: null })
    expect(service.asked).toHaveLength(2)
  })

  test('of which a page in the middle is missing are told to be some of them', { tags: 'slow' }, async () => {
    const first = { total: 60, items: Array.from({ length: 20 }, (_, i) => vote(i + 1)) }
    const service = await over({ votes: (_, page) => (page === '2' ? undefined : first) })
    const ann = await collector(service)
    const report = reportOf(await ann.votes({ kinopoisk_user_id: 42 }))
    expect(report).toMatchObject({ rows: 20, created: 20, problem: { code: 'upstream_bad_response' } })
    expect(report.problem?.message).toContain('no page 2 of the votes. Pages 1 to 1 of 3 came')
    expect(service.asked).toHaveLength(2)
  })
})

describe('the odd forms of the sandbox', () => {
  test.each(['odd_ids', 'odd_members', 'odd_rows', 'odd_texts'] as const)(
    '%s change no film and no search',
    { tags: 'slow' },
    async (form) => {
      const service = await testApp({ KINOPOISK_TIMEOUT: '1m' }, { firstAdmin })
      closing.push(service.close)
      const request = as(service.app, await testAdmin(service))
      const get = async (url: string) => (await request({ method: 'GET', url })).json()
      const search = '/movies/search?query=%D0%BC%D0%B0%D1%82%D1%80%D0%B8%D1%86%D0%B0'
      const idsOf = (found: { items: { id: number }[] }) => found.items.map(({ id }) => id)
      const before = await get(search)
      await service.app.database.sql`delete from kinopoisk_answers`
      service.sandbox.fail(form)
      const found = await get(search)
      expect(found).toMatchObject({ source: 'kinopoisk', complete: true })
      expect(idsOf(found)).toEqual(idsOf(before))
      const name = form === 'odd_texts' ? 'Матрица & Ко' : 'Матрица'
      expect(await get('/movies/301')).toMatchObject({ title: name, year: 1999, genre: { name: 'фантастика' } })
      const response = await request({ method: 'POST', url: '/films', payload: { kinopoisk_id: 301 } })
      const director = form === 'odd_texts' ? 'Лана Вачовски & Ко' : 'Лана Вачовски'
      expect(response.json()).toMatchObject({ name, director: { name: director } })
    },
  )
})

describe('ids above those that upstream is known to use', () => {
  test('are served and asked about where upstream has named them, and else cost no call', {
    tags: 'slow',
  }, async () => {
    const details = (id: string) => (id === '12345678' ? { kinopoiskId: id, nameRu: 'Б' } : undefined)
    const films = [
      { filmId: 12_345_678, nameRu: 'Б' },
      { filmId: 900_000_000, nameRu: 'В' },
    ]
    const { search, get, post, patch, asked, app } = await over({ film: details, search: () => ({ films }) })
    for (const id of [11_000_001, 12_345_678, 999_999_999]) {
      expectProblem(await get(`/movies/${id}`), 404, 'movie_not_found')
      expectProblem(await post('/movies/favorites', { kinopoisk_id: id }), 404, 'movie_not_found')
      expectProblem(await post('/films', { kinopoisk_id: id }), 404, 'film_not_found')
      expectProblem(await post(`/admin/kinopoisk/films/${id}/refresh`, {}), 404, 'movie_not_found')
      expectProblem(await patch(`/films/${id}`, { rate: 1 }), 404, 'film_not_found')
    }
    expect(asked).toEqual([])
    expectProblem(await get('/movies/11000000'), 404, 'movie_not_found')
    expect(asked).toHaveLength(1)
    await search('б')
    expect((await get('/movies/12345678')).json()).toMatchObject({
      id: 12_345_678,
      kinopoisk_id: 12_345_678,
      title: 'Б',
    })
    expect((await post('/movies/favorites', { kinopoisk_id: 12_345_678 })).statusCode).toBe(201)
    expect((await get('/movies/900000000')).json()).toMatchObject({ title: 'В', kinopoisk: { complete: false } })
    expect(asked.slice(1).map((path) => path.split('/').pop())).toEqual([
      expect.stringContaining('search'),
      '12345678',
      '900000000',
    ])
    const refreshed = await post('/admin/kinopoisk/films/12345678/refresh', {})
    expect(refreshed.statusCode).toBe(200)
    const [film] = await app.database.sql`select id from films where id = 12345678 and kinopoisk_synced_at is not null`
    expect(film).toBeDefined()
  })

  test('are asked about as details confirm them, a tenth more a day, on all replicas', { tags: 'slow' }, async () => {
    const time = stoppedClock()
    const known = new Set(['10900000', '11900000', '12500000', '900000000'])
    const films = [{ filmId: 900_000_000, nameRu: 'Г' }]
    const { get, search, asked, app, replica } = await over(
      { film: (id) => (known.has(id) ? { kinopoiskId: id, nameRu: 'Фильм' } : undefined), search: () => ({ films }) },
      { clock: time.clock },
    )
    const isAsked = async (id: number) => {
      const before = asked.length
      await get(`/movies/${id}`)
      return asked.length > before
    }
    expect(await isAsked(11_900_000)).toBe(false)
    expect(await isAsked(10_900_000)).toBe(true)
    time.pass(61)
    expect(await isAsked(11_900_000)).toBe(true)
    time.pass(61)
    // A tenth above 11 900 000 would be more than a day may add to 11 000 000.
    expect(await isAsked(12_500_000)).toBe(false)
    expect(await isAsked(12_100_000)).toBe(true)
    time.pass(86_400)
    expect(await isAsked(12_500_000)).toBe(true)
    // What a list names is known, and raises nothing before its details have come; and these raise little.
    await search('г')
    time.pass(61)
    expect(await isAsked(13_400_000)).toBe(false)
    expect(await isAsked(900_000_000)).toBe(true)
    time.pass(61)
    expect(await isAsked(13_310_001)).toBe(false)
    expect(await isAsked(13_310_000)).toBe(true)
    const other = await replica()
    const { headers } = await testUser(app)
    const before = asked.length
    await other.inject({ url: '/movies/13309999', headers })
    expect(asked.length).toBe(before + 1)
    await other.inject({ url: '/movies/13310001', headers })
    expect(asked.length).toBe(before + 1)
  })
})
