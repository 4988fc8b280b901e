import type { LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../src/db/connect.ts'
import { as, type TestApp, type TestUser, testApp, testUser } from './support/app.ts'

const urls = ['/user', '/profile', '/user/', '/profile/']

let service: TestApp
let ann: TestUser
let drama: number
let comedy: number

beforeAll(async () => {
  service = await testApp()
  const { sql, close } = connect(service.databaseUrl, { max: 1 })
  const rows = await sql`insert into genres (name) values ('драма'), ('комедия') returning id`
  ;[drama, comedy] = rows.map((row) => row.id) as [number, number]
  await close()
})
afterAll(() => service.close())
beforeEach(async () => {
  ann = await testUser(service.app)
})

describe('GET /user', () => {
  test.each(urls)('GET %s is the own profile: its members and no others, so never a hash', async (url) => {
    const answer = await as(service.app, ann)({ method: 'GET', url })
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual({
      id: ann.id,
      login: ann.login,
      phone: null,
      email: null,
      username: ann.login,
      age: null,
      name: null,
      surname: null,
      favorite_genre: null,
      favourite_genre: null,
      role: 'user',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
  })

  test('each user sees the own profile alone', async () => {
    const bob = await testUser(service.app)
    expect((await as(service.app, bob)({ method: 'GET', url: '/user' })).json()).toMatchObject({ id: bob.id })
    expect(await profile()).toMatchObject({ id: ann.id, login: ann.login })
  })

  test.each(urls)('%s needs a token for GET and PATCH', async (url) => {
    for (const method of ['GET', 'PATCH'] as const) {
      const answer = await service.app.inject({ method, url, ...(method === 'PATCH' && { payload: {} }) })
      expect([answer.statusCode, answer.json().code]).toEqual([401, 'missing_token'])
    }
  })

  test('an unknown query parameter is refused', async () => {
    expectFault(await as(service.app, ann)({ method: 'GET', url: '/user?id=1' }), 'query.id')
  })
})

describe('PATCH /user', () => {
  test.each(urls)('PATCH %s changes each member and leaves the rest', async (url) => {
    const before = await profile()
    const steps = [{ age: 31 }, { name: 'Ann' }, { surname: 'Lee' }, { favorite_genre: drama }]
    let expected = { ...before }
    for (const step of steps) {
      expected = { ...expected, ...step }
      const answer = await patch(step, url)
      expect(answer.statusCode).toBe(200)
      expect(answer.json()).toMatchObject(expectedOf(expected))
      expect(await profile()).toEqual(answer.json())
    }
  })

  test('both spellings of the genre are read, as a number and as text, and both are answered', async () => {
    for (const [member, value, id] of [
      ['favorite_genre', drama, drama],
      ['favourite_genre', comedy, comedy],
      ['favorite_genre', ` ${drama} `, drama],
      ['favourite_genre', `${comedy}`, comedy],
    ] as const) {
      expect((await patch({ [member]: value })).json()).toMatchObject({ favorite_genre: id, favourite_genre: id })
    }
  })

  test('both spellings at once are fine when they agree', async () => {
    const answer = await patch({ favorite_genre: drama, favourite_genre: String(drama) })
    expect(answer.json()).toMatchObject({ favorite_genre: drama, favourite_genre: drama })
    expect((await patch({ favorite_genre: '', favourite_genre: null })).json().favorite_genre).toBeNull()
  })

  test('both spellings at once are refused when they contradict', async () => {
    await patch({ favorite_genre: drama })
    for (const [american, british] of [
      [drama, comedy],
      [null, drama],
      [comedy, null],
      ['', drama],
      [comedy, ''],
    ]) {
      expectFault(await patch({ favorite_genre: american, favourite_genre: british }), 'body.favourite_genre')
      expect((await profile()).favorite_genre).toBe(drama)
    }
  })

  test.each([
    ['empty text', ''],
    ['spaces', '  '],
    ['null', null],
  ])('%s clears every member', async (_what, nothing) => {
    await patch({ age: 31, name: 'Ann', surname: 'Lee', favorite_genre: drama })
    const answer = await patch({ age: nothing, name: nothing, surname: nothing, favourite_genre: nothing })
    expect(answer.statusCode).toBe(200)
    const cleared = { age: null, name: null, surname: null, favorite_genre: null, favourite_genre: null }
    expect(answer.json()).toMatchObject(cleared)
    expect(await profile()).toMatchObject(cleared)
  })

  test('the bounds themselves are fine', async () => {
    const name = '🎬'.repeat(100)
    expect((await patch({ age: 0, name })).json()).toMatchObject({ age: 0, name })
    expect((await patch({ age: '150', surname: ` ${name} ` })).json()).toMatchObject({ age: 150, surname: name })
  })

  test.each([
    ['age', -1],
    ['age', '-1'],
    ['age', 151],
    ['age', '151'],
    ['age', 1.5],
    ['age', '1.5'],
    ['age', '12abc'],
    ['age', '1e1'],
    ['age', '0x1F'],
    ['age', '٣١'],
    ['age', 1e300],
    ['age', true],
    ['age', [31]],
    ['age', { gt: 1 }],
    ['favorite_genre', 0],
    ['favorite_genre', '0'],
    ['favorite_genre', 2_147_483_648],
    ['favorite_genre', '2147483648'],
    ['favourite_genre', -1],
    ['favourite_genre', '0'],
    ['favourite_genre', 1.5],
    ['favourite_genre', 'драма'],
    ['name', 'n'.repeat(101)],
    ['name', 'A\0nn'],
    ['name', 'Ann\ud800'],
    ['name', 7],
    ['surname', 's'.repeat(10_240)],
    ['surname', ['Lee']],
  ])('%s %j is refused, and nothing else of that request is changed', async (member, value) => {
    const before = await profile()
    const other = member === 'age' ? { name: 'Changed' } : { age: 99 }
    expectFault(await patch({ ...other, [member]: value }), `body.${member}`)
    expect(await profile()).toEqual(before)
  })

  test('an unknown genre is 404, and nothing else of that request is changed', async () => {
    const before = await profile()
    const answer = await patch({ age: 99, favorite_genre: 2_147_483_647 })
    expect([answer.statusCode, answer.json().code]).toEqual([404, 'genre_not_found'])
    expect(await profile()).toEqual(before)
  })

  test('an empty patch changes nothing', async () => {
    await patch({ age: 31, name: 'Ann', favorite_genre: drama })
    const before = await profile()
    const answer = await patch({})
    expect([answer.statusCode, answer.json()]).toEqual([200, before])
  })

  test('members that are not for the client are ignored', async () => {
    const before = await profile()
    const extra = { id: 1, login: 'other', username: 'other', role: 'admin', blocked: true, password_hash: 'x' }
    const answer = await patch({ ...extra, created_at: '1999-01-01', password: 'another password' })
    expect([answer.statusCode, answer.json()]).toEqual([200, before])
    expect(await profile()).toEqual(before)
  })

  test('one’s patch leaves the others alone', async () => {
    const bob = await testUser(service.app)
    await patch({ age: 31, name: 'Ann' })
    const answer = await as(service.app, bob)({ method: 'GET', url: '/user' })
    expect(answer.json()).toMatchObject({ age: null, name: null })
  })

  test.each([
    ['a list', '[]', 400, 'invalid_input'],
    ['null', 'null', 400, 'invalid_input'],
    ['half a JSON', '{"age":', 400, 'malformed_json'],
    ['a poisoned prototype', '{"__proto__":{"age":1}}', 400, 'malformed_json'],
  ])('%s as body is refused', async (_what, payload, status, code) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await as(service.app, ann)({ method: 'PATCH', url: '/user', payload, headers })
    expect([answer.statusCode, answer.json().code]).toEqual([status, code])
  })
})

function patch(payload: object, url = '/user'): Promise<LightMyRequestResponse> {
  return as(service.app, ann)({ method: 'PATCH', url, payload })
}

async function profile() {
  return (await as(service.app, ann)({ method: 'GET', url: '/user' })).json()
}

/** What is answered after a change under either spelling. */
function expectedOf(members: { favorite_genre?: number | null }) {
  return { ...members, favourite_genre: members.favorite_genre ?? null }
}

function expectFault(answer: LightMyRequestResponse, path: string): void {
  expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_input'])
  expect(answer.json().errors.map((fault: { path: string }) => fault.path)).toContain(path)
}
