import { get } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import type { FilmFact } from '../src/embedded/sandbox/films.ts'
import {
  type Fault,
  type Sandbox,
  type SandboxCall,
  type SandboxOptions,
  startSandbox,
} from '../src/embedded/sandbox/server.ts'
import { filmFact } from './support/movies.ts'

type Json = Record<string, unknown>
interface ListBody {
  total: number
  totalPages: number
  items: { kinopoiskId: number }[]
}
interface SearchBody {
  keyword: string
  pagesCount: number
  films: Json[]
  searchFilmsCountResult: number
}

const SEARCH = '/api/v2.1/films/search-by-keyword'
const FILM = '/api/v2.2/films'
const NOON = Date.parse('2026-05-05T12:00:00+03:00')

const matrix = fact({
  id: 301,
  imdb_id: 'tt0133093',
  name_ru: 'Матрица',
  name_original: 'The Matrix',
  year: 1999,
  minutes: 136,
  rating: 8.5,
  votes: 796_307,
  rating_imdb: 8.7,
  votes_imdb: 2_200_000,
  mpaa: 'r',
  age_limit: 'age18',
  countries: ['США', 'Австралия'],
  genres: ['фантастика', 'боевик'],
  directors: [
    { id: 23330, name_ru: 'Лана Вачовски', name_en: 'Lana Wachowski' },
    { id: 23329, name_ru: null, name_en: 'Lilly Wachowski' },
    { id: 23331, name_ru: 'Кто-то', name_en: null },
  ],
  description: 'Хакер узнаёт правду.',
})

const films = [
  fact({ id: 6, name_ru: 'Вся Матрица', votes: 5 }),
  fact({ id: 5, name_ru: 'Вся матрица!', votes: 5 }),
  fact({ id: 8, name_ru: 'Матрица: Перезагрузка', name_original: 'The Matrix Reloaded', votes: 9, year: null }),
  fact({ id: 7, name_ru: 'Матрица: Революция', votes: 10 }),
  matrix,
  fact({ id: 20, name_ru: 'Ёлки', minutes: 40, await_percent: 98 }),
  fact({ id: 21, name_ru: 'Без хронометража' }),
  fact({ id: 30, type: 'TV_SERIES', name_ru: 'Долгий сериал', minutes: 50, start_year: 2013, end_year: 2022 }),
  fact({ id: 31, type: 'TV_SHOW', name_ru: 'Шоу без конца', start_year: 2018 }),
  fact({ id: 33, type: 'TV_SHOW', name_ru: 'Шоу с концом', start_year: 1957, end_year: 1959 }),
  fact({ id: 35, type: 'TV_SHOW', name_ru: 'Шоу одного года', start_year: 1998, end_year: 1998 }),
  fact({ id: 37, type: 'TV_SHOW', name_ru: 'Шоу без начала', year: 2001 }),
  fact({ id: 40, name_ru: null, name_original: 'Nameless in Russian' }),
]

const started: Sandbox[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((sandbox) => sandbox.close()))
})

test('a film comes with every member of a recorded reply in the recorded order', async () => {
  const { ask } = await start()
  const film = await ask(`${FILM}/301`)
  expect(film.status).toBe(200)
  expect(Object.keys(film.body)).toEqual(
    `kinopoiskId kinopoiskHDId imdbId nameRu nameEn nameOriginal posterUrl posterUrlPreview coverUrl logoUrl
    reviewsCount ratingGoodReview ratingGoodReviewVoteCount ratingKinopoisk ratingKinopoiskVoteCount ratingImdb
    ratingImdbVoteCount ratingFilmCritics ratingFilmCriticsVoteCount ratingAwait ratingAwaitCount ratingRfCritics
    ratingRfCriticsVoteCount webUrl year filmLength slogan description shortDescription editorAnnotation
    isTicketsAvailable productionStatus type ratingMpaa ratingAgeLimits countries genres startYear endYear serial
    shortFilm completed hasImax has3D lastSync`.split(/\s+/),
  )
  expect(film.body).toMatchObject({
    kinopoiskId: 301,
    imdbId: 'tt0133093',
    nameRu: 'Матрица',
    nameEn: null,
    nameOriginal: 'The Matrix',
    posterUrl: 'https://kinopoiskapiunofficial.tech/images/posters/kp/301.jpg',
    posterUrlPreview: 'https://kinopoiskapiunofficial.tech/images/posters/kp_small/301.jpg',
    ratingKinopoisk: 8.5,
    ratingKinopoiskVoteCount: 796_307,
    ratingImdb: 8.7,
    ratingImdbVoteCount: 2_200_000,
    year: 1999,
    filmLength: 136,
    type: 'FILM',
    countries: [{ country: 'США' }, { country: 'Австралия' }],
    genres: [{ genre: 'фантастика' }, { genre: 'боевик' }],
    serial: false,
    shortFilm: false,
    completed: false,
  })
})

test('the moment of synchronisation has microseconds and no zone, and stays the same', async () => {
  const { ask } = await start()
  const first = await ask(`${FILM}/301`)
  expect(first.body.lastSync).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/)
  expect((await ask(`${FILM}/301`)).body).toEqual(first.body)
})

test('a film that hardly anything is known of has nulls and zero votes', async () => {
  const { ask } = await start()
  expect((await ask(`${FILM}/21`)).body).toMatchObject({
    imdbId: null,
    nameOriginal: null,
    ratingKinopoisk: null,
    ratingKinopoiskVoteCount: 0,
    ratingImdbVoteCount: 0,
    filmLength: null,
    shortFilm: false,
    description: null,
  })
})

test('series have years of their own and are completed once they have an end', async () => {
  const { ask } = await start()
  expect((await ask(`${FILM}/30`)).body).toMatchObject({
    serial: true,
    startYear: 2013,
    endYear: 2022,
    completed: true,
  })
  expect((await ask(`${FILM}/31`)).body).toMatchObject({ serial: true, endYear: null, completed: false })
  expect((await ask(`${FILM}/20`)).body).toMatchObject({ serial: false, shortFilm: true, ratingAwait: 98 })
})

test('an unknown film is not found and a senseless id is refused', async () => {
  const { ask } = await start()
  const unknown = await ask(`${FILM}/10000000`)
  expect(unknown.status).toBe(404)
  expect(unknown.body).toEqual({ message: expect.any(String) })
  for (const id of ['0', '1000000000', '-1', '1.5', 'abc', '1e3', '99999999999999999']) {
    expect([id, (await ask(`${FILM}/${id}`)).status]).toEqual([id, 400])
  }
})

test('replies are chunked plain application/json, gzipped only for those who take it', async () => {
  const { sandbox } = await start()
  for (const encoding of ['gzip', undefined] as const) {
    const headers = await rawHeaders(`${sandbox.url}${FILM}/301`, encoding)
    expect(headers['content-type']).toBe('application/json')
    expect(headers['transfer-encoding']).toBe('chunked')
    expect(headers['content-length']).toBeUndefined()
    expect(headers['content-encoding']).toBe(encoding)
    expect(headers.vary).toContain('Origin')
  }
})

test('a reply reads the same gzipped and not', async () => {
  const { ask } = await start()
  const plain = await ask(`${FILM}/301`, { headers: { 'accept-encoding': 'identity' } })
  expect((await ask(`${FILM}/301`, { headers: { 'accept-encoding': 'gzip, deflate' } })).body).toEqual(plain.body)
})

test('a search finds by name, nearest match first, then the most voted, then the lowest id', async () => {
  const { search } = await start()
  const ids = async (keyword: string) => (await search(keyword)).films.map((film) => film.filmId)
  expect(await ids('МАТРИЦА')).toEqual([301, 7, 8, 5, 6])
  expect(await ids('the matrix')).toEqual([301, 8])
  expect(await ids('революция матрица')).toEqual([7])
  expect(await ids('матрица reloaded')).toEqual([8])
  expect(await ids('елки')).toEqual([20])
  expect(await ids('  «ЁЛКИ» ')).toEqual([20])
  expect(await ids('russian')).toEqual([40])
})

test('a search result carries texts for year, length and rating', async () => {
  const { search } = await start()
  const { films } = await search('the matrix')
  expect(films[0]).toEqual({
    filmId: 301,
    nameRu: 'Матрица',
    nameEn: 'The Matrix',
    type: 'FILM',
    year: '1999',
    description: 'Хакер узнаёт правду.',
    filmLength: '02:16',
    countries: [{ country: 'США' }, { country: 'Австралия' }],
    genres: [{ genre: 'фантастика' }, { genre: 'боевик' }],
    rating: '8.5',
    ratingVoteCount: 796_307,
    posterUrl: 'https://kinopoiskapiunofficial.tech/images/posters/kp/301.jpg',
    posterUrlPreview: 'https://kinopoiskapiunofficial.tech/images/posters/kp_small/301.jpg',
  })
})

test('what a search does not know is a missing key or the text null', async () => {
  const { search } = await start()
  const only = async (keyword: string) => (await search(keyword)).films[0]
  const bare = await only('без хронометража')
  expect(bare).toMatchObject({ filmLength: 'null', rating: 'null', ratingVoteCount: 0 })
  expect(bare).not.toHaveProperty('nameEn')
  expect(bare).not.toHaveProperty('description')
  expect(await only('nameless')).not.toHaveProperty('nameRu')
  expect(await only('долгий')).not.toHaveProperty('filmLength')
  expect(await only('шоу с концом')).toMatchObject({ filmLength: 'null' })
  expect(await only('перезагрузка')).toMatchObject({ year: 'null' })
})

test('an awaited film has a percentage for its rating', async () => {
  const { search } = await start()
  expect((await search('ёлки')).films[0]).toMatchObject({ rating: '98.0%', filmLength: '00:40' })
})

test('shows may have a range of years', async () => {
  const { search } = await start()
  const years = Object.fromEntries((await search('шоу')).films.map((film) => [film.filmId, film.year]))
  expect(years).toEqual({ 31: '2018-...', 33: '1957-1959', 35: '1998', 37: '2001' })
})

test('a search that finds nothing is an empty list', async () => {
  const { search } = await start()
  const nothing = { pagesCount: 0, films: [], searchFilmsCountResult: 0 }
  expect(await search('zzzqqq')).toEqual({ keyword: 'zzzqqq', ...nothing })
  expect(await search('!?')).toEqual({ keyword: '!?', ...nothing })
})

test('a search comes in pages of 20 and its count of pages is not to be relied on', async () => {
  const many = Array.from({ length: 45 }, (_, at) => fact({ id: at + 1, name_ru: `Серия ${at + 1}`, votes: 100 - at }))
  const { search } = await start({ films: many })
  const pages = [await search('серия'), await search('серия', 2), await search('серия', 3), await search('серия', 4)]
  expect(pages.map(({ films }) => films.length)).toEqual([20, 20, 5, 0])
  expect(pages.map(({ pagesCount }) => pagesCount)).toEqual([2, 2, 2, 2])
  expect(pages.map((page) => page.searchFilmsCountResult)).toEqual([45, 45, 45, 45])
  expect(pages[2]?.films[0]?.filmId).toBe(41)
  expect(await search('серия 45')).toMatchObject({ pagesCount: 0, searchFilmsCountResult: 1 })
})

test('a search without a keyword or with a senseless page is refused', async () => {
  const { ask } = await start()
  const queries = ['', '?keyword=', '?keyword=+%20', '?keyword=a&page=0', '?keyword=a&page=21', '?keyword=a&page=x']
  for (const query of queries) expect([query, (await ask(SEARCH + query)).status]).toEqual([query, 400])
})

test('a year is listed with the most voted first, in pages of 20, and no more than 20 of them', async () => {
  const many = Array.from({ length: 450 }, (_, at) => fact({ id: at + 1, year: at < 405 ? 2001 : 2002, votes: at }))
  const { ask } = await start({ films: many })
  const list = async (query: string) => (await ask<ListBody>(`${FILM}?order=NUM_VOTE&type=ALL&${query}`)).body
  const ids = ({ items }: ListBody) => items.map(({ kinopoiskId }) => kinopoiskId)
  const first = await list('yearFrom=2001&yearTo=2001')
  expect(first).toMatchObject({ total: 400, totalPages: 20 })
  expect(ids(first).slice(0, 3)).toEqual([405, 404, 403])
  expect(ids(await list('yearFrom=2001&yearTo=2001&page=20')).at(-1)).toBe(6)
  expect(ids(await list('yearFrom=2002&yearTo=2003&page=3'))).toEqual([410, 409, 408, 407, 406])
  expect(await list('yearFrom=1900&yearTo=1950')).toEqual({ total: 0, totalPages: 0, items: [] })
})

test('a film is listed by its IMDb id', async () => {
  const { ask } = await start()
  const list = async (id: string) => (await ask<ListBody>(`${FILM}?imdbId=${id}`)).body
  expect(await list('tt0133093')).toMatchObject({ total: 1, totalPages: 1, items: [{ kinopoiskId: 301 }] })
  expect(await list('tt9999999')).toEqual({ total: 0, totalPages: 0, items: [] })
})

test('a list with a senseless page or year, or in an unknown order, is refused', async () => {
  const { ask } = await start()
  const queries = ['order=NUM_VOTE&page=0', 'order=NUM_VOTE&page=21', 'order=NUM_VOTE&yearFrom=x', 'order=NAME']
  for (const query of queries) expect([query, (await ask(`${FILM}?${query}`)).status]).toEqual([query, 400])
})

test('the staff of a film starts with its directors and leaves unknown names empty', async () => {
  const { ask } = await start()
  const { status, body } = await ask<Json[]>('/api/v1/staff?filmId=301')
  expect(status).toBe(200)
  expect(body[0]).toEqual({
    staffId: 23330,
    nameRu: 'Лана Вачовски',
    nameEn: 'Lana Wachowski',
    description: null,
    posterUrl: 'https://st.kp.yandex.net/images/actor_iphone/iphone360_23330.jpg',
    professionText: 'Режиссеры',
    professionKey: 'DIRECTOR',
  })
  expect(body.map((person) => [person.nameRu, person.nameEn, person.professionKey])).toEqual([
    ['Лана Вачовски', 'Lana Wachowski', 'DIRECTOR'],
    ['', 'Lilly Wachowski', 'DIRECTOR'],
    ['Кто-то', '', 'DIRECTOR'],
    ['', '', 'ACTOR'],
  ])
})

test('the staff of an unknown film is not found and without a film id it is refused', async () => {
  const { ask } = await start()
  expect((await ask('/api/v1/staff?filmId=999')).status).toBe(404)
  expect((await ask('/api/v1/staff?filmId=x')).status).toBe(400)
  expect((await ask('/api/v1/staff')).status).toBe(400)
})

test('a user has rated some 25 films, the same ones whenever asked', async () => {
  const many = Array.from({ length: 60 }, (_, at) => fact({ id: at + 1, year: at === 0 ? null : 2000 }))
  const { ask } = await start({ films: many })
  const votes = async (user: number, page = 1) =>
    (await ask<{ total: number; totalPages: number; items: Json[] }>(`/api/v1/kp_users/${user}/votes?page=${page}`))
      .body
  const first = await votes(42)
  expect(Object.keys(first)).toEqual(['total', 'totalPages', 'items'])
  expect(first.total).toBeGreaterThanOrEqual(22)
  expect(first.total).toBeLessThanOrEqual(28)
  expect(first).toMatchObject({ totalPages: 2, items: { length: 20 } })
  expect((await votes(42, 2)).items).toHaveLength(first.total - 20)
  expect((await votes(42, 3)).items).toEqual([])
  expect(await votes(42)).toEqual(first)
  expect((await votes(43)).items).not.toEqual(first.items)
})

test('a vote carries the film as the schema tells it and a rating from 1 to 10', async () => {
  const { ask } = await start({ films: [matrix, fact({ id: 5 })] })
  const { body } = await ask<{ items: Json[] }>('/api/v1/kp_users/1/votes')
  const votes = new Map(body.items.map((vote) => [vote.kinopoiskId, vote]))
  const userRating = Number(votes.get(301)?.userRating)
  expect([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).toContain(userRating)
  expect(votes.get(301)).toEqual({
    kinopoiskId: 301,
    nameRu: 'Матрица',
    nameEn: null,
    nameOriginal: 'The Matrix',
    countries: [{ country: 'США' }, { country: 'Австралия' }],
    genres: [{ genre: 'фантастика' }, { genre: 'боевик' }],
    ratingKinopoisk: 8.5,
    ratingImbd: 8.7,
    year: '1999',
    type: 'FILM',
    posterUrl: 'https://kinopoiskapiunofficial.tech/images/posters/kp/301.jpg',
    posterUrlPreview: 'https://kinopoiskapiunofficial.tech/images/posters/kp_small/301.jpg',
    userRating,
  })
  expect(votes.get(5)).toMatchObject({ year: null })
})

test('votes of a senseless user or page are refused', async () => {
  const { ask } = await start()
  expect((await ask('/api/v1/kp_users/me/votes')).status).toBe(400)
  expect((await ask('/api/v1/kp_users/1/votes?page=0')).status).toBe(400)
  expect((await ask('/api/v1/kp_users/1/votes?page=101')).status).toBe(400)
})

test('a call without a key or with a strange one has no permission', async () => {
  const { ask, sandbox } = await start({ apiKeys: ['good', 'better'] })
  expect((await ask(`${FILM}/301`, { headers: { 'x-api-key': 'better' } })).status).toBe(200)
  const strange = await ask(`${FILM}/301`, { headers: { 'x-api-key': 'bad' } })
  expect(strange.status).toBe(401)
  expect(strange.body).toEqual({ message: expect.any(String) })
  expect((await ask(`${FILM}/301`, { headers: { 'x-api-key': '' } })).status).toBe(401)
  expect((await fetch(`${sandbox.url}${FILM}/301`)).status).toBe(401)
  expect((await ask('/api/v1/api_keys/bad')).status).toBe(401)
})

test('any key will do when none are given', async () => {
  const { ask, sandbox } = await start()
  expect((await ask(`${FILM}/301`, { headers: { 'x-api-key': 'whatever' } })).status).toBe(200)
  expect((await fetch(`${sandbox.url}${FILM}/301`)).status).toBe(401)
})

test('an unknown path and a method other than GET are not found, with or without a key', async () => {
  const { ask, sandbox } = await start()
  expect((await ask('/api/v9/films')).status).toBe(404)
  expect((await fetch(`${sandbox.url}/`)).status).toBe(404)
  expect((await ask(`${FILM}/301`, { method: 'POST', body: '{}' })).status).toBe(404)
})

test('past the daily quota every call is refused and still counted', async () => {
  const { ask } = await start({ dailyQuota: 2, now: () => NOON })
  const statuses = []
  for (const path of [`${FILM}/301`, `${FILM}/999`, `${FILM}/301`, `${SEARCH}?keyword=a`]) {
    statuses.push((await ask(path)).status)
  }
  expect(statuses).toEqual([200, 404, 402, 402])
  const refused = await ask(`${FILM}/301`)
  expect(refused.body).toEqual({ message: expect.stringMatching(/\b5\b.*\b2\b/) })
  expect((await ask(`${FILM}/301`, { headers: { 'x-api-key': 'other' } })).status).toBe(200)
})

test('the account tells what is used up, for free and without the header', async () => {
  const { ask, sandbox } = await start({ dailyQuota: 2, now: () => NOON })
  for (let calls = 0; calls < 3; calls += 1) await ask(`${FILM}/301`)
  const account = async (key: string) => (await fetch(`${sandbox.url}/api/v1/api_keys/${key}`)).json()
  const used = { totalQuota: { value: -1, used: 3 }, dailyQuota: { value: 2, used: 3 }, accountType: 'FREE' }
  expect(await account('key')).toEqual(used)
  expect(await account('key')).toEqual(used)
  expect(await account('fresh')).toMatchObject({ totalQuota: { used: 0 }, dailyQuota: { used: 0 } })
})

test('without a quota the account tells -1', async () => {
  const { ask } = await start()
  await ask(`${FILM}/301`)
  expect((await ask('/api/v1/api_keys/key')).body).toMatchObject({ dailyQuota: { value: -1, used: 1 } })
})

test('the quota starts anew at midnight in Moscow', async () => {
  let now = Date.parse('2026-05-05T23:59:59+03:00')
  const { ask } = await start({ dailyQuota: 1, now: () => now })
  expect((await ask(`${FILM}/301`)).status).toBe(200)
  expect((await ask(`${FILM}/301`)).status).toBe(402)
  now += 1000
  expect((await ask('/api/v1/api_keys/key')).body).toMatchObject({ totalQuota: { used: 2 }, dailyQuota: { used: 0 } })
  expect((await ask(`${FILM}/301`)).status).toBe(200)
  expect((await ask(`${FILM}/301`)).status).toBe(402)
})

test.each([
  ['search', `${SEARCH}?keyword=a`, 5],
  ['a list', `${FILM}?order=NUM_VOTE`, 5],
  ['a film', `${FILM}/301`, 20],
  ['staff', '/api/v1/staff?filmId=301', 20],
  ['seasons', `${FILM}/301/seasons`, 20],
  ['a person', '/api/v1/staff/23330', 20],
  ['premieres', `${FILM}/premieres?year=1999&month=FEBRUARY`, 5],
  ['collections', `${FILM}/collections`, 5],
  ['votes', '/api/v1/kp_users/1/votes', 2],
  ['the account', '/api/v1/api_keys/key', 2],
])('%s answers only so many times a second', async (_, path, rate) => {
  let now = NOON
  const { ask } = await start({ rateLimits: true, now: () => now })
  for (let call = 0; call < rate; call += 1) expect((await ask(path)).status).toBe(200)
  const refused = await ask(path)
  expect(refused.status).toBe(429)
  expect(refused.body).toEqual({ message: expect.any(String) })
  now += 999
  expect((await ask(path)).status).toBe(429)
  now += 1
  expect((await ask(path)).status).toBe(200)
})

test('all endpoints of a key share its 20 calls a second, another key has its own', async () => {
  const { ask } = await start({ rateLimits: true, now: () => NOON })
  for (let call = 0; call < 19; call += 1) await ask(`${FILM}/301`)
  expect((await ask(`${SEARCH}?keyword=a`)).status).toBe(200)
  expect((await ask(`${SEARCH}?keyword=a`)).status).toBe(429)
  expect((await ask(`${SEARCH}?keyword=a`, { headers: { 'x-api-key': 'other' } })).status).toBe(200)
})

test('calls are unlimited unless limits are asked for', async () => {
  const { ask } = await start({ now: () => NOON })
  for (let call = 0; call < 30; call += 1) expect((await ask(`${SEARCH}?keyword=a`)).status).toBe(200)
})

test('every call is told of with its endpoint, status and key', async () => {
  const calls: SandboxCall[] = []
  const { ask, sandbox } = await start({ now: () => NOON, onCall: (call) => calls.push(call) })
  await ask(`${FILM}/301`)
  await ask(`${SEARCH}?keyword=a&page=2`)
  await ask('/api/v1/staff?filmId=999')
  await ask('/api/v1/kp_users/1/votes')
  await fetch(`${sandbox.url}/api/v1/api_keys/mine`)
  await fetch(`${sandbox.url}/nowhere`)
  sandbox.fail('reset')
  await expect(ask(`${FILM}/1`)).rejects.toThrow()
  expect(calls).toEqual([
    { at: NOON, path: `${FILM}/301`, endpoint: 'film', status: 200, apiKey: 'key' },
    { at: NOON, path: `${SEARCH}?keyword=a&page=2`, endpoint: 'search', status: 200, apiKey: 'key' },
    { at: NOON, path: '/api/v1/staff?filmId=999', endpoint: 'staff', status: 404, apiKey: 'key' },
    { at: NOON, path: '/api/v1/kp_users/1/votes', endpoint: 'votes', status: 200, apiKey: 'key' },
    { at: NOON, path: '/api/v1/api_keys/mine', endpoint: 'api_key', status: 200, apiKey: 'mine' },
    { at: NOON, path: '/nowhere', endpoint: 'other', status: 404, apiKey: undefined },
    { at: NOON, path: `${FILM}/1`, endpoint: 'film', status: 'cut', apiKey: 'key' },
  ])
})

test.each([400, 401, 402, 403, 404, 429, 500] as const)(
  'the fault %i answers that status with a message',
  async (code) => {
    const { ask, sandbox } = await start()
    sandbox.fail(code)
    const { status, body } = await ask(`${FILM}/301`)
    expect(status).toBe(code)
    expect(body).toEqual({ message: expect.any(String) })
  },
)

test.each([502, 503, 'html'] as const)('the fault %s answers a page of HTML', async (fault) => {
  const { sandbox, call } = await start()
  sandbox.fail(fault)
  const response = await call(`${FILM}/301`)
  expect(response.status).toBe(fault === 'html' ? 200 : fault)
  expect(response.headers.get('content-type')).toBe('text/html')
  expect(await response.text()).toMatch(/^<!doctype html>/)
})

test('a 404 of the proxy is a page of HTML, of the framework a JSON with the path', async () => {
  const { ask, call, sandbox } = await start()
  sandbox.fail('html_404')
  const page = await call(`${FILM}/301`)
  expect(page.status).toBe(404)
  expect(await page.text()).toMatch(/^<!doctype html>/)
  sandbox.fail('path_404')
  expect(await ask(`${FILM}/301`)).toMatchObject({
    status: 404,
    body: { status: 404, error: 'Not Found', path: `${FILM}/301` },
  })
})

test.each(['quota_text', 'key_text', 'rate_text'] as const)(
  'the fault %s is an error text under 200',
  async (fault) => {
    const { ask, sandbox } = await start()
    sandbox.fail(fault)
    expect(await ask(`${FILM}/301`)).toMatchObject({ status: 200, body: { message: expect.any(String) } })
  },
)

test('a hanging call is never answered and closing ends it', async () => {
  const calls: SandboxCall[] = []
  const { sandbox, call } = await start({ onCall: (seen) => calls.push(seen) })
  sandbox.fail('hang')
  await expect(call(`${FILM}/301`, { signal: AbortSignal.timeout(200) })).rejects.toThrow(/timeout/)
  const hanging = call(`${FILM}/301`).catch((error: Error) => error)
  await expect.poll(() => calls.length).toBe(2)
  await sandbox.close()
  expect(await hanging).toBeInstanceOf(Error)
  expect(calls.map(({ status }) => status)).toEqual(['cut', 'cut'])
})

test('a reset call loses its connection', async () => {
  const { sandbox, call } = await start()
  sandbox.fail('reset')
  await expect(call(`${FILM}/301`)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } })
})

test('bad JSON is told to be JSON and is not', async () => {
  const { sandbox, call } = await start()
  sandbox.fail('bad_json')
  const response = await call(`${FILM}/301`)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/json')
  await expect(response.json()).rejects.toThrow(SyntaxError)
})

test('a wrong shape is JSON that no endpoint sends', async () => {
  const { ask, sandbox } = await start()
  sandbox.fail('wrong_shape')
  const { status, body } = await ask(`${FILM}/301`)
  expect(status).toBe(200)
  expect(body).toMatchObject({ kinopoiskId: expect.any(String), films: {} })
})

test('a truncated answer ends before its length is reached', async () => {
  const { sandbox, call } = await start()
  sandbox.fail('truncated')
  const response = await call(`${FILM}/301`)
  const promised = Number(response.headers.get('content-length'))
  const reader = bodyOf(response)
  const { value } = await reader.read()
  expect(value?.length).toBeGreaterThan(0)
  expect(value?.length).toBeLessThan(promised)
  await expect(reader.read()).rejects.toThrow()
})

test('a huge answer flows on for as long as it is read', async () => {
  const { ask, sandbox, call } = await start()
  sandbox.fail('huge', { times: 1 })
  const response = await call(`${FILM}/301`)
  const reader = bodyOf(response)
  let read = 0
  while (read < 4_000_000) read += (await reader.read()).value?.length ?? Number.NaN
  expect(read).toBeGreaterThanOrEqual(4_000_000)
  await reader.cancel()
  expect((await ask(`${FILM}/301`)).status).toBe(200)
})

test('a huge answer read to its end is 50 MB of JSON', { tags: 'slow' }, async () => {
  const { sandbox, call } = await start()
  sandbox.fail('huge')
  const text = await (await call(`${FILM}/301`)).arrayBuffer()
  expect(text.byteLength).toBeGreaterThan(50_000_000)
  expect(JSON.parse(Buffer.from(text).toString())).toHaveProperty('searchFilmsCountResult', 1)
})

test('a dripping answer comes byte by byte', async () => {
  const { sandbox, call } = await start()
  sandbox.fail('drip')
  const response = await call(`${FILM}/301`)
  const reader = bodyOf(response)
  const pieces = [(await reader.read()).value, (await reader.read()).value, (await reader.read()).value]
  await reader.cancel()
  expect(Buffer.concat(pieces.map((piece) => piece ?? Buffer.of())).toString()).toBe('{"k')
  expect(pieces.map((piece) => piece?.length)).toEqual([1, 1, 1])
})

test('a redirect leads to an address that nobody should follow', async () => {
  const { sandbox, call } = await start()
  sandbox.fail('redirect')
  const response = await call(`${FILM}/301`, { redirect: 'manual' })
  expect(response.status).toBe(302)
  expect(response.headers.get('location')).toBe('http://169.254.169.254/')
})

test('a call is told of with the status that its fault shows', async () => {
  const statuses: unknown[] = []
  const { sandbox, call } = await start({ onCall: ({ status }) => statuses.push(status) })
  const faults: Fault[] = ['bad_json', 'redirect', 'drip', 'truncated', 503]
  for (const fault of faults) {
    sandbox.fail(fault)
    await (await call(`${FILM}/999`, { redirect: 'manual' })).body?.cancel().catch(() => {})
  }
  expect(statuses).toEqual([200, 302, 404, 'cut', 503])
})

test('a fault lasts for so many calls, or until it is taken back', async () => {
  const { sandbox, ask } = await start()
  const status = async () => (await ask(`${FILM}/301`)).status
  sandbox.fail(500, { times: 2 })
  expect([await status(), await status(), await status()]).toEqual([500, 500, 200])
  sandbox.fail(500)
  expect([await status(), await status(), await status()]).toEqual([500, 500, 500])
  sandbox.fail(429, { times: 1 })
  expect([await status(), await status()]).toEqual([429, 500])
  sandbox.fail(null)
  expect(await status()).toBe(200)
})

test('a fault may be kept to some paths, or some paths kept from it', async () => {
  const { sandbox, ask } = await start()
  const statuses = async () => [(await ask(`${FILM}/301`)).status, (await ask('/api/v1/staff?filmId=301')).status]
  sandbox.fail(500, { path: /staff\?filmId=301/g })
  expect(await statuses()).toEqual([200, 500])
  expect(await statuses()).toEqual([200, 500])
  sandbox.fail(503)
  sandbox.fail(null, { path: /staff/ })
  sandbox.fail(400, { path: /\/301$/, times: 1 })
  expect(await statuses()).toEqual([400, 200])
})

test('a call that goes wrong costs its quota', async () => {
  const { sandbox, ask } = await start({ dailyQuota: 1, now: () => NOON })
  sandbox.fail(500, { times: 1 })
  expect((await ask(`${FILM}/301`)).status).toBe(500)
  expect((await ask(`${FILM}/301`)).status).toBe(402)
})

test('without films of its own the sandbox knows those of the project', async () => {
  const sandbox = await startSandbox()
  started.push(sandbox)
  const { films } = await import('../src/embedded/sandbox/films.ts')
  expect(films.length).toBeGreaterThan(0)
  const response = await fetch(`${sandbox.url}${FILM}/${films[0]?.id}`, { headers: { 'x-api-key': 'key' } })
  expect(await response.json()).toMatchObject({ kinopoiskId: films[0]?.id, nameRu: films[0]?.name_ru })
})

test('it listens on the port that it is told, and says when that is taken', async () => {
  const { sandbox } = await start()
  const port = Number(new URL(sandbox.url).port)
  await expect(startSandbox({ port, films })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await sandbox.close()
  const again = await startSandbox({ port, films })
  started.push(again)
  expect(again.url).toBe(`http://127.0.0.1:${port}`)
})

async function start(options: SandboxOptions = {}) {
  const sandbox = await startSandbox({ films, ...options })
  started.push(sandbox)
  const call = (path: string, init: RequestInit = {}) =>
    fetch(sandbox.url + path, { ...init, headers: { 'x-api-key': 'key', ...init.headers } })
  const ask = async <T = Json>(path: string, init?: RequestInit) => {
    const response = await call(path, init)
    return { status: response.status, body: (await response.json()) as T }
  }
  const search = async (keyword: string, page = 1) =>
    (await ask<SearchBody>(`${SEARCH}?${new URLSearchParams({ keyword, page: String(page) })}`)).body
  return { sandbox, call, ask, search }
}

function rawHeaders(url: string, encoding: string | undefined) {
  const headers = { 'x-api-key': 'key', ...(encoding !== undefined && { 'accept-encoding': encoding }) }
  return new Promise<Record<string, unknown>>((resolve, reject) => {
    get(url, { headers }, (response) => resolve(response.resume().headers)).on('error', reject)
  })
}

function bodyOf(response: Response) {
  if (response.body === null) throw new Error('no body')
  return response.body.getReader()
}

function fact(known: Partial<FilmFact>): FilmFact {
  return filmFact({ id: 1, ...known })
}

test('what there is beside details is as the schema of upstream has it, and the same whenever asked', async () => {
  const { ask } = await start()
  const keys = async (path: string, pick: (body: never) => object) => Object.keys(pick((await ask(path)).body as never))
  const item = ({ items }: { items: object[] }) => items[0] ?? {}
  expect(await keys(`${FILM}/30/seasons`, item)).toEqual(['number', 'episodes'])
  expect(await keys(`${FILM}/301/images`, item)).toEqual(['imageUrl', 'previewUrl'])
  expect(await keys(`${FILM}/301/facts`, item)).toEqual(['text', 'type', 'spoiler'])
  expect(await keys(`${FILM}/301/videos`, item)).toEqual(['url', 'name', 'site'])
  expect(await keys(`${FILM}/301/reviews`, (body) => body)).toEqual(
    'total totalPages totalPositiveReviews totalNegativeReviews totalNeutralReviews items'.split(' '),
  )
  const related = 'filmId nameRu nameEn nameOriginal posterUrl posterUrlPreview relationType'.split(' ')
  expect(await keys('/api/v2.1/films/301/sequels_and_prequels', ([first]: object[]) => first ?? {})).toEqual(related)
  expect((await ask(`${FILM}/40/similars`)).body).toMatchObject({ total: 10, items: { length: 10 } })
  expect((await ask('/api/v1/staff/23331')).body).toMatchObject({ personId: 23_331, films: [{ filmId: 301 }] })
  for (const path of ['/api/v1/staff/1', `${FILM}/999/facts`]) expect((await ask(path)).status).toBe(404)
  for (const path of [`${FILM}/premieres?year=1999`, `${FILM}/collections?type=BEST`, `${FILM}/301/images?page=21`])
    expect((await ask(path)).status).toBe(400)
})
