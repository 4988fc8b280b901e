import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { readFilmReference } from '../src/text/film-reference.ts'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { expectProblem, serve } from './support/movies.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** The requests of a new user. */
async function readerOf({ app }: Pick<TestApp, 'app'>) {
  const request = as(app, await testUser(app))
  return {
    request,
    get: (url: string) => request({ method: 'GET', url }),
    search: (query: string, page = '1') => request({ method: 'GET', url: '/movies/search', query: { query, page } }),
  }
}

async function fresh(env: Record<string, string> = {}) {
  const service = await testApp(env)
  closing.push(service.close)
  return { ...service, ...(await readerOf(service)) }
}

/** Over an upstream whose films of an IMDb id are these rows, and which has no other film. */
async function listing(rows: unknown[]) {
  const calls: string[] = []
  const upstream = await serve((request, response) => {
    const url = request.url ?? ''
    if (url.includes('api_keys')) return response.writeHead(500).end()
    calls.push(url)
    if (url.includes('imdbId=')) {
      return response.end(JSON.stringify({ total: rows.length, totalPages: 1, items: rows }))
    }
    return response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"Film not found"}')
  })
  const service = await testApp({}, { kinopoisk: { url: upstream.url, apiKey: 'key', sandbox: false } })
  closing.push(upstream.close, service.close)
  return { ...(await readerOf(service)), app: service.app, calls }
}

// For what leaves no trace that matters to another test.
let service: Awaited<ReturnType<typeof readerOf>> & TestApp
beforeAll(async () => {
  const started = await testApp({ KINOPOISK_TIMEOUT: '1m' })
  service = { ...started, ...(await readerOf(started)) }
})
afterAll(() => service.close())

describe('What names a film', () => {
  test.each([
    'https://www.kinopoisk.ru/film/301/',
    'http://kinopoisk.ru/film/301',
    'https://m.kinopoisk.ru/film/301/?utm_source=share&utm_medium=android',
    'kinopoisk.ru/film/301',
    'WWW.KINOPOISK.RU/FILM/301/',
    '//www.kinopoisk.ru/film/301/',
    'https://www.kinopoisk.ru/series/301/episodes/',
    'https://www.kinopoisk.ru/film/301/cast/#actors',
    'https://www.kinopoisk.ru/film/matritsa-301/',
    'https://www.kinopoisk.ru/film/matritsa-1999-301/',
    'http://www.kinopoisk.ru/level/1/film/301/sr/1/',
    'https://www.kinopoisk.ru:443/film/301/',
    ' <https://www.kinopoisk.ru/film/301/> ',
    '«https://www.kinopoisk.ru/film/301/»',
    '"kinopoisk.ru/film/301"',
    'https://www.kinopoisk.ru/film/301/ Матрица',
    'Смотри: «Матрица» https://www.kinopoisk.ru/film/301/, это лучшее.',
    'https://www.kinopoisk.ru/film/301.',
    'https://vk.com/away.php?to=https%3A%2F%2Fwww.kinopoisk.ru%2Ffilm%2F301%2F',
    'kp301',
    'KP-301',
    'kp 301',
    'КП 301',
    'kp:301',
    'kpid301',
    '[kp301]',
    'kinopoisk-301',
    'Кинопоиск: 301',
    'Матрица (1999) [kinopoiskid-301]',
    'kp000301',
    'kp/301',
    'https://www.kinopoisk.ru//film/301/',
    'https://www.kinopoisk.ru/film//301/',
    'Матрица.1999.kp301.mkv',
    'Матрица kp301',
    'kp301 Матрица',
    'Матрица_КП301',
  ])('%j is the film 301 of Kinopoisk', (text) => {
    expect(readFilmReference(text)).toEqual({ kinopoiskId: 301 })
  })

  test.each([
    'tt0133093',
    'TT0133093',
    ' tt0133093. ',
    '[tt0133093]',
    'https://www.imdb.com/title/tt0133093/',
    'https://m.imdb.com/title/tt0133093/reference/?ref_=nv_sr_1',
    'imdb.com/title/tt0133093',
    'https://www.imdb.com/de/title/tt0133093/fullcredits',
    'The Matrix (1999) {imdb-tt0133093}',
    'The_Matrix_tt0133093',
    'tt00133093',
    'tt 0133093',
    'tt:0133093',
    'tt-0133093',
    'imdb:0133093',
    'imdb 0133093',
    'IMDb: 0133093',
    'imdb id 0133093',
    'тт0133093',
    'Матрица ТТ0133093',
  ])('%j is tt0133093 of IMDb', (text) => {
    expect(readFilmReference(text)).toEqual({ imdbId: 'tt0133093' })
  })

  test.each([
    '',
    '301',
    '№301',
    '2012',
    'матрица',
    'Кинопоиск 2012',
    'kp',
    'kp0',
    'kp 301 метр',
    'Матрица kp 301',
    'xkp301',
    'Матрица kp301a',
    'Матрица kp12',
    'Матрица kp1234567890',
    'Матрица kp000',
    'kp/матрица',
    'imdb 2012',
    'imdb top 250',
    'tt 2012',
    'тт 301',
    'kp1234567890',
    'https://www.kinopoisk.ru/',
    'https://www.kinopoisk.ru/name/7836/',
    'https://www.kinopoisk.ru/film/0/',
    'https://www.kinopoisk.ru/film/301abc/',
    'https://www.kinopoisk.ru/film/12345678901/',
    'https://hd.kinopoisk.ru/film/4824a95e60a7db7e86f14137516ba590',
    'https://hd.kinopoisk.ru/film/301',
    'https://notkinopoisk.ru/film/301/',
    'https://kinopoisk.ru.example/film/301/',
    'https://www.imdb.com/name/nm0000206/',
    'tt013',
    'att0133093',
    'tt0133093a',
    'tt01330930000',
  ])('%j names none', (text) => {
    expect(readFilmReference(text)).toBeUndefined()
  })
})

describe('A pasted address or id', () => {
  test('finds the film without a search, as a search would show it', async () => {
    const before = service.calls.length
    const response = await service.search('https://www.kinopoisk.ru/film/301/')
    expect(response.headers['cache-status']).toBe('kinoteka; fwd=miss; stored; detail="sandbox"')
    const { items, ...rest } = response.json()
    expect(rest).toEqual({
      query: 'https://www.kinopoisk.ru/film/301/',
      page: 1,
      pages: 1,
      total: 1,
      source: 'kinopoisk',
      complete: true,
    })
    expect(service.calls.slice(before).map(({ path }) => path)).toEqual(['/api/v2.2/films/301'])
    const byTitle = (await service.search('матрица')).json().items
    expect(items).toEqual([byTitle.find(({ id }: { id: number }) => id === 301)])
  })

  test.each([
    'kp301',
    'КП-301',
    'kp/301',
    'Матрица.1999.kp301.mkv',
    'imdb 0133093',
    'тт0133093',
    'm.kinopoisk.ru/film/matritsa-301/?a=1',
    '\ufeffwww.kinopoisk.ru/film/\u200b301/',
    'tt0133093',
    'https://m.imdb.com/title/tt0133093/',
  ])('%s finds a film that is known without any call', async (query) => {
    await service.search('kp301')
    const before = service.calls.length
    const { total, items, ...rest } = (await service.search(query)).json()
    expect(rest).toMatchObject({ query: query.trim(), source: 'kinopoisk', complete: true })
    expect([total, items[0].id, items[0].title]).toEqual([1, 301, 'Матрица'])
    expect(service.calls).toHaveLength(before)
  })

  test('has one page', async () => {
    expect((await service.search('kp301', '2')).json()).toMatchObject({ page: 2, pages: 1, total: 1, items: [] })
  })

  test("shows the user's own lists", async () => {
    await service.request({ method: 'POST', url: '/favorites/movies/301' })
    const { items } = (await service.search('kp301')).json()
    expect(items).toMatchObject([{ id: 301, is_favorite: true, in_wishlist: false }])
  })

  test('of no film finds nothing, and is asked about once', async () => {
    const before = service.calls.length
    for (const query of ['kp9999998', 'https://www.kinopoisk.ru/film/9999998/']) {
      const response = await service.search(query)
      expect(response.json()).toMatchObject({
        query,
        total: 0,
        pages: 0,
        items: [],
        source: 'kinopoisk',
        complete: true,
      })
    }
    expect(service.calls.slice(before).map(({ endpoint }) => endpoint)).toEqual(['film'])
  })

  test('outside of the ids of Kinopoisk costs no call, and does not claim to know', async () => {
    const before = service.calls.length
    const response = await service.search('https://www.kinopoisk.ru/film/999999999/')
    expect(response.json()).toMatchObject({ total: 0, items: [], source: 'local', complete: false })
    expect(service.calls).toHaveLength(before)
  })

  test('a number alone is searched for: films are named so', async () => {
    const before = service.calls.length
    await service.search('301')
    expect(service.calls.slice(before).map(({ endpoint }) => endpoint)).toEqual(['search'])
  })
})

describe('A pasted address, with Kinopoisk down,', () => {
  test('finds a film that is known, and says where it comes from', { tags: 'slow' }, async () => {
    const { app, search, sandbox } = await fresh()
    await app.database.sql`insert into films (id, name, year, kinopoisk) values
      (301, 'Матрица', 1999, '{"imdb_id": "tt0133093"}')`
    sandbox.fail(503)
    for (const query of ['https://www.kinopoisk.ru/film/301/', 'kp-301', 'tt0133093']) {
      const response = await search(query)
      expect(response.json()).toMatchObject({
        source: 'local',
        complete: false,
        total: 1,
        items: [{ title: 'Матрица' }],
      })
    }
  })

  test('of a film whose details are stored is served as ever', async () => {
    const { search, sandbox } = await fresh()
    const first = (await search('kp301')).json()
    sandbox.fail(503)
    expect((await search('kp301')).json()).toEqual(first)
    expect((await search('tt0133093')).json()).toEqual({ ...first, query: 'tt0133093' })
  })

  test.each(['kp5000', 'tt7654321'])(
    'of an unknown film is no claim that there is none: %s',
    { tags: 'slow' },
    async (query) => {
      const { search, sandbox } = await fresh()
      sandbox.fail(503)
      const response = await search(query)
      expect(response.statusCode).toBe(200)
      expect(response.headers['cache-status']).toMatch(/detail="sandbox upstream_unavailable"$/)
      expect(response.json()).toMatchObject({ source: 'local', complete: false, total: 0, items: [] })
    },
  )
})

describe('An IMDb id that nobody has asked for', () => {
  test('costs one call, of the list, and then none', { tags: 'slow' }, async () => {
    const { search, calls } = await fresh()
    const first = (await search('https://www.imdb.com/title/tt0816692/')).json()
    expect(first).toMatchObject({ total: 1, source: 'kinopoisk', complete: true, items: [{ id: 258_687 }] })
    expect(calls.map(({ path }) => path)).toEqual(['/api/v2.2/films?imdbId=tt0816692'])
    const second = (await search('tt0816692')).json()
    expect(second).toEqual({ ...first, query: 'tt0816692' })
    expect(calls).toHaveLength(1)
  })

  test('of which Kinopoisk knows nothing costs one call as well', async () => {
    const { search, get, calls } = await fresh()
    for (const _ of [1, 2]) {
      expect((await search('tt7654321')).json()).toMatchObject({ total: 0, source: 'kinopoisk', complete: true })
      expectProblem(await get('/movies/tt7654321'), 404, 'movie_not_found')
    }
    expect(calls).toHaveLength(1)
  })

  test('is counted, and in the state of the circuits', async () => {
    const { search, get } = await fresh()
    await search('tt0816692')
    await search('tt0816692')
    const metrics = (await get('/metrics')).body
    expect(metrics).toContain('kinopoisk_requests_total{endpoint="imdb",outcome="ok"} 1')
    expect(metrics).toContain('kinopoisk_cache_results_total{endpoint="imdb",result="miss"} 1')
    expect(metrics).toContain('kinopoisk_cache_results_total{endpoint="imdb",result="hit"} 1')
    expect(metrics).toContain('kinopoisk_breaker_open{breaker="imdb"} 0')
  })

  test('believes only films that have the id, or say none', async () => {
    const { search, calls } = await listing([
      { kinopoiskId: 11, imdbId: 'tt0000011', nameRu: 'Другой' },
      { kinopoiskId: 12, imdbId: null, nameRu: 'Без номера' },
      { kinopoiskId: 13, imdbId: 'tt7777777', nameRu: 'Тот самый' },
    ])
    const { items, total } = (await search('tt7777777')).json()
    expect([total, items.map(({ title }: { title: string }) => title)]).toEqual([2, ['Тот самый', 'Без номера']])
    // From now on it is known which one has it.
    expect((await search('tt7777777')).json().items).toMatchObject([{ title: 'Тот самый' }])
    expect(calls).toHaveLength(1)
  })

  test.each([2, 20])('is nothing where Kinopoisk lists %i films that say none', async (count) => {
    const rows = Array.from({ length: count }, (_, index) => ({ kinopoiskId: 20 + index, nameRu: 'Какой-то' }))
    const { get } = await listing(rows)
    expectProblem(await get('/movies/tt0133094'), 404, 'movie_not_found')
  })

  test('is only the film that has it, in a list of films that say none', async () => {
    const silent = Array.from({ length: 19 }, (_, index) => ({ kinopoiskId: 20 + index, nameRu: 'Какой-то' }))
    const { search } = await listing([...silent, { kinopoiskId: 13, imdbId: 'tt7777777', nameRu: 'Тот самый' }])
    expect((await search('tt7777777')).json()).toMatchObject({ total: 1, items: [{ id: 13 }] })
  })

  test.each(['https://www.imdb.com/title/tt0245429/', 'tt245429', 'tt0245429\u200b', 'TT0245429'])(
    'is that of a film of which Kinopoisk says %j',
    async (imdbId) => {
      const { search } = await listing([
        { kinopoiskId: 12, nameRu: 'Без номера' },
        { kinopoiskId: 13, imdbId, nameRu: 'Тот самый' },
      ])
      const first = (await search('tt0245429')).json()
      expect(first.items.map(({ id }: { id: number }) => id)).toEqual([13, 12])
      // From now on it is known which one has it.
      expect((await search('tt0245429')).json().items).toMatchObject([{ id: 13 }])
    },
  )

  test('is nothing where all that Kinopoisk has is another film', async () => {
    const { search, get } = await listing([{ kinopoiskId: 11, imdbId: 'tt0000011', nameRu: 'Другой' }])
    expect((await search('tt7777777')).json()).toMatchObject({ total: 0, complete: true })
    expectProblem(await get('/movies/tt7777777'), 404, 'movie_not_found')
  })

  test('is kept where Kinopoisk does not say it of the film', async () => {
    const { search, calls } = await listing([{ kinopoiskId: 12, nameRu: 'Без номера' }])
    for (const _ of [1, 2]) expect((await search('tt7777777')).json().items).toMatchObject([{ id: 12 }])
    expect(calls).toHaveLength(1)
  })
})

describe('GET /movies/{id} by an IMDb id', () => {
  test('is the movie, found with one call for its id', async () => {
    const { get, request, calls } = await fresh()
    const movie = await get('/movies/tt0133093')
    expect(movie.statusCode).toBe(200)
    expect(movie.json()).toMatchObject({
      id: 301,
      title: 'Матрица',
      kinopoisk: { complete: true, imdb_id: 'tt0133093' },
    })
    expect(calls.map(({ path }) => path)).toEqual(['/api/v2.2/films?imdbId=tt0133093', '/api/v2.2/films/301'])
    for (const id of [
      'tt0133093',
      'TT0133093',
      '301',
      'kp301',
      encodeURIComponent('https://www.imdb.com/title/tt0133093/'),
    ]) {
      expect((await get(`/movies/${id}`)).json()).toEqual(movie.json())
    }
    const head = await request({ method: 'HEAD', url: '/movies/tt0133093/' })
    expect([head.statusCode, head.body]).toEqual([200, ''])
    expect(calls).toHaveLength(2)
  })

  test('is 503 with Retry-After when Kinopoisk is down and it is not known', { tags: 'slow' }, async () => {
    const { get, sandbox } = await fresh()
    sandbox.fail(503)
    const response = await get('/movies/tt0133093')
    expectProblem(response, 503, 'upstream_unavailable')
    expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/)
  })

  test.each(['abc', 'tt', 'tt12', 'nm0000206', '0', '-1', '1e3', '301a', '2147483648', 'https:'])(
    '%s is 400, and says what is taken',
    async (id) => {
      const before = service.calls.length
      const response = await service.get(`/movies/${encodeURIComponent(id)}`)
      expectProblem(response, 400, 'invalid_input')
      expect(response.json().detail).toContain('Kinopoisk id')
      expect(service.calls).toHaveLength(before)
    },
  )

  test('shows a listed movie to anyone where the catalogue is public, and nothing else', async () => {
    const service = await fresh({ PUBLIC_CATALOGUE: 'true' })
    const { sql } = service.app.database
    await service.get('/movies/301')
    await service.get('/movies/299')
    await sql`insert into directors (name) values ('Кто-то')`
    await sql`update films set listed = true, director_id = (select max(id) from directors) where id = 301`
    const before = service.calls.length
    const open = await service.app.inject({ url: '/movies/tt0133093' })
    expect(open.json()).toMatchObject({ id: 301, title: 'Матрица', director: { name: 'Кто-то' } })
    for (const id of ['tt0234215', 'tt3333333']) {
      expectProblem(await service.app.inject({ url: `/movies/${id}` }), 401, 'missing_token')
    }
    expect(service.calls).toHaveLength(before)
  })
})

describe('keyword', () => {
  test('is query, and may stand beside it', async () => {
    const { get, calls } = await fresh()
    const byQuery = (await get('/movies/search?query=Матрица')).json()
    expect((await get('/movies/search?keyword=Матрица')).json()).toEqual(byQuery)
    expect((await get('/movies/search?keyword=Матрица&query=%20Матрица')).json()).toEqual(byQuery)
    expect((await get('/movies/search?keyword=kp301')).json()).toMatchObject({ query: 'kp301', total: 1 })
    expect(calls.filter(({ endpoint }) => endpoint === 'search')).toHaveLength(1)
  })

  test.each(['keyword=a&query=b', 'keyword=', 'keyword=a&keyword=b', `keyword=${'a'.repeat(201)}`, 'keyword=a%00'])(
    '%s is 400',
    async (query) => {
      const before = service.calls.length
      expectProblem(await service.get(`/movies/search?${query}`), 400, 'invalid_input')
      expect(service.calls).toHaveLength(before)
    },
  )
})
