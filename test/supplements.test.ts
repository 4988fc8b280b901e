import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { dataEndpoints } from '../src/kinopoisk/request.ts'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './support/app.ts'
import { expectProblem, stoppedClock } from './support/movies.ts'
import { patient } from './support/patience.ts'
import { all, films, ofFilm } from './support/supplements.ts'

const day = 86_400

let service: TestApp
let request: ReturnType<typeof as>
const time = stoppedClock()
beforeAll(async () => {
  service = await testApp({}, { clock: time.clock, firstAdmin }, { films })
  request = as(service.app, await testUser(service.app))
})
afterEach(() => service.sandbox.fail(null))
afterAll(() => service.close())

const get = (url: string) => request({ method: 'GET', url })
const json = async (url: string) => (await get(url)).json()
/** Of upstream, for some work: the endpoints that were called. */
async function calls(work: () => Promise<unknown>): Promise<string[]> {
  const before = service.calls.length
  await work()
  return service.calls.slice(before).map((call) => call.endpoint)
}

describe('What Kinopoisk has beside details', () => {
  test('of a series are its seasons', async () => {
    const { items, ...head } = await json('/movies/310/seasons')
    expect(head).toEqual({ total: 2, source: 'kinopoisk' })
    expect(items.map((season: { number: number }) => season.number)).toEqual([1, 2])
    expect(items[0].episodes[0]).toEqual({
      number: 1,
      title: 'Серия 1',
      original_title: 'Episode 1',
      synopsis: null,
      release_date: '2008-09-01',
    })
  })

  test('of a film are the people who made it, directors first', async () => {
    const { total, items } = await json('/movies/301/staff')
    expect(total).toBe(2)
    expect(items[0]).toEqual({
      id: 23_330,
      name: 'Лана Вачовски',
      original_name: 'Lana Wachowski',
      role: null,
      profession: 'DIRECTOR',
      profession_name: 'Режиссеры',
      photo_url: 'https://st.kp.yandex.net/images/actor_iphone/iphone360_23330.jpg',
    })
    expect(items[1]).toMatchObject({ name: null, profession: 'ACTOR' })
  })

  test('are images of a kind, page by page', async () => {
    const first = await json('/movies/301/images')
    expect(first).toMatchObject({ type: 'STILL', page: 1, pages: 2, total: 27, source: 'kinopoisk' })
    expect(first.items).toHaveLength(20)
    expect(first.items[0]).toEqual({
      url: 'https://avatars.mds.yandex.net/get-kinopoisk-image/301/still-1/orig',
      preview_url: 'https://avatars.mds.yandex.net/get-kinopoisk-image/301/still-1/300x',
    })
    expect((await json('/movies/301/images?page=2')).items).toHaveLength(7)
    expect((await json('/movies/301/images?page=3')).items).toEqual([])
    expect(await json('/movies/301/images?type=POSTER')).toMatchObject({ type: 'POSTER', pages: 1, total: 3 })
  })

  test('are similar films, sequels and prequels, with what the user has in lists', async () => {
    await request({ method: 'POST', url: '/favorites/movies/302' })
    await request({ method: 'POST', url: '/wishlist/movies/303' })
    const similar = await json('/movies/301/similars')
    expect(similar).toMatchObject({ total: 2, source: 'kinopoisk' })
    expect(similar.items).toEqual([
      {
        id: 303,
        kinopoisk_id: 303,
        title: 'Сталкер',
        original_title: null,
        poster_url: 'https://kinopoiskapiunofficial.tech/images/posters/kp/303.jpg',
        poster_preview_url: 'https://kinopoiskapiunofficial.tech/images/posters/kp_small/303.jpg',
        poster: expect.stringMatching(/^\/films\/303\/poster\?/),
        relation: 'SIMILAR',
        is_favorite: false,
        my_rating: null,
        in_wishlist: true,
      },
      expect.objectContaining({ id: 302, is_favorite: true, in_wishlist: false }),
    ])
    const sequels = await json('/movies/301/sequels')
    expect(sequels.items).toMatchObject([{ id: 302, relation: 'SEQUEL', original_title: 'The Matrix Revolutions' }])
    expect((await json('/movies/302/sequels')).items).toMatchObject([{ id: 301, relation: 'PREQUEL' }])
  })

  test('are facts, reviews and videos, as plain text', async () => {
    expect((await json('/movies/301/facts')).items).toEqual([
      { type: 'FACT', text: 'Название «Матрица» придумал сценарист.', spoiler: false },
      { type: 'BLOOPER', text: expect.any(String), spoiler: false },
    ])
    const reviews = await json('/movies/301/reviews')
    expect(reviews).toMatchObject({ order: 'DATE_DESC', page: 1, pages: 1, total: 6, total_positive: 3 })
    expect(reviews.items[0]).toMatchObject({
      ...{ id: 9030, type: 'POSITIVE', date: '2024-05-22T20:37:00.000Z', author: 'Зритель 1', title: null },
      text: 'Стоит посмотреть ещё раз.',
    })
    const oldest = await json('/movies/301/reviews?order=DATE_ASC')
    expect(oldest.items).toEqual(reviews.items.toReversed())
    expect((await json('/movies/301/videos')).items).toEqual([
      { url: expect.stringMatching(/^https:/), name: 'Матрица – трейлер', site: 'YOUTUBE' },
    ])
  })

  test('is a person with the films', async () => {
    expect(await json('/people/23330')).toMatchObject({
      ...{ id: 23_330, name: 'Лана Вачовски', original_name: 'Lana Wachowski', sex: null, birth_date: null },
      ...{ height_cm: null, profession: 'Режиссер', films_total: 2, source: 'kinopoisk' },
      films: [
        { id: 301, title: 'Матрица', original_title: 'The Matrix', rating: 8.5, profession: 'DIRECTOR', is_main: true },
        { id: 302 },
      ],
    })
    expectProblem(await get('/people/77'), 404, 'person_not_found')
    expect(await calls(() => get('/people/77'))).toEqual([])
  })

  test('are the premieres of a month and collections, as items of a search', { tags: 'slow' }, async () => {
    const premieres = await json('/movies/premieres?year=1999&month=2')
    expect(premieres).toMatchObject({ year: 1999, month: 2, total: 1, source: 'kinopoisk' })
    expect(premieres.items).toEqual([
      {
        ...{ id: 301, kinopoisk_id: 301, title: 'Матрица', original_title: 'The Matrix', type: null, year: 1999 },
        ...{ minutes: 136, rating: null, await_percent: null, votes: null, description: null },
        ...{ genres: ['фантастика'], countries: ['США'], premiere_date: '1999-02-22' },
        poster_url: 'https://kinopoiskapiunofficial.tech/images/posters/kp/301.jpg',
        poster_preview_url: 'https://kinopoiskapiunofficial.tech/images/posters/kp_small/301.jpg',
        poster: expect.stringMatching(/^\/films\/301\/poster\?/),
        ...{ is_favorite: false, in_wishlist: false, my_rating: null },
      },
    ])
    const best = await json('/movies/collections?type=TOP_250_MOVIES')
    expect(best).toMatchObject({ type: 'TOP_250_MOVIES', page: 1, pages: 1, total: 3 })
    expect(best.items.map((item: { title: string }) => item.title)).toEqual([
      'Матрица',
      'Сталкер',
      'Матрица: Революция',
    ])
    expect(best.items[0]).toMatchObject({ type: 'FILM', rating: 8.5, description: 'Хакер узнаёт правду.' })
  })
})

describe('A film or a month of which Kinopoisk has nothing', () => {
  test('is an empty list, and of a film that does not exist 404', async () => {
    await get('/movies/303')
    expect(
      await calls(async () => expect(await json('/movies/303/seasons')).toMatchObject({ total: 0, items: [] })),
    ).toEqual(['seasons'])
    expect(await json('/movies/303/images?type=CONCEPT')).toMatchObject({ type: 'CONCEPT', pages: 0, items: [] })
    expect(await json('/movies/premieres?year=1950&month=1')).toMatchObject({ total: 0, items: [] })
    for (const url of ofFilm) {
      const unknown = url.replace('301', '9999')
      expectProblem(await get(unknown), 404, 'movie_not_found')
      expect(await calls(() => get(unknown))).toEqual([])
    }
  })

  test('is looked for once where the film is not known: nothing about it, or no such film', async () => {
    const fresh = await testApp({}, {}, { films })
    const asReader = as(fresh.app, await testUser(fresh.app))
    const response = await asReader({ method: 'GET', url: '/movies/301/seasons' })
    expect(response.json()).toMatchObject({ total: 0, items: [], source: 'kinopoisk' })
    expect(fresh.calls.map((call) => call.endpoint)).toEqual(['seasons', 'film'])
    await fresh.close()
  })

  test('is an empty list without a call for a film made here', async () => {
    const admin = as(service.app, await testAdmin(service))
    const director = await admin({ method: 'POST', url: '/directors', payload: { name: 'Режиссёр' } })
    const payload = { name: 'Свой', genre: 'драма', director_id: director.json().id, rate: 7, year: 2000, minutes: 90 }
    const { id } = (await admin({ method: 'POST', url: '/films', payload })).json()
    expect(
      await calls(async () => {
        for (const url of ofFilm) {
          const response = await get(url.replace('301', id))
          expect(response.json(), url).toMatchObject({ total: 0, items: [], source: 'local' })
          expect(response.headers['cache-status']).toBeUndefined()
          expectProblem(await get(url.replace('301', '2000000000')), 404, 'movie_not_found')
        }
      }),
    ).toEqual([])
  })
})

describe('Of every route', () => {
  test.each(all)('%s needs a token', async (url) => {
    expectProblem(await service.app.inject({ method: 'GET', url }), 401, 'missing_token')
  })

  test.each(all)('%s is one call, then a hit with age and tag; HEAD is the same', async (url) => {
    const fresh = await testApp({}, { clock: time.clock }, { films })
    const asReader = as(fresh.app, await testUser(fresh.app))
    await asReader({ method: 'GET', url: '/movies/301' })
    const first = await asReader({ method: 'GET', url })
    expect(first.statusCode).toBe(200)
    expect(first.headers).toMatchObject({ age: '0', 'cache-status': 'kinoteka; fwd=miss; stored; detail="sandbox"' })
    time.pass(60)
    const second = await asReader({ method: 'GET', url })
    expect(second.headers).toMatchObject({
      age: '60',
      'cache-status': expect.stringMatching(/^kinoteka; hit; ttl=\d+/),
    })
    expect(second.json()).toEqual(first.json())
    const head = await asReader({ method: 'HEAD', url })
    expect([head.statusCode, head.body, head.headers.etag]).toEqual([200, '', second.headers.etag])
    const headers = { 'if-none-match': second.headers.etag as string }
    expect((await asReader({ method: 'GET', url, headers })).statusCode).toBe(304)
    expect(fresh.calls.filter((call) => call.endpoint !== 'film')).toHaveLength(1)
    await fresh.close()
  })

  test.each(all)('%s refuses what it does not know, and names what it does, without a call', async (url) => {
    const called = await calls(async () => {
      const response = await get(`${url}${url.includes('?') ? '&' : '?'}no_such=1`)
      expectProblem(response, 400, 'invalid_input')
      expect(response.json().detail).toContain('query.no_such is not known here')
      expectProblem(await request({ method: 'POST', url }), 405, 'method_not_allowed')
      expect((await request({ method: 'POST', url })).headers.allow).toBe('GET, HEAD')
    })
    expect(called).toEqual([])
  })

  test.each([
    ['/movies/301/images?type=SELFIE', 'query.type must be one of STILL, SHOOTING, POSTER'],
    ['/movies/301/images?page=21', 'query.page must be <= 20'],
    ['/movies/301/reviews?order=BEST', 'query.order must be one of DATE_DESC, DATE_ASC'],
    ['/movies/301/reviews?page=0', 'query.page must be >= 1'],
    ['/movies/premieres?year=1999&month=13', 'query.month must be <= 12'],
    ['/movies/premieres?year=1999&month=JUNE', 'query.month must be integer'],
    ['/movies/premieres?month=1', 'query.year is required'],
    ['/movies/collections?type=BEST', 'query.type must be one of TOP_POPULAR_ALL'],
    ['/movies/collections?page=51', 'query.page must be <= 50'],
    ['/movies/collections?page=1e1', 'query.page must be integer'],
    ['/movies/10000001x/seasons', 'params.id must be integer'],
    ['/people/0', 'params.id must be >= 1'],
  ])('%s is 400 and says what to change', async (url, detail) => {
    const response = await get(url)
    expectProblem(response, 400, 'invalid_input')
    expect(response.json().detail).toContain(detail)
  })

  test('many at once over two replicas are one call', { tags: 'slow' }, async () => {
    const fresh = await testApp({}, {}, { films })
    const user = await testUser(fresh.app)
    const [one, other] = [as(fresh.app, user), as(await fresh.replica(), user)]
    await one({ method: 'GET', url: '/movies/301' })
    const before = fresh.calls.length
    for (const url of all) {
      const many = [one, other, one, other, one, other].map((reader) => reader({ method: 'GET', url }))
      for (const response of await Promise.all(many)) expect(response.statusCode, url).toBe(200)
    }
    expect(fresh.calls.length - before).toBe(all.length)
    await fresh.close()
  })
})

test('Premieres, collections and searches together are no more a second than Kinopoisk allows of each', {
  tags: 'slow',
}, async () => {
  const fresh = await testApp({}, {}, { films, rateLimits: true })
  const asReader = as(fresh.app, await testUser(fresh.app))
  const urls = [1, 2, 3, 4].flatMap((n) => [
    `/movies/premieres?year=1999&month=${n}`,
    `/movies/collections?page=${n}`,
    `/movies/search?query=матрица&page=${n}`,
  ])
  const responses = await Promise.all(urls.map((url) => asReader({ method: 'GET', url: encodeURI(url) })))
  expect(responses.map((response) => response.json().source)).toEqual(urls.map(() => 'kinopoisk'))
  expect(fresh.calls.map((call) => call.status)).toEqual(urls.map(() => 200))
  await fresh.close()
})

describe('While Kinopoisk is out', () => {
  test.each(all)('%s is served if it was asked once, and else 503 with Retry-After', { tags: 'slow' }, async (url) => {
    const time = stoppedClock()
    const fresh = await testApp({}, { clock: time.clock }, { films })
    const asReader = as(fresh.app, await testUser(fresh.app))
    await asReader({ method: 'GET', url: '/movies/301' })
    const first = (await asReader({ method: 'GET', url })).json()
    time.pass(40 * day)
    fresh.sandbox.fail(503)
    const response = await asReader({ method: 'GET', url })
    expect(response.json()).toEqual({ ...first, source: 'cache' })
    expect(response.headers).toMatchObject({
      age: String(40 * day),
      'cache-status': expect.stringMatching(/^kinoteka; hit; ttl=-\d+; detail="sandbox [a-z_]+"$/),
    })
    await fresh.app.kinopoisk.idle()
    const other = url.replace('301', '302').replace('23330', '23331').replace('month=2', 'month=3')
    const unknown = await asReader({ method: 'GET', url: other === url ? '/movies/collections?page=2' : other })
    expectProblem(unknown, 503, 'upstream_unavailable')
    expect(unknown.headers['retry-after']).toMatch(/^[1-9]\d*$/)
    await fresh.close()
  })

  test('a film of a collection or a month is served in part, and found', { tags: 'slow' }, async () => {
    const fresh = await testApp({}, {}, { films })
    const asReader = as(fresh.app, await testUser(fresh.app))
    await asReader({ method: 'GET', url: '/movies/collections' })
    await asReader({ method: 'GET', url: '/movies/premieres?year=1999&month=2' })
    fresh.sandbox.fail('reset')
    const movie = (await asReader({ method: 'GET', url: '/movies/301' })).json()
    // Of the premieres the minutes, of the collection the rest.
    expect(movie).toMatchObject({ title: 'Матрица', minutes: 136, rating: 8.5, description: 'Хакер узнаёт правду.' })
    expect(movie.kinopoisk).toMatchObject({ type: 'FILM', rating_kinopoisk: 8.5, minutes: 136, complete: false })
    const query = { query: 'сталкер' }
    const search = (await asReader({ method: 'GET', url: '/movies/search', query })).json()
    expect(search).toMatchObject({ source: 'local', items: [{ id: 303 }] })
    await fresh.close()
  })
})

describe('Freshness', () => {
  test.each([
    ['seasons of a series that is over', '/movies/310/seasons', 30 * day],
    ['seasons of a series that goes on', '/movies/311/seasons', day],
    ['staff', '/movies/301/staff', 30 * day],
    ['images', '/movies/301/images', 30 * day],
    ['similar films', '/movies/301/similars', 30 * day],
    ['sequels', '/movies/301/sequels', 30 * day],
    ['facts', '/movies/301/facts', 30 * day],
    ['reviews', '/movies/301/reviews', 7 * day],
    ['videos', '/movies/301/videos', 7 * day],
    ['a person', '/people/23330', 30 * day],
    ['premieres of a month that is over', '/movies/premieres?year=1999&month=2', 30 * day],
    ['a collection that changes slowly', '/movies/collections?type=TOP_250_MOVIES', 7 * day],
    ['a collection that changes daily', '/movies/collections?type=TOP_POPULAR_ALL', day],
  ])('of %s', async (_, url, seconds) => {
    const time = stoppedClock()
    const fresh = await testApp({}, { clock: time.clock }, { films })
    const asReader = as(fresh.app, await testUser(fresh.app))
    await asReader({ method: 'GET', url })
    const { headers } = await asReader({ method: 'GET', url })
    expect(headers['cache-status']).toBe(`kinoteka; hit; ttl=${seconds}; detail="sandbox"`)
    await fresh.close()
  })
})

describe('Operators', () => {
  test('see every endpoint in the status, and what was paid', { tags: 'slow' }, async () => {
    const fresh = await testApp({}, { firstAdmin }, { films })
    const asAdmin = as(fresh.app, await testAdmin(fresh))
    for (const url of all.filter((url) => !url.endsWith('seasons'))) await asAdmin({ method: 'GET', url })
    await asAdmin({ method: 'GET', url: '/movies/310/seasons' })
    await asAdmin({ method: 'GET', url: '/movies/310/seasons' })
    const status = (await asAdmin({ method: 'GET', url: '/admin/kinopoisk' })).json()
    for (const part of ['circuits', 'kept', 'answered'])
      expect(Object.keys(status[part]).toSorted(), part).toEqual([...dataEndpoints].toSorted())
    const asked = new Set<string>(fresh.calls.map((call) => call.endpoint))
    for (const endpoint of dataEndpoints) {
      const times = asked.has(endpoint) ? 1 : 0
      expect([endpoint, status.kept[endpoint]]).toEqual([endpoint, { fresh: times, expired: 0 }])
      expect([endpoint, status.answered[endpoint].miss]).toEqual([endpoint, times])
    }
    expect(status.answered.seasons).toMatchObject({ hit: 1, miss: 1, hit_ratio: 0.5 })
    expect(status.quota.spent.interactive).toBe(fresh.calls.length)
    const metrics = (await fresh.app.inject({ url: '/metrics' })).body
    expect(metrics).toContain('kinopoisk_requests_total{endpoint="seasons",outcome="ok"} 1')
    expect(metrics).toContain('kinopoisk_breaker_open{breaker="premieres"} 0')
    await fresh.close()
  })

  test("one endpoint's circuit does not stop the others", { tags: 'slow' }, async () => {
    const fresh = await testApp({}, {}, { films })
    const asReader = as(fresh.app, await testUser(fresh.app))
    await asReader({ method: 'GET', url: '/movies/301' })
    fresh.sandbox.fail(500, { path: /facts/ })
    for (const film of films) await asReader({ method: 'GET', url: `/movies/${film.id}/facts` })
    await vi.waitFor(async () => {
      expectProblem(await asReader({ method: 'GET', url: '/movies/302/facts' }), 503, 'upstream_unavailable')
      expect((await fresh.app.inject({ url: '/metrics' })).body).toContain('kinopoisk_breaker_open{breaker="facts"} 1')
    }, patient)
    expect((await asReader({ method: 'GET', url: '/movies/301/videos' })).statusCode).toBe(200)
    await fresh.close()
  })
})
