import type { LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, firstAdmin, password, type TestApp, type TestUser, testAdmin, testApp, testUser } from './support/app.ts'
import { adminUser } from './support/operations.ts'
import { expectProblem } from './support/problems.ts'

let service: TestApp
let admin: TestUser
let asAdmin: ReturnType<typeof as>

beforeAll(async () => {
  service = await testApp({}, { firstAdmin })
  admin = await testAdmin(service)
  asAdmin = as(service.app, admin)
})
afterAll(() => service.close())

const change = (id: number, payload: object) => asAdmin({ method: 'PATCH', url: `/users/${id}`, payload })
const find = async (query: Record<string, string>) => (await asAdmin({ url: '/users', query })).json()
const logins = async (q: string) => (await find({ q })).items.map((user: { login: string }) => user.login)
const statusOf = async (user: TestUser, url = '/user') => (await as(service.app, user)({ url })).statusCode

describe('GET /users', () => {
  test('tells of each user the profile and whether it is blocked, and nothing else', async () => {
    const ann = await testUser(service.app, 'ann.lister@example.org')
    const { items, ...envelope } = await find({ q: 'ann.lister' })
    expect(envelope).toEqual({ total: 1, limit: 20, page: 1, pages: 1 })
    expect(items).toEqual([
      {
        id: ann.id,
        login: ann.login,
        phone: null,
        email: ann.login,
        username: null,
        age: null,
        name: null,
        surname: null,
        favorite_genre: null,
        favourite_genre: null,
        role: 'user',
        blocked: false,
        daily_limit: null,
        created_at: expect.any(String),
      },
    ])
  })

  test('finds a part of the login, the name and the surname, in any case; % and _ mean themselves', async () => {
    const { app } = service
    const bob = await testUser(app, 'bob_the_builder')
    await testUser(app, '+380501112233')
    await as(app, bob)({ method: 'PATCH', url: '/user', payload: { name: 'Борис', surname: 'Строитель' } })
    for (const q of ['THE_BUILD', 'борис', 'СТРОИТ', 'борис строитель', ' ob_the '])
      expect(await logins(q)).toEqual([bob.login])
    expect(await logins('0501112')).toEqual(['+380501112233'])
    for (const q of ['b%b', 'bob.the', 'nobody at all', "' or 1=1 --"]) expect(await logins(q)).toEqual([])
  })

  test('comes page by page, by id, with a Link; past the end there is nothing', async () => {
    await service.app.database.sql`
      insert into users (login, password_hash) select 'paged-' || i, 'none' from generate_series(1, 45) i`
    const response = await asAdmin({ url: '/users?q=paged-&limit=20&page=2' })
    const { items, ...envelope } = response.json()
    expect(envelope).toEqual({ total: 45, limit: 20, page: 2, pages: 3 })
    expect(items.map((user: { login: string }) => user.login)).toEqual(
      Array.from({ length: 20 }, (_, i) => `paged-${i + 21}`),
    )
    const link = (rel: string, page: number) => `</users?q=paged-&limit=20&page=${page}>; rel="${rel}"`
    expect(response.headers.link).toBe([link('first', 1), link('prev', 1), link('next', 3), link('last', 3)].join(', '))
    expect((await find({ q: 'paged-', page: '4' })).items).toEqual([])
    expect((await find({ q: 'paged-', limit: '50' })).items).toHaveLength(45)
  })

  test.each(['limit=21', 'limit=1e9', 'limit=1000000000', 'page=0', 'q=', `q=${'x'.repeat(201)}`, 'role=admin'])(
    '?%s is refused',
    async (query) => {
      expectProblem(await asAdmin({ url: `/users?${query}` }), 400, 'invalid_input')
    },
  )
})

describe('PATCH /users/{id}', () => {
  test('makes an administrator of a user and a user of an administrator, from the next request on', async () => {
    const bob = await testUser(service.app)
    expect(await statusOf(bob, '/users')).toBe(403)
    expect((await change(bob.id, { role: 'admin' })).json()).toMatchObject({ id: bob.id, role: 'admin' })
    expect(await statusOf(bob, '/users')).toBe(200)
    expect((await change(bob.id, { role: 'user' })).json()).toMatchObject({ role: 'user', blocked: false })
    expect(await statusOf(bob, '/users')).toBe(403)
    expect(await statusOf(bob)).toBe(200)
  })

  test('blocking ends every session at once and keeps the user out until it is undone', async () => {
    const { app } = service
    const bob = await testUser(app)
    const payload = { login: bob.login, password }
    const second = (await app.inject({ method: 'POST', url: '/login', payload })).json()
    expect((await change(bob.id, { blocked: true })).json()).toMatchObject({ blocked: true, role: 'user' })
    expect(await app.database.sql`select from sessions where user_id = ${bob.id}`).toHaveLength(0)
    for (const { access_token, refresh_token } of [bob.tokens, second]) {
      const authorization = `Bearer ${access_token}`
      expectProblem(await app.inject({ url: '/user', headers: { authorization } }), 401, 'invalid_token')
      const refreshed = await app.inject({
        method: 'PUT',
        url: '/auth/login',
        payload: { access_token, refresh_token },
      })
      expectProblem(refreshed, 401, 'invalid_token')
    }
    expectProblem(await app.inject({ method: 'POST', url: '/login', payload }), 401, 'invalid_credentials')
    expect((await change(bob.id, { blocked: false })).json()).toMatchObject({ blocked: false })
    expect((await app.inject({ method: 'POST', url: '/login', payload })).statusCode).toBe(200)
    expect(await statusOf(bob)).toBe(401)
  })

  test('a login that is under way when its user is blocked gets no session that lives', async () => {
    const { app } = service
    const bob = await testUser(app)
    const payload = { login: bob.login, password }
    const logIns = Array.from({ length: 6 }, () => app.inject({ method: 'POST', url: '/login', payload }))
    const answers = await Promise.all([change(bob.id, { blocked: true }), ...logIns])
    expect(answers[0].json()).toMatchObject({ blocked: true })
    expect(await app.database.sql`select from sessions where user_id = ${bob.id}`).toHaveLength(0)
  })

  test('what is not named stays, and what else is in the body is ignored', async () => {
    const bob = await testUser(service.app)
    const { sql } = service.app.database
    const [before] = await sql`select * from users where id = ${bob.id}`
    const extra = { id: 1, login: 'other', created_at: '1999-01-01T00:00:00Z', password_hash: 'x', age: 7 }
    expect((await change(bob.id, { role: 'admin', ...extra })).statusCode).toBe(200)
    const [after] = await sql`select * from users where id = ${bob.id}`
    expect(after).toEqual({ ...before, role: 'admin', updated_at: expect.anything() })
    expect((await change(bob.id, {})).json()).toMatchObject({ role: 'admin', blocked: false })
    await change(bob.id, { role: 'user' })
  })

  test.each([200, 0, -1, null])('sets the daily limit to %j, and nothing else', async (daily_limit) => {
    const bob = await testUser(service.app)
    await change(bob.id, { daily_limit: 7 })
    expect((await change(bob.id, { daily_limit })).json()).toMatchObject({ daily_limit, role: 'user', blocked: false })
    expect((await find({ q: bob.login })).items).toMatchObject([{ daily_limit }])
    expect((await change(bob.id, { role: 'user' })).json()).toMatchObject({ daily_limit })
    expect(await statusOf(bob)).toBe(200)
    expect((await as(service.app, bob)({ url: '/user' })).json()).not.toHaveProperty('daily_limit')
  })

  test('the log says who changed whom', async () => {
    const bob = await testUser(service.app)
    await change(bob.id, { blocked: true })
    const line = service
      .log()
      .split('\n')
      .find((line) => line.includes('account changed') && line.includes(`:${bob.id},`))
    expect(JSON.parse(line ?? '{}')).toMatchObject({ user_id: bob.id, by_user_id: admin.id, blocked: true })
  })

  test.each([
    [2_147_483_647, { blocked: true }, 404, 'user_not_found'],
    [0, { blocked: true }, 400, 'invalid_input'],
    ['me', { blocked: true }, 400, 'invalid_input'],
    [1, { role: 'root' }, 400, 'invalid_input'],
    [1, { role: null }, 400, 'invalid_input'],
    [1, { blocked: 'yes' }, 400, 'invalid_input'],
    [1, { daily_limit: -2 }, 400, 'invalid_input'],
    [1, { daily_limit: 1.5 }, 400, 'invalid_input'],
    [1, { daily_limit: '5' }, 400, 'invalid_input'],
    [1, { daily_limit: 1_000_001 }, 400, 'invalid_input'],
  ] as const)('of %s with %j is %s', async (id, payload, status, code) => {
    expectProblem(await change(id as number, payload), status, code)
  })
})

describe('The last administrator', () => {
  test.each([{ role: 'user' }, { blocked: true }, { role: 'user', blocked: true }])(
    'cannot take the right from itself by %j',
    async (payload) => {
      expectProblem(await change(admin.id, payload), 409, 'last_admin')
      expect(await statusOf(admin, '/users')).toBe(200)
    },
  )

  test('is still the last when all other administrators are blocked', async () => {
    const other = await adminUser(service.app)
    await change(other.id, { blocked: true })
    expectProblem(await change(admin.id, { role: 'user' }), 409, 'last_admin')
    expect((await change(other.id, { role: 'user', blocked: false })).statusCode).toBe(200)
  })

  test('may change what does not take the right away', async () => {
    expect((await change(admin.id, { role: 'admin', blocked: false })).json()).toMatchObject({ role: 'admin' })
  })

  test('of two who take the right from each other at the same moment one stays', async () => {
    const ways: object[][] = [
      [{ role: 'user' }, { role: 'user' }],
      [{ blocked: true }, { role: 'user' }],
      [{ blocked: true }, { blocked: true }],
    ]
    for (const [first = {}, second = {}] of [...ways, ...ways, ...ways]) {
      const rival = await adminUser(service.app)
      const answers = await Promise.all([
        change(rival.id, first),
        as(service.app, rival)({ method: 'PATCH', url: `/users/${admin.id}`, payload: second }),
      ])
      expect(answers.map(outcome).toSorted()).toEqual(outcomes(answers))
      expect(await admins()).toHaveLength(1)
      await restore(admin, rival)
    }
  })

  test('of many who step down, block and erase themselves at the same moment one stays', async () => {
    const { app } = service
    const rivals = await Promise.all(Array.from({ length: 8 }, () => adminUser(app)))
    const acts = [admin, ...rivals].map((user, i) => {
      const url = `/users/${user.id}`
      if (i % 3 === 0) return as(app, user)({ method: 'PATCH', url, payload: { role: 'user' } })
      if (i % 3 === 1) return as(app, user)({ method: 'PATCH', url, payload: { blocked: true } })
      return as(app, user)({ method: 'DELETE', url: '/user', payload: { password } })
    })
    const codes = (await Promise.all(acts)).map(outcome)
    expect(codes.filter((code) => code === 'last_admin')).toHaveLength(1)
    expect(codes.filter((code) => code !== 'last_admin').every((code) => code === '200' || code === '204')).toBe(true)
    expect(await admins()).toHaveLength(1)
    await restore(admin, ...rivals)
  })
})

function outcome(response: LightMyRequestResponse): string {
  return response.statusCode < 300 ? String(response.statusCode) : response.json().code
}

/** One did it; the other was refused, before (it is nobody, or no administrator, by now) or for being the last. */
function outcomes(answers: LightMyRequestResponse[]): string[] {
  const refused = answers.map(outcome).find((code) => code !== '200')
  expect(['last_admin', 'forbidden', 'invalid_token']).toContain(refused)
  return ['200', refused ?? ''].toSorted()
}

function admins() {
  return service.app.database.sql`select id from users where role = 'admin' and not blocked`
}

/** The first administrator is the only one again, with a session. */
async function restore(first: TestUser, ...others: TestUser[]): Promise<void> {
  const { sql } = service.app.database
  await sql`update users set role = 'user' where id = any(${others.map((user) => user.id)})`
  await sql`update users set role = 'admin', blocked = false where id = ${first.id}`
  admin = await testAdmin(service)
  asAdmin = as(service.app, admin)
}
