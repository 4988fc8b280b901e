import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { firstAdmin, type TestApp, testApp, testUser } from './support/app.ts'
import { addresses, client, films, makeKey } from './support/compatible.ts'
import { stoppedClock } from './support/movies.ts'

const day = 86_400
const search = (keyword: string) => `/api/v2.1/films/search-by-keyword?${new URLSearchParams({ keyword })}`

let service: TestApp
let key: string
let get: ReturnType<typeof client>
const time = stoppedClock()

beforeAll(async () => {
  service = await testApp({ KINOPOISK_COMPATIBLE: 'true' }, { clock: time.clock, firstAdmin }, { films })
  key = await makeKey(service.app, await testUser(service.app))
  get = client(service.app, key)
})
afterEach(() => service.sandbox.fail(null))
afterAll(() => service.close())

const json = async (url: string) => (await get(url)).json()

/** How many calls of upstream some work took. */
async function calls(work: () => Promise<unknown>): Promise<number> {
  const before = service.calls.length
  await work()
  return service.calls.length - before
}

async function upstreamText(path: string): Promise<string> {
  const response = await fetch(service.sandbox.url + path, { headers: { 'x-api-key': 'another' } })
  service.calls.pop()
  return response.text()
}

/** All of them are answered, and again without a call. */
async function expectAnswers(urls: string[]): Promise<void> {
  for (const url of urls) expect([url, (await get(url)).statusCode]).toEqual([url, 200])
  expect(await calls(() => Promise.all(urls.map(get)))).toBe(0)
}

describe('Upstream’s own addresses', () => {
  test.each(addresses)('%s is answered byte for byte, and the second time without a call', async (url) => {
    const first = await get(url)
    expect(first.statusCode).toBe(200)
    expect(first.headers['content-type']).toMatch(/^application\/json/)
    expect(first.body).toBe(await upstreamText(url))
    const again = { body: '', cacheStatus: '' }
    const cost = await calls(async () => {
      const response = await get(url)
      Object.assign(again, { body: response.body, cacheStatus: response.headers['cache-status'] })
    })
    expect(cost).toBe(0)
    expect(again.body).toBe(first.body)
    expect(again.cacheStatus).toMatch(/^kinoteka; hit; ttl=\d+/)
  })

  test('are the same whatever the order, the slashes, what is unknown, and what is left out', async () => {
    const same = [
      '//api/v1/staff?filmId=301',
      '/api//v1/staff/?filmId=301&type=CREW',
      '//api/v1//staff?&utm=1&filmId=301',
      '/api/v2.2/films/301/',
      '/api/v2.2/films//0301?x=1',
      '/api/v2.2/films/301/images',
      '/api/v2.2/films/301/images?page=&type=still',
      '/api/v2.2/films/301/images?page=undefined&type=STILL',
      search(' «МАТРИЦА» '),
      `${search('матрица')}&page=1`,
      '/api/v2.2/films?page=1&imdbId=TT0133093&type=ALL&order=RATING&ratingFrom=0&ratingTo=10&yearFrom=1000&yearTo=3000',
      '/api/v2.2/films?yearTo=1999&countries=&genres=&yearFrom=1999&ratingFrom=8.0',
      '/api/v2.2/films/collections?page=1&type=TOP_250_MOVIES',
      '/api/v2.2/films/premieres?month=february&year=1999',
    ]
    expect(await calls(() => expectAnswers(same))).toBe(0)
  })

  test('share what is stored with the addresses of our own', async () => {
    const { headers } = await testUser(service.app)
    const own = (url: string) => service.app.inject({ method: 'GET', url, headers })
    expect(await calls(() => own('/movies/301/images?page=2'))).toBe(1)
    expect(await calls(() => get('/api/v2.2/films/301/images?page=2&type=STILL'))).toBe(0)
    const shared = [
      '/movies/301',
      '/movies/301/staff',
      '/movies/search?query=Матрица',
      '/movies/premieres?year=1999&month=2',
    ]
    expect(await calls(() => Promise.all(shared.map((url) => own(encodeURI(url)))))).toBe(0)
  })

  test('are compressed on request, and 304 for who has them', async () => {
    const [url = ''] = addresses
    const images = '/api/v2.2/films/301/images'
    const plain = await get(url)
    const zipped = await client(service.app, key, { 'accept-encoding': 'gzip, deflate' })(images)
    expect(zipped.headers['content-encoding']).toBe('gzip')
    const { gunzipSync } = await import('node:zlib')
    expect(gunzipSync(zipped.rawPayload).toString()).toBe((await get(images)).body)
    const refused = await client(service.app, key, { 'accept-encoding': 'gzip;q=0' })(images)
    expect(refused.headers['content-encoding']).toBeUndefined()
    const known = await client(service.app, key, { 'if-none-match': String(plain.headers.etag) })(url)
    expect([known.statusCode, known.body]).toEqual([304, ''])
  })
})

describe('A client with another base URL', () => {
  test('Lampa shows the card of a film and of a series', async () => {
    const card = (id: number) => [
      '/api/v2.2/films/filters',
      `/api/v2.2/films/${id}`,
      `/api/v2.2/films/${id}/distributions`,
      `//api/v1/staff?filmId=${id}`,
      `/api/v2.1/films/${id}/sequels_and_prequels`,
      `/api/v2.2/films/${id}/similars`,
    ]
    await expectAnswers([...card(301), ...card(310), '/api/v2.2/films/310/seasons'])
    await expectAnswers([
      '/api/v2.2/films/collections?type=TOP_POPULAR_ALL&page=1',
      '/api/v2.2/films?order=NUM_VOTE&type=FILM',
    ])
    const { genres } = await json('/api/v2.2/films/filters')
    expect(genres[0]).toEqual({ id: expect.any(Number), genre: expect.any(String) })
    expect((await json('//api/v1/staff?filmId=301'))[0]).toMatchObject({ staffId: 23_330, professionKey: 'DIRECTOR' })
  })

  test('Emby finds a film by title and year, by title, and by its IMDb id', async () => {
    const keyword = encodeURIComponent('Зелёная миля')
    const byYear = await json(`/api/v2.2/films?keyword=${keyword}&yearFrom=1999&yearTo=1999`)
    expect(byYear.items).toMatchObject([{ kinopoiskId: 435, imdbId: 'tt0120689', year: 1999 }])
    await expectAnswers([
      `/api/v2.2/films?keyword=${keyword}`,
      '/api/v2.2/films?imdbId=tt0120689',
      '/api/v2.2/films/435',
      '/api/v1/staff?filmId=435',
      '/api/v2.2/films/435/videos',
      '/api/v2.2/films/310/seasons',
      '/api/v1/staff/23330',
      `/api/v1/persons?name=${encodeURIComponent('Вачовски')}`,
      '/api/v2.2/films/collections?type=TOP_250_MOVIES',
    ])
  })

  test('Plex asks about its key first, and is not told to stop while what is kept can be had', async () => {
    const limited = await makeKey(service.app, await testUser(service.app), { daily_limit: 2 })
    const plex = client(service.app, limited)
    const account = async () => (await plex(`/api/v1/api_keys/${limited}`)).json()
    const before = service.accountCalls.length
    expect(await account()).toEqual({
      totalQuota: { value: -1, used: 0 },
      dailyQuota: { value: 2, used: 0 },
      accountType: 'FREE',
    })
    await plex(search('сталкер'))
    await plex(search('stalker'))
    const spent = await account()
    expect(spent).toMatchObject({ dailyQuota: { value: -1, used: 2 }, accountType: 'UNLIMITED' })
    expect(service.accountCalls.length).toBe(before)
    const kept = ['/api/v2.2/films/301', '/api/v2.2/films/301/images?type=STILL', '/api/v2.2/films/301/distributions']
    for (const url of [...kept, search('сталкер')]) expect((await plex(url)).statusCode).toBe(200)
    const refused = await plex('/api/v2.2/films/303/reviews')
    expect([refused.statusCode, Object.keys(refused.json())]).toEqual([402, ['message']])
    expect(refused.json().message).toMatch(/^You exceeded the quota/)
  })

  test('a Go client reads strings in a search, and numbers in details', async () => {
    const strings = { year: '1999', rating: '8.5', filmLength: '02:16' }
    const { films: found, ...head } = await json(search('Матрица'))
    expect(head).toMatchObject({ pagesCount: expect.any(Number), searchFilmsCountResult: 2 })
    expect(found[0]).toMatchObject({ filmId: 301, nameRu: 'Матрица', ...strings })
    expect(await json('/api/v2.2/films/301')).toMatchObject({ kinopoiskId: 301, year: 1999, filmLength: 136 })
    service.sandbox.fail(503)
    const local = await get(search('Матрица 1999'))
    expect(local.headers['cache-status']).toMatch(/detail="sandbox upstream_/)
    const own = local.json()
    expect(own).toMatchObject({ keyword: 'матрица 1999', pagesCount: 1, searchFilmsCountResult: 1 })
    expect(own.films).toEqual([
      {
        ...{ filmId: 301, nameRu: 'Матрица', nameEn: 'The Matrix', type: 'FILM', ...strings },
        description: 'Хакер узнаёт правду.',
        countries: [{ country: 'США' }],
        genres: [{ genre: 'фантастика' }],
        ratingVoteCount: 900,
        posterUrl: 'https://kinopoiskapiunofficial.tech/images/posters/kp/301.jpg',
        posterUrlPreview: 'https://kinopoiskapiunofficial.tech/images/posters/kp_small/301.jpg',
      },
    ])
  })
})

describe('While upstream is out', () => {
  test('all that was asked once is answered, with its age', { tags: 'slow' }, async () => {
    for (const url of addresses) await get(url)
    time.pass(31 * day)
    service.sandbox.fail(503)
    for (const url of addresses) {
      const { statusCode, headers } = await get(url)
      expect([url, statusCode]).toEqual([url, 200])
      expect(Number(headers.age), url).toBeGreaterThanOrEqual(31 * day)
      expect(headers['cache-status'], url).toMatch(/^kinoteka; hit; ttl=-\d+/)
    }
    await service.app.kinopoisk.idle()
  })

  test('films known here stand in for a search, by title or IMDb id; nothing known is no "nothing found"', {
    tags: 'slow',
  }, async () => {
    service.sandbox.fail(503)
    const item = { kinopoiskId: 435, imdbId: 'tt0120689', nameRu: 'Зелёная миля', year: 1999, ratingKinopoisk: 9.1 }
    await service.app.database.sql`delete from kinopoisk_answers where path like '%imdbId=tt0120689%'`
    const byImdb = await service.replica()
    const known = await client(byImdb, key)('/api/v2.2/films?imdbId=tt0120689')
    expect(known.json()).toMatchObject({ total: 1, totalPages: 1, items: [item] })
    expect((await json(`/api/v2.2/films?keyword=${encodeURIComponent('миля')}&yearFrom=1999`)).items).toMatchObject([
      item,
    ])
    const wrongYear = await get(`/api/v2.2/films?keyword=${encodeURIComponent('миля')}&yearFrom=2001`)
    for (const refused of [wrongYear, await get(search('чего нет')), await get('/api/v2.2/films/302/facts')]) {
      expect([refused.statusCode, Object.keys(refused.json())]).toEqual([503, ['message']])
      expect(refused.headers['retry-after']).toMatch(/^\d+$/)
      expect(refused.headers['access-control-allow-origin']).toBe('*')
    }
  })
})
