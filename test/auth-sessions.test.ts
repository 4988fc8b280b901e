import { describe, expect, test } from 'vitest'
import { createSessionRepository } from '../src/modules/auth/session-repository.ts'
import { password } from './support/app.ts'
import {
  bearer,
  call,
  changePassword,
  checkLog,
  claimsOf,
  database,
  expectInvalidToken,
  expectProblem,
  expire,
  figure,
  generation,
  logIn,
  type Members,
  newUser,
  profile,
  refresh,
  serveAuth,
  service,
  type Tokens,
} from './support/auth.ts'

serveAuth()

describe('logging out', () => {
  test('is counted', async () => {
    const { tokens } = await newUser()
    const before = await figure('auth_logouts_total')
    await call({ method: 'POST', url: '/logout', headers: bearer(tokens) })
    expect(await figure('auth_logouts_total')).toBe(before + 1)
  })

  test.each(['/auth/logout', '/logout', '/logout/'])(
    'POST %s ends the session, also on other replicas',
    async (url) => {
      const { tokens, login } = await newUser()
      const other: Tokens = (await logIn(login)).json()
      const replica = await service.replica()
      expect((await profile(tokens, replica)).statusCode).toBe(200)
      const answer = await call({ method: 'POST', url, headers: bearer(tokens) })
      expect([answer.statusCode, answer.body]).toEqual([204, ''])
      expectInvalidToken(await profile(tokens, replica))
      expectProblem(await refresh(tokens, replica), 401, 'invalid_token')
      expectInvalidToken(await call({ method: 'POST', url, headers: bearer(tokens) }))
      expect((await profile(other, replica)).statusCode).toBe(200)
      expect((await refresh(other, replica)).statusCode).toBe(200)
    },
  )

  test('needs a token', async () => {
    expectProblem(await call({ method: 'POST', url: '/logout' }), 401, 'missing_token')
  })
})

describe('the own sessions', () => {
  const sessionsOf = async (tokens: Tokens, app = service.app): Promise<Members[]> => {
    const answer = await call({ method: 'GET', url: '/auth/sessions', headers: bearer(tokens) }, app)
    expect(answer.statusCode).toBe(200)
    return answer.json()
  }
  const end = (tokens: Tokens, id: unknown, app = service.app) =>
    call({ method: 'DELETE', url: `/auth/sessions/${id}`, headers: bearer(tokens) }, app)
  const idOf = (tokens: Tokens) => claimsOf(tokens.access_token).sid

  test('are listed, the last used first, with where they are used and which of them asks', async () => {
    const { tokens, login } = await newUser()
    const browser = await call({
      method: 'POST',
      url: '/login',
      remoteAddress: '2001:db8::7',
      headers: { 'user-agent': 'A browser/1.0' },
      payload: { login, password },
    })
    const other: Tokens = browser.json()
    const list = await sessionsOf(tokens)
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    const times = { created_at: time, last_used_at: time, expires_at: time }
    expect(list).toEqual([
      { id: idOf(other), ...times, user_agent: 'A browser/1.0', ip: '2001:db8::7', current: false },
      { id: idOf(tokens), ...times, user_agent: 'lightMyRequest', ip: '127.0.0.1', current: true },
    ])
    expect((await sessionsOf(other)).map(({ current }) => current)).toEqual([true, false])
  })

  test('show where they were refreshed from last', async () => {
    const { tokens } = await newUser()
    await call({
      method: 'PUT',
      url: '/auth/login',
      remoteAddress: '203.0.113.9',
      headers: { 'user-agent': 'Moved/2.0' },
      payload: { ...tokens },
    })
    const [session] = await sessionsOf(tokens)
    expect(session).toMatchObject({ id: idOf(tokens), ip: '203.0.113.9', user_agent: 'Moved/2.0' })
    expect(Date.parse(String(session?.last_used_at))).toBeGreaterThan(Date.parse(String(session?.created_at)))
  })

  test('are listed without those that have expired', async () => {
    const user = await newUser()
    const fresh: Tokens = (await logIn(user.login)).json()
    await database.sql`update sessions set expires_at = now() where id = ${String(idOf(user.tokens))}`
    expect((await sessionsOf(fresh)).map(({ id }) => id)).toEqual([idOf(fresh)])
  })

  test('end one by one, also on other replicas', async () => {
    const { tokens, login } = await newUser()
    const other: Tokens = (await logIn(login)).json()
    const replica = await service.replica()
    expect((await profile(other, replica)).statusCode).toBe(200)
    expect((await end(tokens, idOf(other))).statusCode).toBe(204)
    expectInvalidToken(await profile(other, replica))
    expectProblem(await refresh(other, replica), 401, 'invalid_token')
    expectProblem(await end(tokens, idOf(other)), 404, 'session_not_found')
    expect((await end(tokens, idOf(tokens), replica)).statusCode).toBe(204)
    expectInvalidToken(await profile(tokens))
  })

  test('of another user are not there, and an id that is none is 400', async () => {
    const [ann, bob] = [await newUser(), await newUser()]
    expectProblem(await end(ann.tokens, idOf(bob.tokens)), 404, 'session_not_found')
    expect((await profile(bob.tokens)).statusCode).toBe(200)
    expectProblem(await end(ann.tokens, crypto.randomUUID()), 404, 'session_not_found')
    expectProblem(await end(ann.tokens, '1'), 400, 'invalid_input')
    expect((await sessionsOf(ann.tokens)).map(({ id }) => id)).toEqual([idOf(ann.tokens)])
  })

  test('all others end at once, and nobody else’s', async () => {
    const [ann, bob] = [await newUser(), await newUser()]
    const others: Tokens[] = [(await logIn(ann.login)).json(), (await logIn(ann.login)).json()]
    const replica = await service.replica()
    const answer = await call({ method: 'DELETE', url: '/auth/sessions', headers: bearer(ann.tokens) })
    expect([answer.statusCode, answer.body]).toEqual([204, ''])
    for (const tokens of others) expectInvalidToken(await profile(tokens, replica))
    for (const { tokens } of [ann, bob]) expect((await profile(tokens, replica)).statusCode).toBe(200)
    expect(await sessionsOf(ann.tokens)).toHaveLength(1)
  })

  test('are 500 at most: one more ends the one that was not used for the longest time', async () => {
    const { tokens, id, login } = await newUser()
    await database.sql`insert into sessions (id, user_id, refresh_hash, expires_at, last_used_at)
      select gen_random_uuid(), ${id}, decode(repeat('00', 32), 'hex'), now() + interval '1 day', now() + interval '1 minute'
      from generate_series(1, 499)`
    expect((await profile(tokens)).statusCode).toBe(200)
    expect((await logIn(login)).statusCode).toBe(200)
    expectInvalidToken(await profile(tokens))
    const [row] = await database.sql`select count(*)::int from sessions where user_id = ${id}`
    expect(row?.count).toBe(500)
  })

  test.each([
    ['GET', '/auth/sessions'],
    ['DELETE', '/auth/sessions'],
    ['DELETE', `/auth/sessions/${crypto.randomUUID()}`],
  ] as const)('%s %s needs a token', async (method, url) => {
    expectProblem(await call({ method, url }), 401, 'missing_token')
  })
})

describe('what happens to an account counts, also on other replicas:', () => {
  test.each(['blocking', 'a change of password elsewhere', 'deletion'])('%s ends its sessions', async (what) => {
    const { tokens, id, login } = await newUser()
    const replica = await service.replica()
    for (const app of [service.app, replica]) expect((await profile(tokens, app)).statusCode).toBe(200)
    if (what === 'blocking') await database.sql`update users set blocked = true where id = ${id}`
    if (what === 'deletion') await database.sql`delete from users where id = ${id}`
    if (what === 'a change of password elsewhere') {
      const other: Tokens = (await logIn(login)).json()
      const answer = await changePassword(other, { old_password: password, new_password: 'staple battery horse' })
      expect(answer.statusCode).toBe(204)
    }
    for (const app of [replica, service.app]) {
      expectInvalidToken(await profile(tokens, app))
      expectProblem(await refresh(tokens, app), 401, 'invalid_token')
    }
  })

  test('an administrator who is demoted is a user', async () => {
    const { tokens, id } = await newUser()
    const replica = await service.replica()
    const remove = (app = service.app) =>
      call({ method: 'DELETE', url: '/genres/2147483647', headers: bearer(tokens) }, app)
    await database.sql`update users set role = 'admin' where id = ${id}`
    for (const app of [service.app, replica]) expectProblem(await remove(app), 404, 'genre_not_found')
    await database.sql`update users set role = 'user' where id = ${id}`
    for (const app of [replica, service.app]) expectProblem(await remove(app), 403, 'forbidden')
  })
})

describe('expired sessions', () => {
  test('are swept, the others stay', async () => {
    const [gone, stays] = [await newUser(), await newUser()]
    await expire(gone)
    await createSessionRepository(database.db).deleteExpired()
    expect(await generation(gone.id)).toBeUndefined()
    expect(await generation(stays.id)).toBe(0)
  })
})

checkLog()
