import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { SearchItem } from '../src/kinopoisk/schemas.ts'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { expectProblem, serve, stoppedClock } from './support/movies.ts'
import { patient } from './support/patience.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** A service of its own, so that no test leaves another one an open circuit, and a user of it. */
async function visited(externals: Parameters<typeof testApp>[1] = {}, env: Record<string, string> = {}) {
  const service = await testApp(env, externals)
  closing.push(service.close)
  const user = await testUser(service.app)
  const request = as(service.app, user)
  const get = (url: string) => request({ method: 'GET', url })
  return {
    ...service,
    user,
    get,
    post: (url: string) => request({ method: 'POST', url }),
    rate: (id: number) => request({ method: 'PUT', url: `/films/${id}/rating`, payload: { value: 9 } }),
    search: (query: string) => request({ method: 'GET', url: '/movies/search', query: { query } }),
    sql: service.app.database.sql,
    asked: () => service.calls.filter((call) => call.endpoint === 'film').length,
  }
}

/** Over an upstream whose searches find what `answer` says, and which has no details of any film. */
async function searching(
  answer: (keyword: string) => Partial<SearchItem>[],
  externals: Parameters<typeof testApp>[1] = {},
) {
  const upstream = await serve((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://upstream')
    if (!pathname.endsWith('search-by-keyword')) return response.writeHead(404).end()
    const films = answer(searchParams.get('keyword') ?? '')
    return response.end(JSON.stringify({ searchFilmsCountResult: films.length, films }))
  })
  closing.push(upstream.close)
  return visited({ ...externals, kinopoisk: { url: upstream.url, apiKey: 'key', sandbox: false } })
}

const forget = ({ app }: Pick<TestApp, 'app'>) => app.database.sql`delete from kinopoisk_answers`

describe('a film that is known from a search, with upstream down', () => {
  test('is served in part, and says so', { tags: 'slow' }, async () => {
    const { search, get, sandbox } = await visited()
    await search('матрица')
    sandbox.fail(500)
    const response = await get('/movies/316')
    expect(response.statusCode).toBe(200)
    expect(response.headers['cache-status']).toMatch(/^kinoteka; hit; .*detail="sandbox upstream_unavailable"$/)
    expect(Number(response.headers.age)).toBeGreaterThanOrEqual(0)
    const { kinopoisk, ...movie } = response.json()
    expect(movie).toMatchObject({
      id: 316,
      kinopoisk_id: 316,
      title: 'Матрица: Революция',
      original_title: 'The Matrix Revolutions',
      description: expect.stringMatching(/\S/),
      year: 2003,
      rating: 7.6,
      minutes: 129,
      genres: [{ name: 'фантастика' }, { name: 'боевик' }],
      director: null,
      poster_url: expect.stringMatching(/^https:/),
    })
    const { complete, ...told } = Object.fromEntries(
      Object.entries(kinopoisk).filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0)),
    )
    expect(complete).toBe(false)
    expect(Object.keys(told).toSorted()).toEqual([
      'countries',
      'description',
      'genres',
      'kinopoisk_id',
      'minutes',
      'name_original',
      'name_ru',
      'poster_preview_url',
      'poster_url',
      'rating_kinopoisk',
      'rating_kinopoisk_votes',
      'synced_at',
      'type',
      'year',
    ])
  })

  test('has all its details once upstream is back', { tags: 'slow' }, async () => {
    const { search, get, sandbox, app } = await visited()
    await search('матрица')
    sandbox.fail('reset')
    const part = (await get('/movies/299')).json()
    sandbox.fail(null)
    const whole = (await get('/movies/299')).json()
    expect(part.kinopoisk).toMatchObject({ complete: false, imdb_id: null, web_url: null })
    expect(whole.kinopoisk).toMatchObject({ complete: true, imdb_id: 'tt0234215', web_url: expect.any(String) })
    await forget({ app })
    sandbox.fail('reset')
    expect((await get('/movies/299')).json()).toEqual(whole)
  })

  test('is counted as answered in part', { tags: 'slow' }, async () => {
    const { search, get, sandbox } = await visited()
    await search('матрица')
    sandbox.fail(500)
    await get('/movies/299')
    expect((await get('/metrics')).body).toContain('kinopoisk_cache_results_total{endpoint="film",result="partial"} 1')
  })

  test('a film to come keeps its expectation', async () => {
    const { search, get } = await searching(() => [{ filmId: 5, nameRu: 'Жди', rating: '97.5%', ratingVoteCount: 12 }])
    await search('жди')
    expect((await get('/movies/5')).json()).toMatchObject({
      rating: null,
      kinopoisk: { rating_kinopoisk: null, rating_await_percent: 97.5, rating_await_votes: 12, complete: false },
    })
  })

  test('a film that is known from no search is still an error', { tags: 'slow' }, async () => {
    const { get, post, sandbox } = await visited()
    sandbox.fail(500)
    expectProblem(await get('/movies/316'), 503, 'upstream_unavailable')
    expectProblem(await post('/favorites/movies/316'), 503, 'upstream_unavailable')
  })
})

describe('a film known in part', () => {
  test.each(['favorites', 'wishlist'])(
    'gets into the %s when upstream is down, and is completed later',
    { tags: 'slow' },
    async (path) => {
      const { search, get, post, sandbox, asked } = await visited()
      await search('матрица')
      sandbox.fail(500)
      const added = await post(`/${path}/movies/316`)
      expect(added.statusCode).toBe(201)
      expect(added.json()).toMatchObject({ title: 'Матрица: Революция', kinopoisk: { complete: false } })
      expect((await get(`/movies/${path}`)).json()).toEqual([added.json()])
      sandbox.fail(null)
      const again = await post(`/${path}/movies/316`)
      expect(again.statusCode).toBe(200)
      expect(again.json()).toMatchObject({ kinopoisk: { complete: true, imdb_id: 'tt0242653' } })
      const before = asked()
      expect((await post(`/${path}/movies/316`)).json()).toEqual(again.json())
      expect(asked()).toBe(before)
    },
  )

  test('is asked about when it is added', async () => {
    const { search, post, asked } = await visited()
    await search('матрица')
    expect((await post('/favorites/movies/299')).json().kinopoisk.complete).toBe(true)
    expect(asked()).toBe(1)
  })

  test('is asked about once for an adding, however long upstream hangs', { tags: 'slow' }, async () => {
    const { search, post, sandbox, asked } = await visited({}, { KINOPOISK_TIMEOUT: '2s' })
    await search('матрица')
    sandbox.fail('hang')
    expect((await post('/favorites/movies/299')).statusCode).toBe(201)
    expect(asked()).toBe(1)
  })

  test('is rated when upstream is down', async () => {
    const { search, rate, get, sandbox } = await visited()
    await search('матрица')
    sandbox.fail('bad_json')
    expect((await rate(299)).statusCode).toBe(201)
    expect((await get('/ratings')).json()).toMatchObject([
      { value: 9, movie: { id: 299, kinopoisk: { complete: false } } },
    ])
  })

  test('stays so where upstream has no details of it, which is asked once a day', async () => {
    const { search, get, post, sandbox, asked } = await visited()
    await search('матрица')
    sandbox.fail(404)
    for (const response of [await get('/movies/316'), await post('/favorites/movies/316'), await get('/movies/316')]) {
      expect(response.json()).toMatchObject({ id: 316, kinopoisk: { complete: false } })
    }
    expect(asked()).toBe(1)
  })

  test('by a vote only is served, kept and rated as it is', { tags: 'slow' }, async () => {
    const { user, app, get, post, sandbox, sql } = await visited()
    const payload = { kinopoisk_user_id: 42 }
    await app.inject({ method: 'POST', url: '/user/lists/import', headers: user.headers, payload })
    const [film] = await sql`select id, name from films where kinopoisk is null order by id limit 1`
    sandbox.fail(500)
    const response = await get(`/movies/${film?.id}`)
    expect(response.statusCode).toBe(200)
    expect(response.json()).toMatchObject({ title: film?.name, kinopoisk: null })
    expect((await post(`/favorites/movies/${film?.id}`)).statusCode).toBe(201)
  })
})

describe('what a search tells', () => {
  test('never replaces what is known in full', async () => {
    const { search, get } = await visited()
    const before = (await get('/movies/301')).json()
    await search('матрица')
    expect((await get('/movies/301')).json()).toEqual(before)
  })

  test('leaves what an administrator wrote', { tags: 'slow' }, async () => {
    const { search, get, sandbox, sql } = await visited()
    await sql`insert into directors (name) values ('Режиссёр')`
    await sql`insert into genres (name) values ('своё')`
    const [film] =
      await sql`insert into films (id, listed, name, original_name, director_id, rate, year, minutes, description)
      values (301, true, 'Своё имя', 'Own', 1, 1.5, 1950, 10, 'Своё') returning updated_at`
    await sql`insert into film_genres (film_id, genre_id, position) values (301, 1, 0)`
    await search('матрица')
    sandbox.fail(500)
    expect((await get('/movies/301')).json()).toMatchObject({
      title: 'Своё имя',
      original_title: 'Own',
      year: 1950,
      rating: 1.5,
      minutes: 10,
      description: 'Своё',
      genres: [{ name: 'своё' }],
      kinopoisk: { name_ru: 'Матрица', complete: false },
    })
    expect((await get('/films/301')).json().updated_at).toBe(new Date(film?.updated_at).toISOString())
  })

  test('replaces members of an older one, except members that are absent now', async () => {
    const time = stoppedClock()
    let item: Partial<SearchItem> = {
      filmId: 7,
      nameRu: 'Старое',
      rating: '5.0',
      description: 'Слова',
      genres: [{ genre: 'драма' }],
    }
    const { search, get, sql } = await searching(() => [item], { clock: time.clock })
    await search('имя')
    item = { filmId: 7, nameRu: 'Новое', rating: '6.5', year: '2020' }
    time.pass(3 * 86_400)
    await search('имя')
    await vi.waitFor(async () => expect((await sql`select name from films`)[0]?.name).toBe('Новое'), patient)
    expect((await get('/movies/7')).json()).toMatchObject({
      title: 'Новое',
      rating: 6.5,
      year: 2020,
      description: 'Слова',
      genres: [{ name: 'драма' }],
    })
  })

  test('is stored once, by any replica and in any order', { tags: 'slow' }, async () => {
    const genres = ['драма', 'комедия', 'боевик', 'триллер', 'аниме']
    const items = Array.from({ length: 20 }, (_, i) => ({
      filmId: i + 1,
      nameRu: `Фильм ${i + 1}`,
      genres: [0, 1, 2].map((shift) => ({ genre: genres[(i + shift) % genres.length] ?? null })),
    }))
    const mixed = (keyword: string) =>
      items.toSorted((a, b) => ((a.filmId * Number(keyword)) % 23) - ((b.filmId * Number(keyword)) % 23))
    // The first one comes twice in each answer.
    const { app, replica, user, sql, log } = await searching((keyword) => [...mixed(keyword), items[0] ?? {}])
    const apps: FastifyInstance[] = [app, await replica()]
    const answers = await Promise.all(
      Array.from({ length: 11 }, (_, i) => [`${i + 1}`, `${i + 12}`]).flatMap((queries) =>
        apps.map((app, i) =>
          app.inject({ url: '/movies/search', query: { query: queries[i] ?? '' }, headers: user.headers }),
        ),
      ),
    )
    expect(answers.map((answer) => answer.statusCode)).toEqual(answers.map(() => 200))
    expect(log()).not.toContain('could not be stored')
    const films = await sql`select count(*)::int as n, count(*) filter (where not listed)::int as unlisted from films`
    expect(films[0]).toEqual({ n: 20, unlisted: 20 })
    const named = await sql`select array_agg(g.name order by position) as names from film_genres
      join genres g on g.id = genre_id group by film_id order by film_id`
    expect(named.map((film) => film.names)).toEqual(items.map((item) => item.genres.map(({ genre }) => genre)))
  })
})

describe('a crash between the kept answer and the stored film', () => {
  test.each([
    ['the film is not there', 'delete from films'],
    [
      'the film is known in part',
      `update films set kinopoisk_synced_at = null, kinopoisk = kinopoisk || '{"complete": false, "imdb_id": null}'`,
    ],
  ])('is mended by the next read: %s', async (_, crash) => {
    const { get, sql, asked } = await visited()
    const first = (await get('/movies/301')).json()
    await sql.unsafe(crash)
    const second = await get('/movies/301')
    expect(second.json()).toEqual(first)
    expect(second.headers['cache-status']).toMatch(/^kinoteka; hit; ttl=\d/)
    expect(asked()).toBe(1)
    expect((await sql`select kinopoisk_synced_at is not null as whole from films`)[0]?.whole).toBe(true)
  })
})

test('details that were stored before there were partial ones are complete', async () => {
  const { get, post, sandbox, sql, app, asked } = await visited()
  await get('/movies/301')
  await sql`update films set kinopoisk = kinopoisk - 'complete'`
  await forget({ app })
  sandbox.fail(500)
  expect((await post('/favorites/movies/301')).json().kinopoisk.complete).toBe(true)
  expect(asked()).toBe(1)
  expect((await get('/movies/favorites')).json()[0].kinopoisk.complete).toBe(true)
})
