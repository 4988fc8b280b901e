import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Externals } from '../src/app.ts'
import { connect } from '../src/db/connect.ts'
import { demoFilms, sandboxFacts } from '../src/embedded/demo.ts'
import { films as facts } from '../src/embedded/sandbox/films.ts'
import { startSandbox } from '../src/embedded/sandbox/server.ts'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './support/app.ts'
import type { Film } from './support/films.ts'
import { until } from './support/process.ts'

const demoCatalogue = await demoFilms()
const told = /a demo catalogue of 100 films was made; DEMO_CATALOGUE=false prevents it/g

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

/** A database of its own that has been served before, with nothing in it; `start` is another start of the service on it. */
async function emptyService() {
  const externals: Partial<Externals> = { firstAdmin }
  const service = await testApp({}, externals)
  const { sql, close } = connect(service.databaseUrl, { max: 4 })
  closers.push(service.close, close)
  const request = as(service.app, await testAdmin(service))
  const start = () => {
    externals.demoCatalogue = demoCatalogue
    return service.replica()
  }
  /** Films, listed ones, their genres, directors, genres. */
  const counts = async () => {
    const [row] = await sql<{ counts: number[] }[]>`
      select array[(select count(*) from films), (select count(*) from films where listed),
        (select count(*) from film_genres), (select count(*) from directors), (select count(*) from genres)]::int[] as counts`
    return row?.counts
  }
  return { service, sql, request, start, counts }
}

const genresOf = (films: { genres: string[] }[]) => films.flatMap((film) => film.genres)
const all = [
  100,
  100,
  genresOf(demoCatalogue).length,
  new Set(demoCatalogue.map((film) => film.director.kinopoisk_id)).size,
  new Set(genresOf(demoCatalogue)).size,
]

describe('The choice', () => {
  const chosen = demoCatalogue.map(({ id }) => facts.find((fact) => fact.id === id))
  const count = (of: (fact: NonNullable<(typeof chosen)[number]>) => string | string[], list: typeof chosen) => {
    const values = list.flatMap((fact) => (fact ? of(fact) : []))
    return Object.fromEntries(
      Map.groupBy(values, (value) => value)
        .entries()
        .map(([value, { length }]) => [value, length]),
    )
  }

  test('is 100 films by id, the same every time, with distinct names', async () => {
    expect(demoCatalogue).toHaveLength(100)
    expect(await demoFilms()).toEqual(demoCatalogue)
    expect(demoCatalogue.map(({ id }) => id)).toEqual(demoCatalogue.map(({ id }) => id).toSorted((a, b) => a - b))
    expect(new Set(demoCatalogue.map(({ name }) => name.toLowerCase())).size).toBe(100)
    for (const film of demoCatalogue) {
      expect([film.year, film.minutes, film.rate].every((value) => value > 0)).toBe(true)
    }
  })

  test.each([
    ['type', (fact: { type: string }) => fact.type],
    ['decade', (fact: { year: number | null }) => String(fact.year).slice(0, 3)],
    ['genre', (fact: { genres: string[] }) => fact.genres],
    ['country', (fact: { countries: string[] }) => fact.countries],
  ])('has two films of each %s, or the only one', (_name, of) => {
    const names = new Set(demoCatalogue.map(({ name }) => name))
    // Of those with one name only one can be listed.
    const isLeftOut = (fact: (typeof facts)[number]) => names.has(String(fact.name_ru)) && !chosen.includes(fact)
    const known = facts.filter((fact) => fact.minutes && fact.rating && !isLeftOut(fact))
    const [there, here] = [count(of, known), count(of, chosen)]
    expect(Object.keys(there).length).toBeGreaterThan(3)
    for (const [value, times] of Object.entries(there)) {
      expect([value, here[value] ?? 0]).toEqual([value, expect.toSatisfy((n: number) => n >= Math.min(2, times))])
    }
  })
})

describe('A catalogue made on the first start', () => {
  let service: TestApp
  let admin: ReturnType<typeof as>
  let reader: ReturnType<typeof as>
  const get = async (url: string) => (await reader({ method: 'GET', url })).json()
  const list = (query: Record<string, string>) => get(`/films?${new URLSearchParams(query)}`)

  beforeAll(async () => {
    service = await testApp({}, { firstAdmin, demoCatalogue })
    admin = as(service.app, await testAdmin(service))
    reader = as(service.app, await testUser(service.app))
  })
  afterAll(() => service.close())

  test('is listed whole, told once with the variable that prevents it, and upstream was not asked', async () => {
    const page = await list({ limit: '100' })
    expect(page).toMatchObject({ total: 100, pages: 1, next_cursor: null })
    expect(page.items).toEqual(
      demoCatalogue.map(({ director, ...film }) => ({
        ...film,
        genre: film.genres[0],
        director_id: expect.any(Number),
        director: { id: expect.any(Number), name: director.name },
        trailer: null,
        poster: expect.stringContaining(`/films/${film.id}/poster?`),
        kinopoisk_id: film.id,
        user_rate: null,
        user_votes: 0,
        created_at: expect.any(String),
        updated_at: expect.any(String),
      })),
    )
    expect(service.log().match(told)).toHaveLength(1)
    expect(service.calls).toEqual([])
  })

  test('has pages, filters, sorts and a search to try', async () => {
    const second = await list({ page: '2' })
    expect(second).toMatchObject({ page: 2, pages: 5 })
    expect(second.items.map(({ id }: Film) => id)).toEqual(demoCatalogue.slice(20, 40).map(({ id }) => id))
    const best = await list({ genre: 'комедия', min_rate: '8.5', sort: '-rate' })
    expect(best.total).toBeGreaterThan(10)
    const rates = best.items.map(({ rate }: Film) => rate)
    expect(rates).toEqual(rates.toSorted((a: number, b: number) => b - a))
    expect((await list({ year_to: '1945', sort: 'year' })).items[0].name).toBe('Кабинет доктора Калигари')
    expect((await list({ q: 'матрца' })).items[0].name).toMatch(/^Матрица/)
    const [director] = (await get('/directors')).filter(({ name }: Film) => name === 'Кристофер Нолан')
    expect((await list({ director_id: director.id })).total).toBeGreaterThan(1)
    expect((await get('/genres')).map(({ name }: Film) => name)).toEqual(
      [...new Set(genresOf(demoCatalogue))].toSorted((a, b) => (a < b ? -1 : 1)),
    )
  })

  test('a film of it gets its details when it is asked for, and what was changed here stays', async () => {
    await admin({ method: 'PATCH', url: '/films/301', payload: { rate: 3.3, name: 'Матрёшка' } })
    const before = await get('/films/301')
    service.calls.length = 0
    const movie = await get('/movies/301')
    expect(movie).toMatchObject({ title: 'Матрёшка', rating: 3.3, minutes: 136, director: { name: 'Лана Вачовски' } })
    expect(movie.kinopoisk).toMatchObject({ kinopoisk_id: 301, name_ru: 'Матрица', imdb_id: 'tt0133093' })
    expect(await get('/films/301')).toEqual({ ...before, updated_at: expect.any(String) })
    expect(service.calls.map(({ path }) => path)).toEqual(['/api/v2.2/films/301'])
    expect((await get('/movies/301')).kinopoisk).toEqual(movie.kinopoisk)
    expect(service.calls).toHaveLength(1)
  })

  test('a film of it is a favourite, on the wishlist and rated without a call upstream', async () => {
    service.calls.length = 0
    for (const url of ['/favorites/movies/448', '/wishlist/movies/448']) {
      expect((await reader({ method: 'POST', url })).statusCode).toBe(201)
    }
    const rated = await reader({ method: 'PUT', url: '/films/448/rating', payload: { value: 9 } })
    expect(rated.statusCode).toBe(201)
    expect(await get('/movies/favorites')).toMatchObject([{ id: 448, title: 'Форрест Гамп', user_rate: 9 }])
    expect(service.calls).toEqual([])
  })

  test('a film of it is what an import by its Kinopoisk id makes', { tags: 'slow' }, async () => {
    const odd = [
      demoCatalogue.find((film) => film.original_name === null),
      demoCatalogue.find((film) => film.original_name === film.name),
      demoCatalogue.toSorted((a, b) => b.genres.length - a.genres.length)[0],
      ...demoCatalogue.slice(-5),
    ]
    for (const film of odd.filter((each) => each !== undefined)) {
      const url = `/films/${film.id}`
      const made = await get(url)
      expect((await admin({ method: 'DELETE', url })).statusCode).toBe(204)
      const imported = await admin({ method: 'POST', url: '/films', payload: { kinopoisk_id: film.id } })
      expect(imported.json()).toEqual({ ...made, updated_at: expect.any(String) })
    }
  })
})

describe('It is made once', () => {
  test('and not again when films of it, or all, were deleted', { tags: 'slow' }, async () => {
    const { request, start, counts, service } = await emptyService()
    await start()
    expect(await counts()).toEqual(all)
    for (const { id } of demoCatalogue.slice(1)) await request({ method: 'DELETE', url: `/films/${id}` })
    await start()
    expect((await request({ method: 'GET', url: '/films' })).json()).toMatchObject({ total: 1, items: [{ id: 299 }] })
    await request({ method: 'DELETE', url: '/films/299' })
    await start()
    expect((await request({ method: 'GET', url: '/films' })).json()).toMatchObject({ total: 0, items: [] })
    expect(service.log().match(told)).toHaveLength(1)
  })

  test('not where a film is listed, or only known', { tags: 'slow' }, async () => {
    const listed = await emptyService()
    await listed.request({ method: 'POST', url: '/films', payload: { kinopoisk_id: 301 } })
    await listed.start()
    expect((await listed.counts())?.slice(0, 2)).toEqual([1, 1])
    const known = await emptyService()
    await known.request({ method: 'GET', url: '/movies/301' })
    await known.start()
    expect((await known.counts())?.slice(0, 2)).toEqual([1, 0])
  })

  test('not where a film was made here once, though it is gone for good', async () => {
    const { request, start, counts } = await emptyService()
    const director = await request({ method: 'POST', url: '/directors', payload: { name: 'Лана Вачовски' } })
    const film = { name: 'Film', genre: 'драма', director_id: director.json().id, rate: 7, year: 2000, minutes: 100 }
    const { id } = (await request({ method: 'POST', url: '/films', payload: film })).json()
    await request({ method: 'DELETE', url: `/films/${id}` })
    expect((await counts())?.[0]).toBe(0)
    await start()
    expect((await counts())?.[0]).toBe(0)
  })

  test('with the genres and directors that were there before', { tags: 'slow' }, async () => {
    const { sql, request, start, counts } = await emptyService()
    await sql`insert into genres (name) values ('ДРАМА')`
    await sql`insert into directors (name, kinopoisk_id) values ('Л. Вачовски', 90000001), ('Кристофер Нолан', null)`
    await start()
    expect(await counts()).toEqual([...all.slice(0, 3), (all[3] ?? 0) + 1, all[4]])
    expect((await request({ method: 'GET', url: '/films/301' })).json().director.name).toBe('Л. Вачовски')
    expect((await request({ method: 'GET', url: '/films/326' })).json().genre).toBe('ДРАМА')
  })

  test('whole or not at all: of a start that dies at its last step nothing is left, and the next one makes it', {
    tags: 'slow',
  }, async () => {
    const { sql, start, counts } = await emptyService()
    const holder = await sql.reserve()
    await holder`begin`
    await holder`lock table film_genres in access exclusive mode`
    const waiting = () => sql<{ pid: number }[]>`
      select pid from pg_locks where not granted and relation = 'film_genres'::regclass`
    const dying = start().then(
      () => 'started',
      () => 'died',
    )
    await until(async () => (await waiting()).length > 0)
    await sql`select pg_terminate_backend(${(await waiting())[0]?.pid ?? 0})`
    expect(await dying).toBe('died')
    await holder`commit`
    holder.release()
    expect(await counts()).toEqual([0, 0, 0, 0, 0])
    await start()
    expect(await counts()).toEqual(all)
  })

  test('by one of several that start at once', { tags: 'slow' }, async () => {
    const { service, sql, start, counts } = await emptyService()
    const holder = await sql.reserve()
    await holder`begin`
    await holder`lock table directors in share mode`
    const starting = [start(), start(), start()]
    const waiting = () => sql`select from pg_locks where not granted and relation = 'directors'::regclass`
    await until(async () => (await waiting()).length === 3)
    await holder`commit`
    holder.release()
    await Promise.all(starting)
    expect(await counts()).toEqual(all)
    expect(service.log().match(told)).toHaveLength(1)
  })
})

describe('With a real key, a database that the sandbox has served', () => {
  const facts301 = facts.find(({ id }) => id === 301)
  const real = {
    ...facts301,
    name_ru: 'Матрица',
    year: 1999,
    minutes: 137,
    rating: 8.6,
    genres: ['киберпанк'],
    description: 'Настоящая.',
  }

  /** A service over the sandbox with the demo films, and how it starts with a real key, which has another world. */
  async function sandboxed() {
    const service = await testApp({}, { firstAdmin, demoCatalogue })
    const upstream = await startSandbox({ films: [real as (typeof facts)[number]] })
    const { sql, close } = connect(service.databaseUrl, { max: 4 })
    closers.push(upstream.close, close, service.close)
    const user = await testUser(service.app)
    const start = async () => {
      const app = await service.replica({
        formerSandbox: { apiKey: 'test-key', readFacts: sandboxFacts },
        kinopoisk: { url: upstream.url, apiKey: 'real-key', sandbox: false },
      })
      return as(app, user)
    }
    return { service, sql, asUser: as(service.app, user), asAdmin: as(service.app, await testAdmin(service)), start }
  }

  test('finds its films, marks them, and lets the details of Kinopoisk replace them', { tags: 'slow' }, async () => {
    const { sql, asUser, start } = await sandboxed()
    expect((await asUser({ url: '/movies/301' })).json()).toMatchObject({ id: 301, minutes: facts301?.minutes })
    const request = await start()
    const [count] = await sql`select count(*)::int as marked from films where sandbox`
    expect(count?.marked).toBe(100)
    const movie = (await request({ url: '/movies/301' })).json()
    expect(movie).toMatchObject({
      minutes: 137,
      description: 'Настоящая.',
      genres: [{ name: 'киберпанк' }],
      rating: 8.6,
    })
    expect((await request({ url: '/films/301' })).json()).toMatchObject({ minutes: 137, genres: ['киберпанк'] })
    expect(await sql`select sandbox, listed from films where id = 301`).toEqual([{ sandbox: false, listed: true }])
  })

  test('believes no answer of the sandbox, neither a film nor that there is none', async () => {
    const { sql, asUser, start } = await sandboxed()
    await asUser({ url: '/movies/search?query=матрица' })
    expect((await asUser({ url: '/movies/search?query=настоящая' })).json().total).toBe(0)
    expect((await asUser({ url: '/movies/77777' })).statusCode).toBe(404)
    await start()
    expect(await sql`select path from kinopoisk_answers`).toEqual([])
  })

  test('takes the made-up ids off its directors, and does all of it once', { tags: 'slow' }, async () => {
    const { service, sql, start } = await sandboxed()
    const madeUp = () => sql`select id from directors where kinopoisk_id >= 90000000`
    expect((await madeUp()).length).toBeGreaterThan(0)
    await start()
    expect(await madeUp()).toEqual([])
    await sql`update films set sandbox = false`
    await start()
    expect(await sql`select id from films where sandbox`).toEqual([])
    expect(service.log().match(/films of the sandbox will be replaced/g)).toHaveLength(1)
  })

  test('keeps what an administrator has changed, before and after', { tags: 'slow' }, async () => {
    const { sql, asAdmin, start } = await sandboxed()
    await asAdmin({ method: 'PATCH', url: '/films/301', payload: { description: 'Наша.' } })
    const request = await start()
    expect((await request({ url: '/movies/301' })).json()).toMatchObject({
      description: 'Наша.',
      kinopoisk: { minutes: 137 },
    })
    const [other] = await sql`select id from films where sandbox limit 1`
    await asAdmin({ method: 'PATCH', url: `/films/${other?.id}`, payload: { description: 'Тоже наша.' } })
    expect(await sql`select sandbox from films where id = ${other?.id}`).toEqual([{ sandbox: false }])
  })

  test('a name that another film of the catalogue has is not taken from it', { tags: 'slow' }, async () => {
    const { sql, asAdmin, start } = await sandboxed()
    const [director] = await sql`select id from directors limit 1`
    await sql`update films set name = 'Иное имя', sort_name = default, words = default where id = 301`
    const film = { name: 'Матрица', genre: 'драма', director_id: director?.id, rate: 7, year: 2000, minutes: 100 }
    expect((await asAdmin({ method: 'POST', url: '/films', payload: film })).statusCode).toBe(201)
    const request = await start()
    await sql`update films set sandbox = true where id = 301`
    const movie = (await request({ url: '/movies/301' })).json()
    expect(movie).toMatchObject({ title: 'Иное имя', description: 'Настоящая.' })
  })
})
