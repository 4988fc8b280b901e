import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../src/db/connect.ts'
import type { Fault } from '../src/embedded/kinopoisk/server.ts'
import { AppError, type ErrorCode } from '../src/errors.ts'
import { createAnswerRepository } from '../src/kinopoisk/answers.ts'
import { cached } from '../src/kinopoisk/cache.ts'
import { type FilmAnswer, filmQuestion, type SearchItem, searchQuestion } from '../src/kinopoisk/endpoints.ts'
import { normaliseFilm, normaliseItem } from '../src/kinopoisk/normalise.ts'
import type { Ask } from '../src/kinopoisk/question.ts'
import { as, cloneDatabase, type TestApp, testApp, testUser } from './support/app.ts'
import { expectProblem, inDatabase, serve, stoppedClock } from './support/movies.ts'

type App = TestApp['app']

const hour = 3600
const day = 24 * hour
const asked = new Date('2026-06-01T12:00:00.500Z')

const film = (known: Partial<FilmAnswer>) => normaliseFilm({ kinopoiskId: 7, ...known }, asked)
const item = (known: Partial<SearchItem>) => normaliseItem({ filmId: 7, ...known })

/** GET as a new user. */
async function reader(app: App) {
  const request = as(app, await testUser(app))
  return (url: string) => request({ method: 'GET', url })
}

describe('details as upstream sends them', () => {
  test('a full answer comes out typed, member by member', () => {
    const told = film({
      kinopoiskHDId: '0123456789abcdef0123456789abcdef',
      imdbId: 'tt0000007',
      nameRu: 'Название',
      nameEn: null,
      nameOriginal: 'The Title',
      posterUrl: 'https://posters.example/7.jpg',
      reviewsCount: 12,
      ratingGoodReview: 88.9,
      ratingGoodReviewVoteCount: 3,
      ratingKinopoisk: 8,
      ratingKinopoiskVoteCount: 796_307,
      ratingImdb: 8.7,
      ratingImdbVoteCount: 2_200_000,
      ratingFilmCritics: 7.7,
      ratingFilmCriticsVoteCount: 168,
      ratingAwait: 93.78,
      ratingAwaitCount: 50,
      ratingRfCritics: 83.3333,
      ratingRfCriticsVoteCount: 6,
      webUrl: 'https://www.kinopoisk.ru/film/7/',
      year: 1999,
      filmLength: 136,
      type: 'TV_SERIES',
      productionStatus: 'COMPLETED',
      ratingMpaa: 'r',
      ratingAgeLimits: 'age18',
      countries: [{ country: 'США' }, { country: 'Австралия' }],
      genres: [{ genre: 'фантастика' }, { genre: 'боевик' }],
      startYear: 2013,
      endYear: null,
      serial: true,
      completed: false,
      has3D: true,
      lastSync: '2025-03-25T23:22:09.182381',
    })
    expect(told).toEqual({
      kinopoisk_id: 7,
      kinopoisk_hd_id: '0123456789abcdef0123456789abcdef',
      imdb_id: 'tt0000007',
      name_ru: 'Название',
      name_en: null,
      name_original: 'The Title',
      poster_url: 'https://posters.example/7.jpg',
      poster_preview_url: null,
      cover_url: null,
      logo_url: null,
      web_url: 'https://www.kinopoisk.ru/film/7/',
      type: 'TV_SERIES',
      year: 1999,
      start_year: 2013,
      end_year: null,
      minutes: 136,
      slogan: null,
      description: null,
      short_description: null,
      editor_annotation: null,
      countries: ['США', 'Австралия'],
      genres: ['фантастика', 'боевик'],
      rating_kinopoisk: 8,
      rating_kinopoisk_votes: 796_307,
      rating_imdb: 8.7,
      rating_imdb_votes: 2_200_000,
      rating_film_critics: 7.7,
      rating_film_critics_votes: 168,
      rating_await_percent: 93.78,
      rating_await_votes: 50,
      rating_rf_critics_percent: 83.3333,
      rating_rf_critics_votes: 6,
      rating_good_review_percent: 88.9,
      rating_good_review_votes: 3,
      reviews_count: 12,
      mpaa: 'r',
      age_limit: 18,
      production_status: 'COMPLETED',
      serial: true,
      short_film: null,
      completed: false,
      has_imax: null,
      has_3d: true,
      is_tickets_available: null,
      last_sync: '2025-03-25T23:22:09.182Z',
      synced_at: '2026-06-01T12:00:00.500Z',
    })
  })

  test('a film of which only the id is known has null for all the rest, and no genres', () => {
    const { kinopoisk_id, synced_at, genres, countries, ...rest } = film({})
    expect({ kinopoisk_id, synced_at, genres, countries }).toEqual({
      kinopoisk_id: 7,
      synced_at: asked.toISOString(),
      genres: [],
      countries: [],
    })
    expect(Object.values(rest).every((value) => value === null)).toBe(true)
  })

  test.each([undefined, null, '', ' ', 'null', '\u00a0', '\0'])(
    '%j means unknown in every text and number',
    (nothing) => {
      const text = nothing as string
      const told = film({
        nameRu: text,
        slogan: text,
        imdbId: text,
        year: text,
        filmLength: text,
        ratingKinopoisk: text,
      })
      expect(told).toEqual(film({}))
      expect(item({ nameEn: text, year: text, filmLength: text, rating: text, description: text })).toEqual(item({}))
    },
  )

  test('no-break spaces become spaces, ends are trimmed, line breaks of a plot stay, names are one line', () => {
    const told = film({ description: '\u00a0В\u00a0городе\nN \n', nameRu: ' Два\u00a0 \nслова\u00a0' })
    expect(told.description).toBe('В городе\nN')
    expect(told.name_ru).toBe('Два слова')
  })

  test('repeated and empty genres are dropped, the order stays', () => {
    const told = film({ genres: [{ genre: 'драма' }, { genre: '' }, {}, { genre: 'аниме' }, { genre: ' драма' }] })
    expect(told.genres).toEqual(['драма', 'аниме'])
    expect(film({ genres: null, countries: null })).toMatchObject({ genres: [], countries: [] })
  })

  test.each([
    [{ ratingKinopoisk: 10.1 }, { rating_kinopoisk: null }],
    [{ ratingKinopoisk: -0.1 }, { rating_kinopoisk: null }],
    [{ ratingKinopoisk: 0 }, { rating_kinopoisk: 0 }],
    [{ ratingKinopoisk: 10 }, { rating_kinopoisk: 10 }],
    [{ ratingImdb: '7.5' }, { rating_imdb: 7.5 }],
    [{ ratingImdb: 'high' }, { rating_imdb: null }],
    [{ ratingAwait: 100.5 }, { rating_await_percent: null }],
    [{ ratingRfCritics: 100 }, { rating_rf_critics_percent: 100 }],
    [{ ratingKinopoiskVoteCount: -1 }, { rating_kinopoisk_votes: null }],
    [{ ratingKinopoiskVoteCount: 1e12 }, { rating_kinopoisk_votes: null }],
    [{ year: 0 }, { year: null }],
    [{ year: 1799 }, { year: null }],
    [{ year: 2201 }, { year: null }],
    [
      { startYear: 2013, endYear: 2022 },
      { start_year: 2013, end_year: 2022 },
    ],
    [{ filmLength: 0 }, { minutes: null }],
    [{ filmLength: -5 }, { minutes: null }],
    [{ filmLength: 90.5 }, { minutes: null }],
    [{ filmLength: 40_000 }, { minutes: null }],
    [{ filmLength: '136' }, { minutes: 136 }],
    [{ ratingAgeLimits: 'age0' }, { age_limit: 0 }],
    [{ ratingAgeLimits: 'adult' }, { age_limit: null }],
    [{ lastSync: 'yesterday' }, { last_sync: null }],
    [{ lastSync: '2025-01-01T00:00:00+03:00' }, { last_sync: '2024-12-31T21:00:00.000Z' }],
  ])('%j becomes %j', (sent, told) => {
    expect(film(sent)).toMatchObject(told)
  })

  test('a name longer than its column is cut, without half a character or a space at the end', () => {
    expect(film({ nameRu: 'я'.repeat(600) }).name_ru).toBe('я'.repeat(500))
    expect(film({ nameRu: `${'я'.repeat(499)} конец` }).name_ru).toBe('я'.repeat(499))
    expect(film({ nameRu: `${'я'.repeat(499)}😀` }).name_ru).toBe('я'.repeat(499))
    expect(film({ genres: [{ genre: 'ж'.repeat(150) }] }).genres).toEqual(['ж'.repeat(100)])
  })

  test('whatever is sent in the right shape, what comes out can be stored', () => {
    const loose = fc.option(
      fc.oneof(fc.string({ unit: 'binary', maxLength: 700 }), fc.double(), fc.constant('\ud800\0')),
    )
    const sent = fc.record({ nameRu: loose, year: loose, filmLength: loose, ratingKinopoisk: loose, lastSync: loose })
    fc.assert(
      fc.property(sent, (values) => {
        const told = film({ ...(values as Partial<FilmAnswer>), genres: [{ genre: values.nameRu as string }] })
        for (const text of [told.name_ru, ...told.genres].filter((value) => value !== null)) {
          expect(text.isWellFormed() && !text.includes('\0') && text === text.trim() && text.length > 0).toBe(true)
        }
        expect(told.name_ru?.length ?? 1).toBeLessThanOrEqual(500)
        expect(told.year ?? 1800).toSatisfy((year: number) => Number.isInteger(year) && year >= 1800 && year <= 2200)
        expect(told.minutes ?? 1).toSatisfy((n: number) => Number.isInteger(n) && n >= 1 && n <= 32_767)
        expect(told.rating_kinopoisk ?? 0).toSatisfy((rating: number) => rating >= 0 && rating <= 10)
      }),
    )
  })
})

describe('search results as upstream sends them', () => {
  test.each([
    ['1999', 1999],
    ['2018-...', 2018],
    ['1957-1959', 1957],
    ['199', null],
    ['скоро', null],
    [2024, 2024],
  ])('the year %j is %j', (year, told) => {
    expect(item({ year }).year).toBe(told)
  })

  test.each([
    ['02:16', 136],
    ['2:17', 137],
    ['00:00', null],
    ['1:2', null],
    ['long', null],
    [95, 95],
  ])('the length %j is %j minutes', (filmLength, told) => {
    expect(item({ filmLength }).minutes).toBe(told)
  })

  test.each([
    ['8.5', 8.5, null],
    [8.5, 8.5, null],
    ['98.0%', null, 98],
    ['99%', null, 99],
    ['7.9 %', null, 7.9],
    ['%', null, null],
    ['11', null, null],
    ['120%', null, null],
  ])('the rating %j is the rating %j and the expectation %j', (rating, number, percent) => {
    expect(item({ rating })).toMatchObject({ rating: number, await_percent: percent })
  })

  test('nameEn is the original title, and the title where there is no Russian one', () => {
    expect(item({ nameRu: 'Поток', nameEn: 'Straume' })).toMatchObject({ title: 'Поток', original_title: 'Straume' })
    expect(item({ nameEn: 'Straume' })).toMatchObject({ title: 'Straume', original_title: 'Straume' })
    expect(item({ nameRu: 'null', nameEn: '' })).toMatchObject({ title: '7', original_title: null })
  })
})

describe('the check of an answer', () => {
  const good = { kinopoiskId: 7, nameRu: 'Фильм', year: 1999 }

  test.each([
    ['another film', { ...good, kinopoiskId: 8 }],
    ['no id', { nameRu: 'Фильм' }],
    ['an id of text', { ...good, kinopoiskId: '7' }],
    ['a year that is a list', { ...good, year: [] }],
    ['genres that are an object', { ...good, genres: {} }],
    ['a genre without its object', { ...good, genres: ['драма'] }],
    ['a flag of text', { ...good, serial: 'true' }],
    ['an error with status 200', { message: 'Something' }],
    ['a list', [good]],
    ['null', null],
  ])('%s is no answer about film 7', (_, sent) => {
    expect(filmQuestion(7).accepts(good)).toBe(true)
    expect(filmQuestion(7).accepts(sent)).toBe(false)
  })

  test.each([
    ['no total', { films: [] }],
    ['no films', { searchFilmsCountResult: 0 }],
    ['a negative total', { searchFilmsCountResult: -1, films: [] }],
    ['a total of text', { searchFilmsCountResult: '1', films: [] }],
    ['an item without id', { searchFilmsCountResult: 1, films: [{ nameRu: 'Фильм' }] }],
    ['films that are an object', { searchFilmsCountResult: 1, films: {} }],
  ])('%s is no search answer', (_, sent) => {
    const { accepts } = searchQuestion('x', 1)
    expect(accepts({ searchFilmsCountResult: 21, pagesCount: 0, films: [{ filmId: 7 }] })).toBe(true)
    expect(accepts(sent)).toBe(false)
  })

  test.each([
    ['released and rated', { ratingKinopoisk: 7.5, year: 1999, productionStatus: null }, 30 * day],
    ['completed and rated', { ratingKinopoisk: '7.5', year: 1999, productionStatus: 'COMPLETED' }, 30 * day],
    ['not rated', { ratingKinopoisk: null, year: 1999 }, day],
    ['of a year to come', { ratingKinopoisk: 7.5, year: 2199 }, day],
    ['being filmed', { ratingKinopoisk: 7.5, year: 1999, productionStatus: 'FILMING' }, day],
    ['announced', { ratingKinopoisk: 7.5, year: 1999, productionStatus: 'ANNOUNCED' }, day],
  ])('a film %s stays true for its time', (_, sent, seconds) => {
    expect(filmQuestion(7).ttlSeconds({ kinopoiskId: 7, ...sent })).toBe(seconds)
  })

  test('what was not found stays so for a day, a search without results for an hour', () => {
    expect(filmQuestion(7).ttlSeconds(null)).toBe(day)
    expect(searchQuestion('x', 1).ttlSeconds(null)).toBe(hour)
    expect(searchQuestion('x', 1).ttlSeconds({ searchFilmsCountResult: 0, films: [] })).toBe(hour)
    expect(searchQuestion('x', 1).ttlSeconds({ searchFilmsCountResult: 1, films: [{ filmId: 7 }] })).toBe(day)
  })
})

/** Every way of upstream to give no answer, with what a client is told. */
const failures: [Fault, number, ErrorCode][] = [
  [400, 502, 'upstream_bad_response'],
  [401, 502, 'upstream_rejected_key'],
  [402, 503, 'upstream_quota_exhausted'],
  [403, 502, 'upstream_rejected_key'],
  [429, 503, 'upstream_rate_limited'],
  [500, 503, 'upstream_unavailable'],
  [502, 503, 'upstream_unavailable'],
  [503, 503, 'upstream_unavailable'],
  ['reset', 503, 'upstream_unavailable'],
  ['truncated', 503, 'upstream_unavailable'],
  ['hang', 504, 'upstream_timeout'],
  ['drip', 504, 'upstream_timeout'],
  ['html', 502, 'upstream_bad_response'],
  ['bad_json', 502, 'upstream_bad_response'],
  ['wrong_shape', 502, 'upstream_bad_response'],
  ['huge', 502, 'upstream_bad_response'],
  ['redirect', 502, 'upstream_bad_response'],
]

describe('asking upstream', () => {
  const key = 'a-key-that-nobody-may-see'
  let service: TestApp
  let get: Awaited<ReturnType<typeof reader>>
  beforeAll(async () => {
    service = await testApp({ KINOPOISK_TIMEOUT: '300ms' })
    get = await reader(service.app)
  })
  afterEach(() => service.sandbox.fail(null))
  afterAll(() => service.close())

  test.each(failures)('%s: an unknown film is %i %s, and nothing is kept', async (fault, status, code) => {
    service.sandbox.fail(fault)
    for (const url of ['/movies/326', '/movies/search?query=побег']) {
      const before = service.calls.length
      const response = await get(url)
      expectProblem(response, status, code)
      if (status === 503) expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/)
      expect(service.calls.length - before).toBe(1)
    }
    const kept = await inDatabase(service.databaseUrl, (sql) => sql`select path from kinopoisk_answers`)
    expect(kept).toHaveLength(0)
  })

  test('as soon as upstream is well again, the film comes', async () => {
    service.sandbox.fail('hang', { times: 1 })
    expect((await get('/movies/327')).statusCode).toBe(504)
    expect((await get('/movies/327')).json()).toMatchObject({ kinopoisk_id: 327 })
  })

  test('a wrong film under the right address is refused', async () => {
    const { get, close } = await over((_, response) => response.end('{"kinopoiskId":301}'))
    expectProblem(await get('/movies/302'), 502, 'upstream_bad_response')
    expect((await get('/movies/301')).statusCode).toBe(200)
    await close()
  })

  test.each([
    ['17', '17'],
    [undefined, '5'],
    ['Wed, 21 Oct 2026 07:28:00 GMT', '5'],
    ['-1', '5'],
    ['999999', '5'],
  ])('a 429 with Retry-After %j tells the client to wait for %s s', async (sent, told) => {
    const { get, close } = await over((_, response) => {
      response
        .writeHead(429, sent === undefined ? {} : { 'retry-after': sent })
        .end('{"message":"Rate limit exceeded"}')
    })
    const response = await get('/movies/301')
    expectProblem(response, 503, 'upstream_rate_limited')
    expect(response.headers['retry-after']).toBe(told)
    await close()
  })

  test.each([200, 301, 400, 401, 402, 403, 418, 429, 500, 503])(
    "nothing of upstream's text nor the key gets into the answer of a %i or into the log",
    async (status) => {
      const { get, log, close } = await over((_, response) => {
        response.writeHead(status, { 'x-secret': 'UPSTREAM-WORDS', location: 'http://UPSTREAM-WORDS.example/' })
        response.end('{"message":"UPSTREAM-WORDS"}')
      })
      const response = await get('/movies/301')
      expect(response.statusCode).toBeGreaterThanOrEqual(502)
      expect(log()).toContain('request failed')
      for (const text of [response.body, JSON.stringify(response.headers), log()]) {
        expect(text).not.toContain('UPSTREAM-WORDS')
        expect(text).not.toContain(key)
      }
      await close()
    },
  )

  test('a redirect is not followed', async () => {
    let followed = 0
    const target = await serve((_, response) => {
      followed += 1
      response.end('{"kinopoiskId":301}')
    })
    const { get, close } = await over((_, response) => response.writeHead(302, { location: target.url }).end())
    expectProblem(await get('/movies/301'), 502, 'upstream_bad_response')
    expect(followed).toBe(0)
    await close()
    await target.close()
  })

  test('an endless answer is cut soon after 1 MiB, not read to its end', async () => {
    let sent = 0
    const cut = Promise.withResolvers<void>()
    const { get, close } = await over((_, response) => {
      const chunk = Buffer.alloc(64 * 1024, ' ')
      const flow = () => {
        while (!response.closed && response.write(chunk)) sent += chunk.length
      }
      response.on('drain', flow).on('close', cut.resolve)
      flow()
    })
    expectProblem(await get('/movies/301'), 502, 'upstream_bad_response')
    await cut.promise
    // What the sockets' buffers of the system hold comes on top.
    expect(sent).toBeLessThan(16 * 1024 * 1024)
    await close()
  })

  test('the key, the path below that of the base URL, and nothing of the user are sent', async () => {
    const requests: IncomingMessage[] = []
    const upstream = await serve((request, response) => {
      requests.push(request)
      response.end(request.url?.includes('search') ? '{"searchFilmsCountResult":0,"films":[]}' : '{"kinopoiskId":301}')
    })
    const { get, close } = await gateway(`${upstream.url}/proxy/v1/`)
    expect((await get('/movies/301')).statusCode).toBe(200)
    expect((await get('/movies/search?query=a%26page%3D9 b&page=2')).statusCode).toBe(200)
    expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /proxy/v1/api/v2.2/films/301',
      'GET /proxy/v1/api/v2.1/films/search-by-keyword?keyword=a%26page%3D9+b&page=2',
    ])
    for (const { headers } of requests) {
      expect(headers).toMatchObject({ 'x-api-key': key, accept: 'application/json' })
      expect(headers.authorization).toBeUndefined()
    }
    await close()
    await upstream.close()
  })

  test('an upstream that nobody listens at is unavailable, not a film that does not exist', async () => {
    const upstream = await serve(() => {})
    await upstream.close()
    const { get, close } = await gateway(upstream.url)
    expectProblem(await get('/movies/301'), 503, 'upstream_unavailable')
    expectProblem(await get('/movies/search?query=матрица'), 503, 'upstream_unavailable')
    await close()
  })

  async function gateway(url: string) {
    const service = await testApp({}, { kinopoisk: { url, apiKey: key, sandbox: false } })
    return { ...service, get: await reader(service.app) }
  }

  /** The service over an upstream of the test's own. */
  async function over(listener: Parameters<typeof serve>[0]) {
    const upstream = await serve(listener)
    const service = await gateway(upstream.url)
    const close = async () => {
      await service.close()
      await upstream.close()
    }
    return { ...service, close }
  }
})

describe('kept answers', () => {
  const time = stoppedClock()
  let service: TestApp
  let get: Awaited<ReturnType<typeof reader>>
  beforeAll(async () => {
    service = await testApp({ KINOPOISK_TIMEOUT: '300ms' }, { clock: time.clock })
    get = await reader(service.app)
  })
  afterEach(() => service.sandbox.fail(null))
  afterAll(() => service.close())

  /** How many calls of upstream some work costs. */
  async function cost(work: () => Promise<unknown>): Promise<number> {
    const before = service.calls.length
    await work()
    return service.calls.length - before
  }

  function body(path: string) {
    return inDatabase(service.databaseUrl, async (sql) => {
      const [row] = await sql`select body, fetched_at, expires_at from kinopoisk_answers where path = ${path}`
      return row
    })
  }

  test('the first asking is a miss, the second a hit with its age', async () => {
    const first = await get('/movies/301')
    expect(first.headers).toMatchObject({ age: '0', 'cache-status': 'kinoteka; fwd=miss; stored; detail="sandbox"' })
    time.pass(90)
    const second = await get('/movies/301')
    expect(second.headers).toMatchObject({
      age: '90',
      'cache-status': `kinoteka; hit; ttl=${30 * day - 90}; detail="sandbox"`,
    })
    expect(second.json()).toEqual(first.json())
  })

  test('they outlive a restart', async () => {
    const urls = ['/movies/328', '/movies/search?query=властелин', '/movies/9999999', '/movies/search?query=щщщ']
    const all = (get: (url: string) => Promise<{ body: string }>) => Promise.all(urls.map(async (url) => get(url)))
    const before = await testApp()
    const first = await all(await reader(before.app))
    await before.app.close()
    const asked = before.calls.length
    const second = await all(await reader(await before.replica()))
    expect(asked).toBe(urls.length)
    expect(before.calls).toHaveLength(asked)
    expect(second.map(({ body }) => withoutRequestId(body))).toEqual(first.map(({ body }) => withoutRequestId(body)))
    await before.close()
  })

  test.each([
    ['/movies/search?query=крёстный', 'kinopoisk'],
    ['/movies/325', undefined],
  ])('%s is asked again when it has expired, and the new answer kept', async (url, source) => {
    await get(url)
    time.pass(31 * day)
    const response = await get(url)
    expect(response.headers).toMatchObject({
      age: '0',
      'cache-status': 'kinoteka; fwd=stale; stored; detail="sandbox"',
    })
    expect(response.json().source).toBe(source)
    expect(await cost(() => get(url))).toBe(0)
  })

  test.each(failures)('%s: an expired answer is served and stays as it is', async (fault, _status, code) => {
    const path = '/api/v2.1/films/search-by-keyword?keyword=%D0%BC%D0%B0%D1%82%D1%80%D0%B8%D1%86%D0%B0&page=1'
    const fresh = await get('/movies/search?query=матрица')
    const kept = await body(path)
    time.pass(2 * day)
    service.sandbox.fail(fault)
    const old = await get('/movies/search?query=матрица')
    expect(old.statusCode).toBe(200)
    expect(old.json()).toEqual({ ...fresh.json(), source: 'cache' })
    expect(old.json().items.length).toBeGreaterThan(0)
    expect(Number(old.headers.age)).toBeGreaterThanOrEqual(2 * day)
    expect(old.headers['cache-status']).toMatch(new RegExp(`^kinoteka; hit; ttl=-\\d+; detail="sandbox ${code}"$`))
    expect(await body(path)).toEqual(kept)
    service.sandbox.fail(null)
    expect((await get('/movies/search?query=матрица')).json().source).toBe('kinopoisk')
  })

  test('an expired film is served from its kept answer too', async () => {
    const fresh = await get('/movies/329')
    time.pass(40 * day)
    service.sandbox.fail(503)
    const old = await get('/movies/329')
    expect(old.json()).toEqual(fresh.json())
    expect(old.headers).toMatchObject({
      age: String(40 * day),
      'cache-status': `kinoteka; hit; ttl=-${10 * day}; detail="sandbox upstream_unavailable"`,
    })
  })

  test("an expired 'no such film' stays one while upstream can't be asked", async () => {
    expectProblem(await get('/movies/9999998'), 404, 'movie_not_found')
    time.pass(2 * day)
    service.sandbox.fail(500)
    expectProblem(await get('/movies/9999998'), 404, 'movie_not_found')
  })

  test.each([
    ['a released and rated film', '/movies/312', 30 * day],
    ['a film without a rating', '/movies/1115471', day],
    ['a film that does not exist', '/movies/9999997', day],
    ['a search', '/movies/search?query=две крепости', day],
    ['a search that finds nothing', '/movies/search?query=ъъъ', hour],
  ])('%s is true for its time, a tenth more or less', async (_, url, seconds) => {
    for (const random of [0, 0.999_999]) {
      const lasts = seconds * (0.9 + 0.2 * random)
      const time = stoppedClock(random)
      const service = await testApp({}, { clock: time.clock })
      const get = await reader(service.app)
      await get(url)
      time.pass(lasts - 1)
      await get(url)
      expect(service.calls).toHaveLength(1)
      time.pass(2)
      await get(url)
      expect(service.calls).toHaveLength(2)
      await service.close()
    }
  })

  test('a search that upstream answers with 404 is an empty one, kept for an hour', async () => {
    service.sandbox.fail(404)
    const response = await get('/movies/search?query=чего нет')
    expect(response.json()).toMatchObject({ total: 0, pages: 0, items: [], source: 'kinopoisk', complete: true })
    expect(await cost(() => get('/movies/search?query=чего нет'))).toBe(0)
    time.pass(hour + 1)
    expect(await cost(() => get('/movies/search?query=чего нет'))).toBe(1)
  })
})

describe('the cache layer alone', () => {
  const question = filmQuestion(7)
  const text = (year: number) => JSON.stringify({ kinopoiskId: 7, year })
  const answers: Ask = async (question) => {
    const value: unknown = { kinopoiskId: 7, year: 2001 }
    if (!question.accepts(value)) throw new Error('not the question of this test')
    return { value, text: text(2001), fetchedAt: asked, via: 'miss' }
  }
  let database: ReturnType<typeof connect>
  let repository: ReturnType<typeof createAnswerRepository>
  beforeAll(async () => {
    database = connect(await cloneDatabase())
    repository = createAnswerRepository(database.db)
  })
  afterEach(() => database.sql`truncate kinopoisk_answers`)
  afterAll(() => database.close())

  const answerOf = (seconds: number, year: number) => ({
    text: text(year),
    fetchedAt: new Date(asked.getTime() + seconds * 1000),
    expiresAt: new Date(asked.getTime() + (seconds + 60) * 1000),
  })

  test.each([
    ['first', [1, 2, 3]],
    ['last', [3, 2, 1]],
    ['in between', [2, 3, 1]],
  ])('of answers written by many replicas the newest stays, though it be written %s', async (_, order) => {
    for (const second of order) await repository.save(question.path, answerOf(second, 2000 + second))
    expect(await repository.find(question.path)).toEqual(answerOf(3, 2003))
  })

  test('answers written at once leave the newest', async () => {
    await Promise.all([4, 9, 1, 7, 5, 2].map((n) => repository.save(question.path, answerOf(n, 2000 + n))))
    expect(await repository.find(question.path)).toEqual(answerOf(9, 2009))
  })

  test('an answer becomes a 404 and back as upstream changes its mind', async () => {
    await repository.save(question.path, answerOf(1, 2001))
    await repository.save(question.path, { ...answerOf(2, 0), text: null })
    expect((await repository.find(question.path))?.text).toBeNull()
    const { clock } = stoppedClock()
    expect(await cached(repository, { ...clock, now: () => asked })(answers)(question)).toMatchObject({
      value: null,
      via: 'hit',
    })
  })

  test('an error that is not about asking is never hidden behind an old answer', async () => {
    await repository.save(question.path, answerOf(-3600, 1999))
    const broken: Ask = async () => {
      throw new TypeError('a bug')
    }
    const { clock } = stoppedClock()
    await expect(cached(repository, clock)(broken)(question)).rejects.toThrow('a bug')
    const down: Ask = async () => {
      throw new AppError('upstream_timeout')
    }
    expect(await cached(repository, clock)(down)(question)).toMatchObject({
      value: { year: 1999 },
      via: 'stale',
      reason: 'upstream_timeout',
    })
  })
})

/** A problem names its request; the rest of two answers to one question is the same. */
function withoutRequestId(body: string): unknown {
  const { request_id: _, ...rest } = JSON.parse(body)
  return rest
}
