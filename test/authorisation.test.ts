import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Access, access, intruders, isFarewell, scopeOf, welcome } from './support/access.ts'
import { as, password, type TestUser, testUser } from './support/app.ts'
import { type Catalogue, catalogue } from './support/films.ts'
import { adminUser, documentOf, exampleRequest, type Operation, operationsOf } from './support/operations.ts'

const roles = ['nobody', 'user', 'other', 'blocked', 'erased', 'demoted', 'administrator'] as const
type Role = (typeof roles)[number]

let service: Catalogue
let operations: Map<string, Operation>
const users = new Map<Role, TestUser>()

beforeAll(async () => {
  service = await catalogue()
  const { app, admin } = service
  operations = new Map(operationsOf(documentOf(app)).map((operation) => [operation.title, operation]))
  for (const role of ['user', 'other', 'blocked', 'erased'] as const) users.set(role, await testUser(app))
  for (const role of ['demoted', 'administrator'] as const) users.set(role, await adminUser(app))
  const id = (role: Role) => users.get(role)?.id
  await admin({ method: 'PATCH', url: `/users/${id('blocked')}`, payload: { blocked: true } })
  await admin({ method: 'PATCH', url: `/users/${id('demoted')}`, payload: { role: 'user' } })
  await send('erased', { method: 'DELETE', url: '/user', payload: { password } })
  // What the examples name: a film of Kinopoisk in the catalogue.
  const listed = await admin({ method: 'POST', url: '/films', payload: { kinopoisk_id: 301 } })
  expect(listed.statusCode).toBe(201)
})
afterAll(() => service.close())

function send(role: Role, request: InjectOptions): Promise<LightMyRequestResponse> {
  return service.app.inject({ ...request, headers: { ...request.headers, ...users.get(role)?.headers } })
}

function operation(title: string): Operation {
  const found = operations.get(title)
  if (!found) throw new Error(`${title} is in the table but not in the document`)
  return found
}

/** The example of an operation, by a user who is not needed afterwards where it may be a farewell. */
async function act(role: Role, title: string, request = exampleRequest(operation(title))) {
  if (!isFarewell(title) || ['nobody', 'blocked', 'erased'].includes(role)) return send(role, request)
  const passing = await (role === 'administrator' ? adminUser : testUser)(service.app)
  return as(service.app, passing)(request)
}

/** How the door answers: the code of the refusal, or `in`. */
function answerAtDoor(response: LightMyRequestResponse): string {
  if (response.statusCode !== 401 && response.statusCode !== 403) return 'in'
  return response.json().code
}

function expected(level: Access, role: Role): string {
  if (level === 'open') return 'in'
  if (role === 'nobody') return 'missing_token'
  if (role === 'blocked' || role === 'erased') return 'invalid_token'
  return level === 'admin' && role !== 'administrator' ? 'forbidden' : 'in'
}

describe('The table of who may what', () => {
  test('has every operation of the document and no other', () => {
    expect(Object.keys(access).toSorted()).toEqual([...operations.keys()].toSorted())
  })

  test.each(Object.entries(access))('%s lets in: %s', async (title, level) => {
    for (const role of roles) {
      const response = await act(role, title)
      const answer = answerAtDoor(response)
      // Logging in and refreshing judge what is in the body, whatever the header says.
      if (level === 'open') expect(['in', 'invalid_credentials', 'invalid_token'], role).toContain(answer)
      else expect([role, answer]).toEqual([role, expected(level, role)])
      expect(response.statusCode, role).toBeLessThan(500)
      if (!title.startsWith('GET ')) continue
      const head = await act(role, title, { ...exampleRequest(operation(title)), method: 'HEAD' })
      expect([role, 'HEAD', head.statusCode]).toEqual([role, 'HEAD', response.statusCode])
    }
  })

  test('agrees with what the document says of tokens and of who is refused', () => {
    for (const [title, level] of Object.entries(access)) {
      const { isPublic, responses } = operation(title)
      expect([title, isPublic]).toEqual([title, level === 'open'])
      const refusal = responses[403]?.description ?? ''
      expect([title, refusal.includes('`forbidden`')]).toEqual([title, level === 'admin'])
      expect([title, refusal.includes('`key_not_allowed`')]).toEqual([title, level !== 'open'])
    }
  })
})

describe('A personal key', () => {
  const keys = new Map<string, string>()

  beforeAll(async () => {
    for (const role of ['user', 'administrator'] as const) {
      for (const scope of ['gateway', 'read', 'lists']) {
        const payload = { name: scope, scopes: [scope] }
        const made = await send(role, { method: 'POST', url: '/user/keys', payload })
        keys.set(`${role} ${scope}`, made.json().key)
      }
    }
  })

  test.each(Object.keys(access))('at %s gets no further than its scope', async (title) => {
    for (const [name, key] of keys) {
      const [, scope = ''] = name.split(' ')
      const headers = scope === 'read' ? { authorization: `Bearer ${key}` } : { 'x-api-key': key }
      const response = await service.app.inject({ ...exampleRequest(operation(title)), headers })
      const needed = scopeOf(title)
      const isLetIn = scope === needed || (needed === 'read' && scope === 'lists')
      const expected = access[title] === 'open' || isLetIn ? 'in' : 'key_not_allowed'
      const answer = answerAtDoor(response)
      if (access[title] === 'open') expect(['in', 'invalid_credentials', 'invalid_token'], name).toContain(answer)
      else expect([name, answer]).toEqual([name, expected])
      expect(response.statusCode, name).toBeLessThan(500)
    }
  })
})

describe('Members that a client has no say in', () => {
  const bodies = () =>
    [...operations.values()].flatMap(({ title, requestBody }) =>
      Object.keys(requestBody?.content ?? {})
        .filter((type) => type !== 'multipart/form-data')
        .map((type) => [title, type] as const),
    )

  const targets: Record<string, string> = {}

  beforeAll(async () => {
    targets['PATCH /films/{id}'] = `/films/${(await service.add()).id}`
    targets['PATCH /users/{id}'] = `/users/${users.get('other')?.id}`
  })

  test('change nothing, in no body, for no role', { tags: 'slow' }, async () => {
    const succeeded = new Set<string>()
    for (const [title, type] of bodies()) {
      for (const role of ['user', 'administrator'] as const) {
        const before = await guardedColumns()
        const response = await act(role, title, intrusion(title, type))
        if (response.statusCode < 300) succeeded.add(title)
        expect(response.body, title).not.toMatch(/1777777777|1999-01-02|an-intruding/)
        const after = await guardedColumns()
        for (const [id, row] of before) expect(after.get(id), `${title} as ${role}`).toEqual(row)
        for (const [id, row] of after) {
          if (!before.has(id)) expect(row, title).toMatchObject({ blocked: false, daily_limit: null })
        }
      }
    }
    expect(await rowsWithIntruders()).toEqual([])
    // It would prove nothing of a body that is refused.
    expect([...succeeded]).toEqual(
      expect.arrayContaining([
        'POST /register',
        'PATCH /user',
        'POST /films',
        'PATCH /films/{id}',
        'POST /genres',
        'POST /directors',
        'POST /movies/favorites',
        'POST /favorites/movies',
        'POST /movies/wishlist',
        'POST /wishlist/movies',
        'PUT /films/{id}/rating',
        'PATCH /users/{id}',
      ]),
    )
  })

  test('neither does a form or JSON that registers with them make an administrator', async () => {
    for (const login of ['json-intruder', 'form-intruder']) {
      const payload = { ...intruders, login, password }
      const form = { 'content-type': 'application/x-www-form-urlencoded' }
      const response = await service.app.inject({
        method: 'POST',
        url: '/register',
        ...(login.startsWith('form') ? { headers: form, payload: formOf(payload) } : { payload }),
      })
      expect(response.json()).toMatchObject({ login, role: 'user' })
    }
  })

  function intrusion(title: string, type: string): InjectOptions {
    const request = exampleRequest(operation(title))
    const unwelcome = Object.entries(intruders).filter(([name]) => !welcome[title]?.includes(name as never))
    const name = `intruder-${crypto.randomUUID().slice(0, 20)}`
    const fresh = title.endsWith('register') ? { login: name } : /POST \/(films|genres)/.test(title) ? { name } : {}
    const payload = { ...(request.payload as object), ...Object.fromEntries(unwelcome), ...fresh }
    const url = targets[title] ?? request.url
    const own =
      title === 'PATCH /users/{id}' ? { ...payload, blocked: false, role: 'user', daily_limit: null } : payload
    if (type === 'application/json') return { ...request, url, payload: own } as InjectOptions
    return { ...request, url, headers: { 'content-type': type }, payload: formOf(own) } as InjectOptions
  }

  /** Of every account what no body may change. */
  async function guardedColumns(): Promise<Map<number, object>> {
    const rows = await service.app.database.sql<{ id: number }[]>`
      select id, login, role, blocked, daily_limit, password_hash, created_at::text from users`
    return new Map(rows.map((row) => [row.id, row]))
  }

  /** The rows of all tables that hold a value of an intruder. */
  async function rowsWithIntruders(): Promise<string[]> {
    const { sql } = service.app.database
    const tables =
      await sql`select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`
    const found = await Promise.all(
      tables.map(
        ({ name }) => sql`select to_jsonb(rows)::text as text from ${sql(name)} rows
          where to_jsonb(rows)::text ~ '1777777777|1999-01-02|an-intruding'`,
      ),
    )
    return found.flat().map((row) => row.text)
  }
})

describe('Nothing of one user is reached by another', () => {
  let ann: TestUser
  let sessionId: string
  const marks = () => ['Markedsurname', 'marked-owner', 'Marked device', sessionId, ann.tokens.refresh_token]
  const asAnn = (options: InjectOptions) => as(service.app, ann)(options)
  const holdings = async () => {
    const { exported_at, sessions, ...held } = (await asAnn({ url: '/user/export' })).json()
    return { ...held, sessions: sessions.map((session: { id: string }) => session.id) }
  }

  beforeAll(async () => {
    ann = await testUser(service.app, 'marked-owner@example.org')
    await asAnn({ method: 'PATCH', url: '/user', payload: { surname: 'Markedsurname' } })
    for (const list of ['favorites', 'wishlist'])
      await asAnn({ method: 'POST', url: `/movies/${list}`, payload: { id: 301 } })
    await asAnn({ method: 'PUT', url: '/films/301/rating', payload: { value: 3 } })
    const headers = { 'user-agent': 'Marked device' }
    await service.app.inject({ method: 'POST', url: '/login', headers, payload: { login: ann.login, password } })
    sessionId = (await holdings()).sessions[0]
  })

  /** An operation's example, aimed at what is Ann's. */
  function aim(title: string): InjectOptions {
    const { url = '/', ...request } = exampleRequest(operation(title))
    const path = title.includes('/users/{id}')
      ? `/users/${ann.id}`
      : title.includes('/sessions/{id}')
        ? `/auth/sessions/${sessionId}`
        : url
    return { ...request, url: path }
  }

  test.each(['other', 'demoted', 'nobody', 'blocked'] as const)('by no operation of %s', async (role) => {
    const before = await holdings()
    expect(before).toMatchObject({
      favorites: [{ film_id: 301 }],
      wishlist: [{ film_id: 301 }],
      ratings: [{ rating: 3 }],
    })
    for (const title of Object.keys(access)) {
      const request = aim(title)
      const response = await act(role, title, request)
      // An error names the path that was asked.
      const told = response.body.replaceAll(String(request.url), '')
      for (const mark of marks()) expect(told.includes(mark), `${title} tells ${mark}`).toBe(false)
    }
    expect(await holdings()).toEqual(before)
  })

  test('lists, ratings and exports of another are empty, whatever Ann keeps', async () => {
    const stranger = await testUser(service.app)
    const get = async (url: string) => (await as(service.app, stranger)({ url })).json()
    for (const url of ['/movies/favorites', '/favorites/movies', '/movies/wishlist', '/wishlist/movies', '/ratings'])
      expect(await get(url), url).toEqual([])
    expect(await get('/user/export')).toMatchObject({ favorites: [], wishlist: [], ratings: [], sessions: [{}] })
    expect((await get('/films/301/rating')).code).toBe('rating_not_found')
    const csv = await as(service.app, stranger)({ url: '/user/lists.csv' })
    expect(csv.body.trim().split('\r\n')).toHaveLength(1)
  })
})

function formOf(members: object): string {
  return new URLSearchParams(Object.entries(members).map(([name, value]) => [name, String(value)])).toString()
}
