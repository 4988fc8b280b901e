import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { as, password, type TestApp, type TestUser, testApp, testUser } from './support/app.ts'
import { adminUser } from './support/operations.ts'
import { patient } from './support/patience.ts'
import { expectProblem } from './support/problems.ts'

let service: TestApp
beforeAll(async () => {
  service = await testApp({}, {}, {}, true)
})
afterAll(() => service.close())

type Payload = Record<string, unknown>
const make = (user: TestUser, payload: Payload = { name: 'A program', scopes: ['read'] }) =>
  as(service.app, user)({ method: 'POST', url: '/user/keys', payload })
const keyOf = async (user: TestUser, payload?: Payload) =>
  (await make(user, payload)).json<{ id: number; key: string }>()
const withKey = (key: string, url = '/user', method: 'GET' | 'POST' | 'PATCH' = 'GET', app = service.app) =>
  app.inject({ method, url, headers: { 'x-api-key': key } })
const list = async (user: TestUser) => (await as(service.app, user)({ method: 'GET', url: '/user/keys' })).json()
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('A personal key', () => {
  test('is made with its settings, shown once, and stored as a hash', async () => {
    const ann = await testUser(service.app)
    const expires_at = '2040-01-01T00:00:00.000Z'
    const settings = { name: 'Plex', scopes: ['gateway'], expires_at, daily_limit: 20 }
    const response = await make(ann, settings)
    expect(response.statusCode).toBe(201)
    const { key, ...shown } = response.json()
    expect(key).toMatch(uuid)
    expect(shown).toEqual({ id: expect.any(Number), ...settings, created_at: expect.any(String), last_used_at: null })
    expect(response.headers).toMatchObject({ location: `/user/keys/${shown.id}`, 'cache-control': 'no-store' })
    expect(await list(ann)).toEqual([shown])
    const exported = await as(service.app, ann)({ method: 'GET', url: '/user/export' })
    expect(exported.json().keys).toEqual([shown])
    const rows = await service.app.database.sql`select to_jsonb(api_keys)::text as text from api_keys`
    for (const text of [exported.body, service.log(), ...rows.map((row) => row.text)]) expect(text).not.toContain(key)
  })

  test('has without settings the scopes that write nothing, no end and no limit', async () => {
    const made = (await make(await testUser(service.app), { name: ' Bot ' })).json()
    expect(made).toMatchObject({ name: 'Bot', scopes: ['gateway', 'read'], expires_at: null, daily_limit: null })
  })

  test.each([
    [{}, 'body.name'],
    [{ name: ' ' }, 'body.name'],
    [{ name: 'x'.repeat(101) }, 'body.name'],
    [{ name: 'x', scopes: [] }, 'body.scopes'],
    [{ name: 'x', scopes: ['admin'] }, 'body.scopes.0'],
    [{ name: 'x', scopes: ['read', 'read'] }, 'body.scopes'],
    [{ name: 'x', daily_limit: -1 }, 'body.daily_limit'],
    [{ name: 'x', daily_limit: 1.5 }, 'body.daily_limit'],
    [{ name: 'x', expires_at: 'tomorrow' }, 'body.expires_at'],
    [{ name: 'x', expires_at: '2020-01-01T00:00:00Z' }, 'body.expires_at'],
  ])('with %j is not made', async (payload, path) => {
    const problem = expectProblem(await make(await testUser(service.app), payload), 400, 'invalid_input')
    expect(problem.errors?.[0]?.path).toBe(path)
  })

  test.each([
    ['X-API-KEY', (key: string) => ({ 'x-api-key': key })],
    ['a bearer token', (key: string) => ({ authorization: `Bearer ${key}` })],
    [
      'X-API-KEY in upper case, beside the password of a proxy',
      (key: string) => ({
        'x-api-key': ` ${key.toUpperCase()} `,
        authorization: 'Basic YTpi',
      }),
    ],
  ])('is sent as %s', async (_, headers) => {
    const ann = await testUser(service.app)
    const { key } = await keyOf(ann)
    const response = await service.app.inject({ method: 'GET', url: '/user', headers: headers(key) })
    expect(response.json()).toMatchObject({ id: ann.id, login: ann.login })
  })

  test.each(['', 'abc', '00000000-0000-4000-8000-000000000000', 'undefined'])('%j is none', async (key) => {
    const response = await withKey(key)
    expectProblem(response, 401, 'invalid_key')
    expect(response.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
  })

  test('counts less than an access token beside it', async () => {
    const [ann, bob] = [await testUser(service.app), await testUser(service.app)]
    const { key } = await keyOf(ann)
    const headers = { 'x-api-key': key, ...bob.headers }
    expect((await service.app.inject({ method: 'GET', url: '/user', headers })).json()).toMatchObject({ id: bob.id })
  })

  test('of an administrator is one of a user, also where it only reads', async () => {
    const admin = await adminUser(service.app)
    await service.app.changeFeed.waitUntilCaughtUp()
    const { key } = await keyOf(admin, { name: 'x', scopes: ['gateway', 'read', 'lists'] })
    for (const url of ['/users', '/admin/kinopoisk', '/admin/usage']) {
      expectProblem(await withKey(key, url), 403, 'key_not_allowed')
    }
    expect((await withKey(key, '/admin/nothing')).statusCode).toBe(404)
  })

  test('without the scope is told which one it needs', async () => {
    const ann = await testUser(service.app)
    const { key } = await keyOf(ann, { name: 'x', scopes: ['gateway'] })
    expect(expectProblem(await withKey(key), 403, 'key_not_allowed').detail).toContain('read or lists')
    const reader = await keyOf(ann)
    const refused = await withKey(reader.key, '/favorites/movies/301', 'POST')
    expect(expectProblem(refused, 403, 'key_not_allowed').detail).toContain('needs the scope lists')
    expect(expectProblem(await withKey(reader.key, '/user/keys'), 403, 'key_not_allowed').detail).toContain(
      'access token',
    )
  })

  test('with the scope lists writes lists and ratings', async () => {
    const { key } = await keyOf(await testUser(service.app), { name: 'x', scopes: ['lists'] })
    expect((await withKey(key, '/favorites/movies/301', 'POST')).statusCode).toBe(201)
    expect((await withKey(key, '/movies/favorites')).json()).toHaveLength(1)
    expectProblem(await withKey(key, '/user', 'PATCH'), 403, 'key_not_allowed')
  })

  test('changes in what is named, and at once', async () => {
    const ann = await testUser(service.app)
    const { id, key } = await keyOf(ann, { name: 'x', scopes: ['gateway'], daily_limit: 5 })
    expect((await withKey(key)).statusCode).toBe(403)
    const change = (payload: Payload) => as(service.app, ann)({ method: 'PATCH', url: `/user/keys/${id}`, payload })
    expect((await change({ scopes: ['read'] })).json()).toMatchObject({ name: 'x', scopes: ['read'], daily_limit: 5 })
    expect((await withKey(key)).statusCode).toBe(200)
    expect((await change({ daily_limit: null, name: 'y' })).json()).toMatchObject({ name: 'y', daily_limit: null })
    expect((await change({})).json()).toMatchObject({ name: 'y', scopes: ['read'] })
    expectProblem(await change({ name: '' }), 400, 'invalid_input')
  })

  test('of another user is not there', async () => {
    const [ann, bob] = [await testUser(service.app), await testUser(service.app)]
    const { id, key } = await keyOf(ann)
    const asBob = as(service.app, bob)
    expectProblem(
      await asBob({ method: 'PATCH', url: `/user/keys/${id}`, payload: { name: 'b' } }),
      404,
      'key_not_found',
    )
    expectProblem(await asBob({ method: 'DELETE', url: `/user/keys/${id}` }), 404, 'key_not_found')
    expect(await list(bob)).toEqual([])
    expect((await withKey(key)).statusCode).toBe(200)
  })

  test('is one of fifty: of many at once no more are made, and an expired one makes room', {
    tags: 'slow',
  }, async () => {
    const ann = await testUser(service.app)
    const statuses = await Promise.all(Array.from({ length: 60 }, async () => (await make(ann)).statusCode))
    expect(statuses.filter((status) => status === 201)).toHaveLength(50)
    expectProblem(await make(ann), 409, 'too_many_keys')
    await service.app.database.sql`update api_keys set expires_at = now() - interval '1 s'
      where id = (select max(id) from api_keys where user_id = ${ann.id})`
    expect((await make(ann)).statusCode).toBe(201)
    expect(await list(ann)).toHaveLength(50)
  })

  test('says within a minute when it was last used', async () => {
    const ann = await testUser(service.app)
    const { key, id } = await keyOf(ann)
    const { key: unused } = await keyOf(ann)
    const other = await service.replica()
    expect((await withKey(key, '/user', 'GET', other)).statusCode).toBe(200)
    // It is written every 20 s, and at the end.
    await other.close()
    expect(await list(ann)).toMatchObject([{ id, last_used_at: expect.any(String) }, { last_used_at: null }])
    expect(unused).toMatch(uuid)
  })
})

describe('A key is dead', () => {
  const ends: Record<string, (user: TestUser, id: number) => Promise<unknown>> = {
    'when it is deleted': (user, id) => as(service.app, user)({ method: 'DELETE', url: `/user/keys/${id}` }),
    'when its user is blocked': async (user) => {
      const admin = await adminUser(service.app)
      await service.app.changeFeed.waitUntilCaughtUp()
      const block = (blocked: boolean) =>
        as(service.app, admin)({ method: 'PATCH', url: `/users/${user.id}`, payload: { blocked } })
      await block(true)
      await block(false)
    },
    'when its user is erased': (user) =>
      as(service.app, user)({ method: 'DELETE', url: '/user', payload: { password } }),
    'when the password is reset': async (user) => {
      const admin = await adminUser(service.app)
      await service.app.changeFeed.waitUntilCaughtUp()
      const made = await as(service.app, admin)({ method: 'POST', url: `/users/${user.id}/password-reset` })
      const payload = { token: made.json().token, new_password: 'quite another password' }
      expect((await service.app.inject({ method: 'POST', url: '/auth/reset', payload })).statusCode).toBe(204)
    },
    'when it has expired': async (_, id) => {
      await service.app.database.sql`update api_keys set expires_at = now() - interval '1 ms' where id = ${id}`
      await service.app.changeFeed.waitUntilCaughtUp()
    },
  }

  test.each(Object.entries(ends))('%s, at once here and soon at another replica', async (_, end) => {
    const ann = await testUser(service.app)
    const { id, key } = await keyOf(ann)
    const other = await service.replica()
    for (const app of [service.app, other]) expect((await withKey(key, '/user', 'GET', app)).statusCode).toBe(200)
    await end(ann, id)
    expectProblem(await withKey(key), 401, 'invalid_key')
    await vi.waitFor(async () => expect((await withKey(key, '/user', 'GET', other)).statusCode).toBe(401), patient)
    await other.close()
  })

  test('by its own clock, without a change of its row', { tags: 'slow' }, async () => {
    const ann = await testUser(service.app)
    const expires_at = new Date(Date.now() + 1_500).toISOString()
    const { key } = await keyOf(ann, { name: 'short', scopes: ['read'], expires_at })
    expect((await withKey(key)).statusCode).toBe(200)
    await vi.waitFor(async () => expectProblem(await withKey(key), 401, 'invalid_key'), patient)
  })

  test('not when the password is changed by its user, who knows it', async () => {
    const ann = await testUser(service.app)
    const { key } = await keyOf(ann)
    const payload = { old_password: password, new_password: 'quite another password' }
    expect((await as(service.app, ann)({ method: 'PUT', url: '/user/password', payload })).statusCode).toBe(204)
    expect((await withKey(key)).statusCode).toBe(200)
  })

  test('and none can be made by a session that has ended', async () => {
    const ann = await testUser(service.app)
    await service.app.database.sql`delete from sessions where user_id = ${ann.id}`
    // The session may be in memory for a moment: the row decides.
    expectProblem(await make(ann), 401, 'invalid_token')
  })

  test('and removed when it has expired long ago', async () => {
    const ann = await testUser(service.app)
    const { sql } = service.app.database
    const [{ id: old }, { id: recent }] = [await keyOf(ann), await keyOf(ann)]
    await sql`update api_keys set expires_at = now() - interval '40 days' where id = ${old}`
    await sql`update api_keys set expires_at = now() - interval '1 day' where id = ${recent}`
    const { createKeyRepository } = await import('../src/modules/keys/repository.ts')
    await createKeyRepository(service.app.database.db).deleteExpired()
    expect(await list(ann)).toMatchObject([{ id: recent }])
  })
})

describe('Where the catalogue is public', () => {
  test('a key that does not fit is left aside as a token is', async () => {
    const open = await testApp({ PUBLIC_CATALOGUE: 'true' })
    const ann = await testUser(open.app)
    const payload = { name: 'x', scopes: ['gateway'] }
    const made = await as(open.app, ann)({ method: 'POST', url: '/user/keys', payload })
    for (const key of [made.json().key, crypto.randomUUID(), 'undefined']) {
      const response = await open.app.inject({ method: 'GET', url: '/films', headers: { 'x-api-key': key } })
      expect(response.statusCode).toBe(200)
    }
    await open.close()
  })
})

describe('No key is told', () => {
  test('by an error, nor by the log, wherever a client writes it', async () => {
    const ann = await testUser(service.app)
    const { key } = await keyOf(ann)
    const places = [
      { url: `/api/v1/api_keys/${key}` },
      { url: `/nothing/${key}?key=${key}` },
      { url: `/auth/sessions/${key}`, method: 'DELETE' as const, headers: ann.headers },
      { url: `/movies/${key}`, headers: { 'x-api-key': key } },
      { url: '/user', headers: { authorization: `Bearer ${key}${key}` } },
      { url: `/films?q=${key}&page=x`, headers: ann.headers },
    ]
    for (const place of places) {
      const response = await service.app.inject({ method: 'GET', ...place })
      expect(response.statusCode).toBeGreaterThanOrEqual(400)
      expect(response.body, place.url).not.toContain(key)
    }
    const metrics = await service.app.inject({ method: 'GET', url: '/metrics' })
    for (const text of [metrics.body, service.log()]) expect(text).not.toContain(key)
  })
})
