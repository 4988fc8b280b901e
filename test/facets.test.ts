import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { expectProblem } from './support/problems.ts'

let service: TestApp
let get: (url: string) => Promise<ReturnType<typeof JSON.parse>>

const films = [
  { name: 'А', year: 1994, minutes: 90, genres: [1, 2], countries: ['США', 'Франция'], type: 'FILM' },
  { name: 'Б', year: 1999, minutes: 120, genres: [1], countries: ['США'], type: 'FILM' },
  { name: 'В', year: 2001, minutes: null, genres: [2], countries: ['Франция'], type: 'TV_SERIES' },
  { name: 'Г', year: 2009, minutes: 45, genres: [1], countries: [], type: null },
]

beforeAll(async () => {
  service = await testApp({ DEMO_CATALOGUE: 'false' })
  const user = as(service.app, await testUser(service.app))
  get = async (url) => {
    const response = await user({ method: 'GET', url: encodeURI(url) })
    return response.statusCode === 200 ? response.json() : response
  }
  const { sql } = service.app.database
  await sql`insert into genres (name) values ('драма'), ('комедия'), ('пустой')`
  await sql`insert into directors (name) values ('Клинт Иствуд'), ('Пётр Иванов')`
  for (const { name, year, minutes, genres, countries, type } of films) {
    const kinopoisk = type === null ? null : JSON.stringify({ countries, type })
    const [row] = await sql`insert into films (name, year, minutes, kinopoisk, listed, director_id)
      values (${name}, ${year}, ${minutes}, ${kinopoisk}, true, 1) returning id`
    for (const [position, genre] of genres.entries())
      await sql`insert into film_genres values (${row?.id}, ${genre}, ${position})`
  }
  await sql`insert into films (name, year, kinopoisk) values ('Чужой', 1994, '{"countries": ["США"], "type": "FILM"}')`
})
afterAll(() => service.close())

const cases: [string, string[]][] = [
  ['', ['А', 'Б', 'В', 'Г']],
  ['country=сша', ['А', 'Б']],
  ['country=Франция&country=США', ['А', 'Б', 'В']],
  ['type=tv_series', ['В']],
  ['minutes_from=90', ['А', 'Б']],
  ['minutes_to=90', ['А', 'Г']],
  ['minutes_from=50&minutes_to=100', ['А']],
  ['decade=1990', ['А', 'Б']],
  ['decade=1990&year_from=1995', ['Б']],
  ['decade=1990&year_from=2000', []],
  ['decade=2000&genre=драма&type=FILM', []],
  ['country=Нигде', []],
]

describe('The filters of GET /films', () => {
  test.each(cases)('%s', async (query, names) => {
    for (const sort of ['id', 'minutes', '-minutes', '-year', '-rate']) {
      const { items, total } = await get(`/films?sort=${sort}&${query}`)
      expect(items.map((film: { name: string }) => film.name).toSorted()).toEqual(names)
      expect(total).toBe(names.length)
    }
  })

  test.each(cases)('are those of the counts and of a film by chance: %s', async (query, names) => {
    const { total, genres, decades, countries } = await get(`/films/facets?${query}`)
    const found = films.filter(({ name }) => names.includes(name))
    const sum = (items: { count: number }[]) => items.reduce((all, { count }) => all + count, 0)
    expect(total).toBe(found.length)
    expect(sum(decades)).toBe(found.length)
    expect(sum(genres)).toBe(found.flatMap((film) => film.genres).length)
    expect(sum(countries)).toBe(found.flatMap((film) => film.countries).length)
    const picked = await get(`/films/random?${query}`)
    if (names.length === 0) expectProblem(picked, 404, 'film_not_found')
    else expect(names).toContain(picked.name)
  })

  test('refuse what is no decade, length or known filter', async () => {
    for (const query of ['decade=1995', 'minutes_from=0', 'minutes_to=1441', 'countries=США', 'limit=20']) {
      expectProblem(await get(`/films/facets?${query}`), 400, 'invalid_input')
    }
  })
})

test('counts have names, the most films first, and follow each change', async () => {
  expect(await get('/films/facets')).toEqual({
    total: 4,
    genres: [
      { id: 1, name: 'драма', count: 3 },
      { id: 2, name: 'комедия', count: 2 },
    ],
    decades: [
      { decade: 2000, count: 2 },
      { decade: 1990, count: 2 },
    ],
    countries: [
      { name: 'США', count: 2 },
      { name: 'Франция', count: 2 },
    ],
  })
  const { sql } = service.app.database
  await sql`update films set kinopoisk = '{"countries": ["Япония"], "type": "VIDEO"}' where name = 'Б'`
  const { countries } = await get('/films/facets')
  expect(countries).toContainEqual({ name: 'Япония', count: 1 })
  expect(countries).toContainEqual({ name: 'США', count: 1 })
  expect((await get('/films?type=video')).total).toBe(1)
  await sql`update films set kinopoisk = '{"countries": ["США"], "type": "FILM"}' where name = 'Б'`
  await sql`update films set minutes = 121 where name = 'Б'`
  expect((await get('/films?minutes_from=121')).total).toBe(1)
})

test('a film by chance is any of them, as often as the others', async () => {
  const times: Record<string, number> = {}
  for (let i = 0; i < 200; i++) {
    const { name } = await get('/films/random')
    times[name] = (times[name] ?? 0) + 1
  }
  expect(Object.keys(times)).toHaveLength(4)
  // Below it once in some ten million runs.
  expect(Math.min(...Object.values(times))).toBeGreaterThan(18)
})

test("a user's statistics are those of the own scores, of a year or of all", async () => {
  const user = await testUser(service.app)
  const request = as(service.app, user)
  const { sql } = service.app.database
  await sql`insert into ratings (user_id, film_id, value, created_at)
    select ${user.id}, id, case name when 'А' then 9 else 7 end, case name when 'А' then now() else '2020-03-01Z' end
    from films where name in ('А', 'Б')`
  const stats = async (query: string) => (await request({ method: 'GET', url: `/user/stats?${query}` })).json()
  const all = await stats('')
  expect(all).toMatchObject({ year: null, films: 2, hours: 3.5, mean: 8 })
  expect(all.genres[0]).toMatchObject({ name: 'драма', films: 2, mean: 8 })
  expect(all.countries).toMatchObject([
    { name: 'США', films: 2 },
    { name: 'Франция', films: 1 },
  ])
  expect(all.directors).toMatchObject([{ name: 'Клинт Иствуд', films: 2 }])
  expect(all.decades).toMatchObject([{ decade: 1990, films: 2 }])
  expect(all.scores.filter((score: { films: number }) => score.films > 0)).toEqual([
    { value: 7, films: 1 },
    { value: 9, films: 1 },
  ])
  expect(await stats('year=2020')).toMatchObject({ films: 1, mean: 7, months: [{ month: '2020-03', films: 1 }] })
  expect(await stats('year=2019')).toMatchObject({ films: 0, hours: 0, mean: null, genres: [], months: [] })
})

test('genres have counts where they are wanted; directors are found by a part of the name', async () => {
  expect(await get('/genres?with=counts')).toMatchObject([{ films_count: 3 }, { films_count: 2 }, { films_count: 0 }])
  expect((await get('/genres'))[0]).not.toHaveProperty('films_count')
  const found = async (q: string) => (await get(`/directors?q=${q}`)).map((one: { name: string }) => one.name)
  expect(await found('ИСТВ')).toEqual(['Клинт Иствуд'])
  expect(await found('петр')).toEqual(['Пётр Иванов'])
  expect(await found('и')).toEqual(['Клинт Иствуд', 'Пётр Иванов'])
  expect(await found('%')).toEqual([])
  expect(await found('никто')).toEqual([])
})
