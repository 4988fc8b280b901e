import { isDeepStrictEqual } from 'node:util'
import type { InjectOptions } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { firstAdmin, testUser } from './support/app.ts'
import { type Catalogue, catalogue, problemOf } from './support/films.ts'
import { documentOf, exampleRequest, type Operation, operationsOf } from './support/operations.ts'

const listedId = 326
const unlistedId = 342
const unknownId = 435
const open = [
  'GET /directors',
  'GET /directors/{id}',
  'GET /directors/{id}/photo',
  'GET /films',
  'GET /films/export.csv',
  'GET /films/facets',
  'GET /films/random',
  'GET /films/{id}',
  'GET /genres',
  'GET /genres/{id}',
  'GET /movies',
  'GET /movies/{id}',
  'GET /suggest',
]
const badTokens = {
  'no token': undefined,
  'Bearer undefined': 'Bearer undefined',
  'a token made up': 'Bearer eyJhbGciOiJIUzI1NiJ9.e30.e30',
  'another scheme': 'Basic YTpi',
  'an empty header': '',
}

let service: Catalogue
let urls: string[]

beforeAll(async () => {
  service = await catalogue({}, { PUBLIC_CATALOGUE: 'true' })
  const listed = await service.post('/films', { kinopoisk_id: listedId })
  expect(listed.statusCode).toBe(201)
  await service.reader({ method: 'GET', url: `/movies/${unlistedId}` })
  const { id } = await service.add({ name: 'Своё кино' })
  const [genre] = (await service.get('/genres')).json()
  urls = [
    '/films',
    `/films/${id}`,
    `/films/${listedId}`,
    '/genres',
    `/genres/${genre.id}/`,
    '/directors/',
    `/directors/${service.directorId}`,
    '/movies',
    '/movies/?status=New',
    '/movies?page=1',
    `/movies/${id}`,
    `/movies/${listedId}/`,
  ]
})
afterAll(() => service.close())

/** Asks with this Authorization, if any. */
const ask = (options: InjectOptions, authorization?: string) =>
  service.app.inject({ ...options, headers: authorization === undefined ? {} : { authorization } })
const isOpen = (operation: Operation) => open.includes(operation.title)

describe('A public catalogue', () => {
  test.each(Object.entries(badTokens))('is read with %s, by GET and HEAD', async (_, authorization) => {
    for (const url of urls) {
      const response = await ask({ url }, authorization)
      expect([url, response.statusCode]).toEqual([url, 200])
      const head = await ask({ method: 'HEAD', url }, authorization)
      expect([url, head.statusCode, head.body]).toEqual([url, 200, ''])
    }
    expect((await ask({ url: `/directors/${service.directorId}/photo` }, authorization)).json().code).toBe(
      'photo_not_found',
    )
  })

  test('tells anonymous readers what it tells a user, but for what films are to the user', async () => {
    for (const url of urls) expect((await service.get(url)).json(), url).toMatchObject((await ask({ url })).json())
  })

  test('recognises a good token: its user may look up what is not in the catalogue', async () => {
    const { id, headers } = await testUser(service.app)
    const response = await ask({ url: `/movies/${unlistedId}` }, headers.authorization)
    expect([response.statusCode, response.json().id]).toEqual([200, unlistedId])
    await ask({ url: '/genres' }, headers.authorization)
    expect(service.log().split('\n')).toContainEqual(
      expect.stringMatching(new RegExp(`"route":"/genres".*"user_id":${id}\\b`)),
    )
  })

  test('the token of a session that was ended is nobody', async () => {
    const { headers } = await testUser(service.app)
    const { authorization } = headers
    expect((await ask({ method: 'POST', url: '/logout' }, authorization)).statusCode).toBe(204)
    expect((await ask({ url: '/movies' }, authorization)).statusCode).toBe(200)
    problemOf(await ask({ url: `/movies/${unlistedId}` }, authorization), 401, 'invalid_token')
  })

  test('a listed Kinopoisk film is served without a token from its row: upstream is not asked', async () => {
    const { sql } = service.app.database
    await sql`delete from kinopoisk_answers`
    const before = service.calls.length
    const response = await ask({ url: `/movies/${listedId}` })
    expect(response.json()).toMatchObject({ id: listedId, kinopoisk: { kinopoisk_id: listedId } })
    expect(response.headers['cache-status']).toBeUndefined()
    expect(service.calls).toHaveLength(before)
  })

  test.each([
    ['unlisted', unlistedId],
    ['unknown Kinopoisk', unknownId],
    ['unknown own', 2_000_000_000],
  ])('an %s movie needs a token, and costs no call', async (_, id) => {
    const before = service.calls.length
    const answer = await ask({ url: `/movies/${id}` })
    problemOf(answer, 401, 'missing_token')
    expect(answer.headers['www-authenticate']).toBe('Bearer')
    problemOf(await ask({ url: `/movies/${id}` }, 'Bearer undefined'), 401, 'invalid_token')
    expect((await ask({ method: 'HEAD', url: `/movies/${id}` })).statusCode).toBe(401)
    expect(service.calls).toHaveLength(before)
  })

  test.each([
    ['unlisted', unlistedId],
    ['unknown Kinopoisk', unknownId],
    ['unknown own', 2_000_000_000],
  ])('an %s film of /films needs a token', async (_, id) => {
    problemOf(await ask({ url: `/films/${id}` }), 401, 'missing_token')
    problemOf(await ask({ url: `/films/${id}` }, 'Bearer undefined'), 401, 'invalid_token')
    expect((await ask({ method: 'HEAD', url: `/films/${id}` })).statusCode).toBe(401)
    expect((await service.get(`/films/${id}`)).statusCode).toBe(id === unlistedId ? 200 : 404)
  })

  test('an id that no movie can have is 400 for everybody', async () => {
    for (const id of ['0', 'abc']) {
      problemOf(await ask({ url: `/movies/${id}` }), 400, 'invalid_input')
      problemOf(await service.get(`/movies/${id}`), 400, 'invalid_input')
    }
  })

  test('a film that left the catalogue is no longer public', async () => {
    const { id } = await service.add()
    expect((await ask({ url: `/movies/${id}` })).statusCode).toBe(200)
    await service.reader({ method: 'POST', url: `/favorites/movies/${id}` })
    await service.admin({ method: 'DELETE', url: `/films/${id}` })
    for (const url of [`/movies/${id}`, `/films/${id}`]) {
      problemOf(await ask({ url }), 401, 'missing_token')
      expect((await service.get(url)).statusCode).toBe(200)
    }
  })

  test('a token that cannot be checked now is an error, and not taken for nobody', async () => {
    const { sql } = service.app.database
    const payload = firstAdmin
    // A session that has been asked for is known without the table.
    const { access_token } = (await service.app.inject({ method: 'POST', url: '/login', payload })).json()
    const headers = { authorization: `Bearer ${access_token}` }
    const genres = () => service.app.inject({ url: '/genres', headers })
    await sql`alter table sessions rename to sessions_away`
    const response = await genres()
    await sql`alter table sessions_away rename to sessions`
    expect(response.statusCode).toBe(500)
    expect((await genres()).statusCode).toBe(200)
  })
})

describe('All but the catalogue', () => {
  test('asks for a token as ever', async () => {
    const all = operationsOf(documentOf(service.app))
    const closed = all.filter((operation) => !operation.isPublic && !isOpen(operation))
    expect(closed.map((operation) => operation.title)).toEqual(
      expect.arrayContaining(['GET /movies/search', 'GET /films/{id}/rating', 'GET /user', 'POST /films']),
    )
    for (const operation of closed) {
      problemOf(await service.app.inject(exampleRequest(operation)), 401, 'missing_token')
      problemOf(await ask(exampleRequest(operation), 'Bearer undefined'), 401, 'invalid_token')
    }
  })

  test('and nothing is open where the catalogue is not public', { tags: 'slow' }, async () => {
    const closed = await catalogue()
    for (const operation of operationsOf(documentOf(closed.app)).filter(isOpen)) {
      problemOf(await closed.app.inject(exampleRequest(operation)), 401, 'missing_token')
      expect(operation.security ?? [], operation.title).not.toContainEqual({})
    }
    await closed.close()
  })
})

describe('The document of a public catalogue', () => {
  const optional = [{}, { bearer: [] }, { password: [] }, { apiKey: [] }]

  test('says of what is open that a token may come, of nothing else', () => {
    const told = operationsOf(documentOf(service.app)).filter(({ security }) =>
      security?.some((each) => isDeepStrictEqual(each, {})),
    )
    expect(told.map((operation) => operation.title).toSorted()).toEqual(open)
    for (const operation of told) expect(operation.security, operation.title).toEqual(optional)
  })

  test('has 401 only for a single film', () => {
    const told = operationsOf(documentOf(service.app)).filter(isOpen)
    expect(told.filter(({ responses }) => responses[401]).map(({ title }) => title)).toEqual([
      'GET /films/{id}',
      'GET /movies/{id}',
    ])
  })
})
