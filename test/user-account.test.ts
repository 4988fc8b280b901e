import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, password, type TestUser, testUser } from './support/app.ts'
import { type Catalogue, catalogue } from './support/films.ts'
import { adminUser } from './support/operations.ts'
import { expectProblem } from './support/problems.ts'

let service: Catalogue
beforeAll(async () => {
  service = await catalogue()
})
afterAll(() => service.close())

const act = (user: TestUser, method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, payload?: object) =>
  as(service.app, user)({ method, url, ...(payload && { payload }) })
const exported = async (user: TestUser) => (await act(user, 'GET', '/user/export')).json()
const erase = (user: TestUser, payload: object = { password }) => act(user, 'DELETE', '/user', payload)
const rows = async (table: string, userId: number) =>
  (await service.app.database.sql`select from ${service.app.database.sql(table)} where user_id = ${userId}`).length

/** Keeps and rates a film of the catalogue. */
async function keepAll(user: TestUser, filmId: number, value: number): Promise<void> {
  await act(user, 'POST', `/favorites/movies/${filmId}`)
  await act(user, 'POST', `/wishlist/movies/${filmId}`)
  await act(user, 'PUT', `/films/${filmId}/rating`, { value })
}

describe('GET /user/export', () => {
  test('is everything held about the user, without what is secret', async () => {
    const { app } = service
    const ann = await testUser(app, 'ann.export@example.org')
    const { id, name } = await service.add({ original_name: 'The "Film"', year: 1999 })
    await keepAll(ann, id, 9)
    const headers = { 'user-agent': 'A device', 'content-type': 'application/json' }
    await app.inject({ method: 'POST', url: '/login', headers, payload: { login: ann.login, password } })

    const response = await act(ann, 'GET', '/user/export')
    expect(response.statusCode).toBe(200)
    expect(response.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-disposition': 'attachment; filename="account.json"',
    })
    const film = { film_id: id, title: name, original_title: 'The "Film"', year: 1999, added_at: expect.any(String) }
    const { sessions, ...rest } = response.json()
    expect(rest).toEqual({
      exported_at: expect.any(String),
      profile: (await act(ann, 'GET', '/user')).json(),
      networks: [{ network: '127.0.0.1', last_login_at: expect.any(String) }],
      keys: [],
      kinopoisk_calls: [],
      kinopoisk_results: [],
      favorites: [film],
      wishlist: [film],
      ratings: [{ ...film, rating: 9, updated_at: expect.any(String) }],
    })
    expect(sessions.map((session: { user_agent: string }) => session.user_agent)).toContain('A device')
    for (const session of sessions) {
      expect(Object.keys(session).toSorted()).toEqual(
        ['id', 'created_at', 'last_used_at', 'expires_at', 'user_agent', 'ip'].toSorted(),
      )
    }
    expect(response.body).not.toMatch(/hash|argon2|password/)
    expect(response.body).not.toContain(ann.tokens.refresh_token)
  })

  test('covers every table that says whose its rows are', async () => {
    const tables = await service.app.database.sql`
      select relname as name from pg_constraint join pg_class on pg_class.oid = conrelid
      where contype = 'f' and confrelid = 'users'::regclass`
    expect(tables.map((table) => table.name).toSorted()).toEqual([
      'api_keys',
      'favourites',
      // Not exported: hashes that a day later are gone, and say nothing of the user.
      'idempotency_keys',
      'kinopoisk_spending',
      'kinopoisk_user_results',
      'known_networks',
      // Not exported: the hash of a one-time token, which says nothing of the user.
      'password_resets',
      'ratings',
      'sessions',
      'wishlist',
    ])
  })

  test('tells what the requests of the user have cost', async () => {
    const ann = await testUser(service.app)
    await act(ann, 'GET', '/movies/8999990')
    await act(ann, 'GET', '/movies/8999991')
    expect((await exported(ann)).kinopoisk_calls).toEqual([
      { day: expect.stringMatching(/^\d{4}-\d\d-\d\d$/), interactive: 2, import: 0 },
    ])
  })

  test('is whole when the lists are longer than a page', { tags: 'slow' }, async () => {
    const ann = await testUser(service.app)
    const { sql } = service.app.database
    await sql`insert into films (id, name) select 9000000 + i, 'Bulk ' || i from generate_series(1, 2500) i`
    await sql`insert into ratings (user_id, film_id, value)
      select ${ann.id}, 9000000 + i, 5 from generate_series(1, 2500) i`
    await sql`insert into sessions (id, user_id, refresh_hash, expires_at)
      select gen_random_uuid(), ${ann.id}, sha256(i::text::bytea), now() + interval '1 day' from generate_series(1, 2000) i`
    const { ratings, sessions, favorites } = await exported(ann)
    expect(new Set(ratings.map((rating: { film_id: number }) => rating.film_id)).size).toBe(2500)
    expect(new Set(sessions.map((session: { id: string }) => session.id)).size).toBe(2001)
    expect(favorites).toEqual([])
  })
})

describe('DELETE /user', () => {
  test('erases the account, its lists, ratings and sessions, and the login is free again', async () => {
    const { app } = service
    const ann = await testUser(app)
    const { id } = await service.add()
    await keepAll(ann, id, 8)
    await act(ann, 'GET', '/movies/8999992')
    const { sql } = app.database
    const calls = async () => (await sql`select sum(interactive)::int as calls from kinopoisk_spending`)[0]?.calls
    const before = await calls()
    const response = await erase(ann)
    // What was spent stays spent, but nobody's.
    expect(await calls()).toBe(before)
    expect(await rows('kinopoisk_spending', ann.id)).toBe(0)
    expect([response.statusCode, response.body]).toEqual([204, ''])
    for (const table of ['favourites', 'wishlist', 'ratings', 'sessions', 'known_networks'])
      expect(await rows(table, ann.id)).toBe(0)
    expectProblem(await act(ann, 'GET', '/user'), 401, 'invalid_token')
    const { tokens: payload } = ann
    expectProblem(await app.inject({ method: 'PUT', url: '/auth/login', payload }), 401, 'invalid_token')
    const login = { login: ann.login, password }
    expectProblem(await app.inject({ method: 'POST', url: '/login', payload: login }), 401, 'invalid_credentials')
    const again = await testUser(app, ann.login)
    expect(again.id).not.toBe(ann.id)
    expect(await exported(again)).toMatchObject({ favorites: [], wishlist: [], ratings: [] })
  })

  test('what others see of the films is right at once', async () => {
    const [ann, bob] = [await testUser(service.app), await testUser(service.app)]
    const { id } = await service.add()
    await keepAll(ann, id, 2)
    await keepAll(bob, id, 9)
    const seen = async () => (await act(bob, 'GET', `/movies/${id}`)).json()
    expect(await seen()).toMatchObject({ favorites_count: 2, user_votes: 2, user_rate: 5.5 })
    await erase(ann)
    expect(await seen()).toMatchObject({ favorites_count: 1, user_votes: 1, user_rate: 9 })
    expect((await act(bob, 'GET', `/films/${id}`)).json()).toMatchObject({ user_votes: 1, user_rate: 9 })
  })

  test('a film made here that left the catalogue goes with the last who kept it', async () => {
    const [ann, bob] = [await testUser(service.app), await testUser(service.app)]
    const [shared, own, listed] = [await service.add(), await service.add(), await service.add()]
    for (const { id } of [shared, own, listed]) await act(ann, 'PUT', `/films/${id}/rating`, { value: 5 })
    await act(bob, 'POST', `/wishlist/movies/${shared.id}`)
    await act(ann, 'POST', '/favorites/movies/301')
    for (const { id } of [shared, own]) await service.admin({ method: 'DELETE', url: `/films/${id}` })
    const status = async (id: number) => (await service.get(`/films/${id}`)).statusCode
    expect(await Promise.all([shared, own, listed].map(({ id }) => status(id)))).toEqual([200, 200, 200])

    await erase(ann)
    expect(await Promise.all([shared, own, listed].map(({ id }) => status(id)))).toEqual([200, 404, 200])
    expect(await status(301)).toBe(200)
    await erase(bob)
    expect(await status(shared.id)).toBe(404)
  })

  test('two who keep the same film and go at the same moment both go', { tags: 'slow' }, async () => {
    const users = await Promise.all(Array.from({ length: 6 }, () => testUser(service.app)))
    const films = [await service.add(), await service.add()]
    for (const user of users) for (const { id } of films) await keepAll(user, id, 7)
    for (const { id } of films) await service.admin({ method: 'DELETE', url: `/films/${id}` })
    const statuses = (await Promise.all(users.map((user) => erase(user)))).map((response) => response.statusCode)
    expect(statuses).toEqual(users.map(() => 204))
  })

  test.each([
    [{ password: 'another password' }, 'wrong_password'],
    [{ password: '' }, 'invalid_input'],
    [{}, 'invalid_input'],
    [{ password: 7 }, 'invalid_input'],
    [{ password: 'x'.repeat(129) }, 'invalid_input'],
  ])('with %j is 400, and nothing is erased', async (payload, code) => {
    const ann = await testUser(service.app)
    const problem = expectProblem(await erase(ann, payload), 400, code)
    expect(problem.errors?.[0]?.path).toBe('body.password')
    expect((await act(ann, 'GET', '/user')).statusCode).toBe(200)
  })

  test('guesses of the password are slowed down, as those of a changed one are', async () => {
    const ann = await testUser(service.app)
    for (let i = 0; i < 9; i++) await erase(ann, { password: 'another password' })
    await act(ann, 'PUT', '/user/password', { old_password: 'another password', new_password: 'a new password' })
    expectProblem(await erase(ann), 429, 'too_many_requests')
    expect((await act(ann, 'GET', '/user')).statusCode).toBe(200)
  })

  test('takes the password as a form too', async () => {
    const ann = await testUser(service.app)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const payload = new URLSearchParams({ password }).toString()
    const response = await as(service.app, ann)({ method: 'DELETE', url: '/user', headers, payload })
    expect(response.statusCode).toBe(204)
  })

  test('needs a session that lives when it is done, and not only when it was asked', async () => {
    const ann = await testUser(service.app)
    const [out, gone] = await Promise.all([act(ann, 'POST', '/logout'), erase(ann)])
    expect(out.statusCode).toBe(204)
    expect([400, 401]).toContain(gone.statusCode)
    const left = await service.app.database.sql`select from users where id = ${ann.id}`
    expect(left).toHaveLength(1)
  })

  test('the last administrator cannot go, one of several can', async () => {
    const { sql } = service.app.database
    const [kept] = await sql`select id from users where role = 'admin'`
    const admin = await adminUser(service.app)
    await sql`update users set role = 'user' where id = ${kept?.id}`
    expectProblem(await erase(admin), 409, 'last_admin')
    expect((await act(admin, 'GET', '/users')).statusCode).toBe(200)
    await sql`update users set role = 'admin' where id = ${kept?.id}`
    expect((await erase(admin)).statusCode).toBe(204)
  })
})
