import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { expectProblem, serve } from './support/movies.ts'

/** What upstream answers a path with that holds this text; details of any film are there. */
const answers = new Map<string, unknown>()
let upstream: Awaited<ReturnType<typeof serve>>
let service: TestApp
let get: (url: string) => ReturnType<ReturnType<typeof as>>

beforeAll(async () => {
  upstream = await serve((request, response) => {
    const url = request.url ?? ''
    const id = /\/films\/(\d+)$/.exec(url)?.[1]
    const [, answer] = [...answers].find(([part]) => url.includes(part)) ?? []
    if (id !== undefined) return response.end(`{"kinopoiskId":${id}}`)
    if (answer === undefined) return response.writeHead(404).end('{"message":"not found"}')
    return response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
  })
  service = await testApp({}, { kinopoisk: { url: upstream.url, apiKey: 'key', sandbox: false } })
  const request = as(service.app, await testUser(service.app))
  get = (url) => request({ method: 'GET', url })
})
afterAll(async () => {
  await service.close()
  await upstream.close()
})

/** The answer to a route when upstream sends this. */
async function sent(path: string, answer: unknown, url: string) {
  answers.set(path, answer)
  const response = await get(url)
  answers.delete(path)
  return response
}

describe('A member of an odd type is null, and a row without what names it is left out:', () => {
  test.each<[string, string, unknown, string, unknown[]]>([
    [
      'seasons',
      '/films/1/seasons',
      {
        total: 'two',
        items: [{ number: '1', episodes: [{ episodeNumber: 1, nameRu: 7 }, { nameRu: 'x' }, null] }, {}],
      },
      '/movies/1/seasons',
      [{ number: 1, episodes: [{ number: 1, title: null, synopsis: null, release_date: null }] }],
    ],
    [
      'a season in two rows',
      '/films/31/seasons',
      {
        total: 3,
        items: [
          {
            number: 1,
            episodes: [
              { episodeNumber: 1, nameRu: 'А' },
              { episodeNumber: '2-3', nameRu: 'Б' },
            ],
          },
          { number: 2, episodes: null },
          {
            number: '1',
            episodes: [{ episodeNumber: '1', nameRu: 'А' }, { episodeNumber: 4 }, { episodeNumber: 'x' }],
          },
        ],
      },
      '/movies/31/seasons',
      [
        {
          number: 1,
          episodes: [
            { number: 1, title: 'А' },
            { number: 2, title: 'Б' },
            { number: 4, title: null },
          ],
        },
        { number: 2, episodes: [] },
      ],
    ],
    [
      'a person with two parts',
      'staff?filmId=32',
      [
        { staffId: 9, nameRu: 'Ann', description: 'Мать', professionKey: 'ACTOR' },
        { staffId: 9, nameRu: 'Ann', description: 'Дочь', professionKey: 'ACTOR' },
        { staffId: 9, nameRu: 'Ann', description: 'Мать', professionKey: 'ACTOR' },
        { staffId: 9, nameRu: 'Ann', description: '', professionKey: 'WRITER' },
        { staffId: 9, nameRu: 'Ann', professionKey: 'WRITER' },
      ],
      '/movies/32/staff',
      [
        { id: 9, profession: 'ACTOR', role: 'Мать' },
        { id: 9, profession: 'ACTOR', role: 'Дочь' },
        { id: 9, profession: 'WRITER', role: null },
      ],
    ],
    [
      'staff',
      'staff?filmId=2',
      [{ staffId: '9', nameRu: '', nameEn: 'Ann', professionKey: 'STUNTS' }, { staffId: null }, 'x'],
      '/movies/2/staff',
      [{ id: 9, name: 'Ann', original_name: 'Ann', profession: 'STUNTS', role: null, photo_url: null }],
    ],
    [
      'images',
      '/films/3/images',
      { items: [{ imageUrl: 'https://a.example/1', previewUrl: [] }, { imageUrl: '/images/2.jpg' }, {}] },
      '/movies/3/images',
      [{ url: 'https://a.example/1', preview_url: null }],
    ],
    [
      'similar films',
      '/films/4/similars',
      {
        total: 2,
        items: [
          { kinopoiskId: 5, nameRu: null, nameEn: 'Five', posterUrl: '/no-poster.gif', relationType: 'SPIN_OFF' },
          { filmId: 'abc' },
        ],
      },
      '/movies/4/similars',
      [{ id: 5, title: 'Five', original_title: 'Five', poster_url: null, relation: 'SPIN_OFF' }],
    ],
    [
      'facts',
      '/films/6/facts',
      { total: 2, items: [{ text: '«А» &amp;&nbsp;<i>Б</i><br>В', type: 1, spoiler: 'maybe' }, { text: null }] },
      '/movies/6/facts',
      [{ type: null, text: '«А» & Б\nВ', spoiler: null }],
    ],
    [
      'reviews',
      '/films/7/reviews',
      {
        total: 30,
        totalPositiveReviews: {},
        items: [{ kinopoiskId: 1, type: 'MIXED', date: 'yesterday', positiveRating: 'many' }],
      },
      '/movies/7/reviews',
      [{ id: 1, type: 'MIXED', date: null, positive_votes: null, author: null, text: null }],
    ],
    [
      'videos',
      '/films/8/videos',
      { total: 2, items: [{ url: 'javascript:alert(1)' }, { url: 'https://v.example/1', name: null, site: 'VK' }] },
      '/movies/8/videos',
      [{ url: 'https://v.example/1', name: null, site: 'VK' }],
    ],
    [
      'premieres',
      'premieres?year=2001',
      {
        total: 2,
        items: [
          {
            kinopoiskId: 11,
            nameRu: '',
            nameEn: '',
            year: 0,
            duration: '1:30',
            genres: ['драма', null],
            premiereRu: '2001-02-31',
          },
          {},
        ],
      },
      '/movies/premieres?year=2001&month=2',
      [{ id: 11, title: '11', year: null, minutes: 90, genres: ['драма'], countries: [], premiere_date: null }],
    ],
    [
      'a collection',
      'collections?type=FAMILY',
      {
        items: [
          { kinopoiskId: 12, nameRu: 'Двенадцать', year: '2012', ratingKinopoisk: '7.9', ratingImbd: 8, type: {} },
        ],
      },
      '/movies/collections?type=FAMILY',
      [{ id: 12, title: 'Двенадцать', year: 2012, rating: 7.9, type: null }],
    ],
    [
      'a percentage in a collection',
      'collections?type=VAMPIRE_THEME',
      { items: [{ kinopoiskId: 13, nameRu: 'Тринадцать', ratingKinopoisk: '9.0%' }] },
      '/movies/collections?type=VAMPIRE_THEME',
      [{ id: 13, title: 'Тринадцать', rating: null }],
    ],
  ])('%s', async (_, path, answer, url, items) => {
    const response = await sent(path, answer, url)
    expect(response.statusCode).toBe(200)
    expect(response.json().items).toMatchObject(items)
    expect(response.json().items).toHaveLength(items.length)
  })

  test('a person', async () => {
    const films = [{ filmId: 1, rating: '76%', professionKey: 'HIMSELF', general: 0 }, { filmId: null }, null]
    const person = {
      personId: '90',
      nameRu: null,
      nameEn: 'Ann',
      growth: '174',
      birthday: '1965-00-00',
      facts: ['<b>a</b>', 1],
      films,
    }
    const response = await sent('staff/90', person, '/people/90')
    expect(response.json()).toMatchObject({
      ...{ id: 90, name: 'Ann', height_cm: 174, birth_date: null, sex: null, facts: ['a'] },
      films: [{ id: 1, title: '1', rating: null, await_percent: 76, profession: 'HIMSELF', is_main: false }],
    })
  })
})

describe('Nothing is believed that was not said:', () => {
  test.each([
    ['an object without a list', '/films/21/facts', { total: 3 }, '/movies/21/facts'],
    [
      'rows of which none can be used',
      '/films/22/similars',
      { total: 1, items: [{ filmId: null }] },
      '/movies/22/similars',
    ],
    ['addresses of which none can be opened', '/films/23/videos', { items: [{ url: 'x' }] }, '/movies/23/videos'],
    ['an error text under 200', 'staff?filmId=24', { message: 'Something went wrong' }, '/movies/24/staff'],
    ['an empty list that has a total', '/films/30/similars', { total: 5, items: [] }, '/movies/30/similars'],
    ['an error text beside an empty list', '/films/31/facts', { items: [], error: 'Internal' }, '/movies/31/facts'],
    ['another person', 'staff/91', { personId: 92, films: [] }, '/people/91'],
    ['a list in the place of a person', 'staff/93', [], '/people/93'],
    ['text', '/films/25/seasons', '<html>', '/movies/25/seasons'],
  ])('%s is 502, and not kept', async (_, path, answer, url) => {
    expectProblem(await sent(path, answer, url), 502, 'upstream_bad_response')
    const kept = await service.app.database.sql`select path from kinopoisk_answers where path like ${`%${path}%`}`
    expect(kept).toHaveLength(0)
  })

  test('a total of 0 without a list, and a 404 about a film that exists, say that there is nothing', async () => {
    expect((await sent('/films/26/facts', { total: 0, items: null }, '/movies/26/facts')).json().items).toEqual([])
    expect((await get('/movies/27/sequels')).json()).toMatchObject({ total: 0, items: [], source: 'kinopoisk' })
    expectProblem(await get('/people/28'), 404, 'person_not_found')
  })

  test('an answer has a bound', async () => {
    const items = Array.from({ length: 1200 }, (_, i) => ({ text: `${i}`, type: 'FACT', spoiler: false }))
    const list = (await sent('/films/29/facts', { total: 1200, items }, '/movies/29/facts')).json()
    expect([list.total, list.items.length]).toEqual([1200, 1000])
  })
})
