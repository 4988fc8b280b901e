import { hash } from '@node-rs/argon2'
import { describe, expect, test, vi } from 'vitest'
import { createPasswords } from '../src/modules/auth/passwords.ts'
import { password } from './support/app.ts'
import {
  aForm,
  aName,
  bodyOf,
  call,
  checkLog,
  database,
  expectProblem,
  figure,
  isAnyoneWaiting,
  logIn,
  newUser,
  post,
  profile,
  register,
  serveAuth,
  service,
  statuses,
} from './support/auth.ts'

serveAuth()

describe('logging in', () => {
  test('takes null for the names that are not used', async () => {
    const { login } = await newUser()
    const answer = await post('/login', { login: null, email: null, phone: null, username: login, password })
    expect(answer.statusCode).toBe(200)
  })

  const ways = ['/auth/login', '/login', '/login/', '/auth/login/'].flatMap((url) =>
    ['login', 'email', 'phone', 'username'].map((name) => [url, name] as const),
  )
  test.each(ways)('POST %s takes the login as %s, as JSON and as a form', async (url, name) => {
    const { login } = await newUser()
    for (const body of [{ [name]: login, password }, aForm({ [name]: login, password })]) {
      const answer = await post(url, body)
      expect(answer.statusCode).toBe(200)
      expect(answer.headers['cache-control']).toBe('no-store')
      expect(answer.json()).toEqual({
        access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
        refresh_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 900,
      })
      expect((await profile(answer.json())).json().login).toBe(login)
    }
  })

  test('the members of the OAuth 2 password flow are fine', async () => {
    const { login } = await newUser()
    const flow = { grant_type: 'password', username: login, password, scope: '', client_id: 'docs', client_secret: '' }
    const form = bodyOf(aForm(flow))
    const headers = { ...form.headers, authorization: 'Basic ZG9jczo=' }
    const answer = await call({ ...form, url: '/auth/login', headers })
    expect(answer.statusCode).toBe(200)
  })

  test('a wrong password, an unknown login and a blocked user get the same answer', async () => {
    const [ann, blocked] = [await newUser(), await newUser()]
    await database.sql`update users set blocked = true where id = ${blocked.id}`
    const answers = [await logIn(ann.login, 'another password'), await logIn(aName()), await logIn(blocked.login)]
    for (const answer of answers) {
      expectProblem(answer, 401, 'invalid_credentials')
      expect(answer.headers['www-authenticate']).toBe('Bearer')
    }
    const bodies = answers.map(({ body, headers }) => body.replace(String(headers['x-request-id']), ''))
    expect(new Set(bodies).size).toBe(1)
  })

  test.each([
    ['no password', { login: 'ann.lee' }, 'body.password'],
    ['a password of 129 characters', { login: 'ann.lee', password: 'ab '.repeat(43) }, 'body.password'],
    ['no login', { password }, 'body.login'],
    ['two logins', { login: 'ann.lee', email: 'ann@example.org', password }, 'body.login'],
    ['a login that can be nobody’s', { login: 'ab', password }, 'body.login'],
  ])('%s is 400', async (_what, members, path) => {
    const answer = await post('/login', members)
    expectProblem(answer, 400, 'invalid_input')
    expect(answer.json().errors[0].path).toBe(path)
  })

  test.each([
    ['no body at all', undefined, 400],
    ['a list', [], 400],
    ['text', 'login=ann', 415],
  ])('%s is answered with a problem', async (_what, payload, status) => {
    const headers = typeof payload === 'string' ? { 'content-type': 'text/plain' } : {}
    const answer = await service.app.inject({ method: 'POST', url: '/login', headers, ...(payload && { payload }) })
    expect([answer.statusCode, answer.json().status]).toEqual([status, status])
  })

  test('is counted by how it came out, and so is registering', async () => {
    const outcomes = async () => [
      await figure('auth_logins_total', { outcome: 'ok' }),
      await figure('auth_logins_total', { outcome: 'invalid_credentials' }),
      await figure('auth_registrations_total', { outcome: 'ok' }),
      await figure('auth_registrations_total', { outcome: 'login_taken' }),
      await figure('auth_registrations_total', { outcome: 'weak_password' }),
    ]
    const before = await outcomes()
    const { login } = await newUser()
    await logIn(login, 'another password')
    await logIn(aName(), 'another password')
    await register({ login, password })
    await register({ login: aName(), password: 'qwerty123' })
    expect((await outcomes()).map((count, i) => count - (before[i] ?? 0))).toEqual([1, 2, 1, 1, 1])
  })

  test('a session opens only for the password of the moment when it opens', async () => {
    const { id, login } = await newUser()
    const changed = await createPasswords().hash('changed meanwhile')
    const change = await database.sql.reserve()
    await change`begin`
    await change`update users set password_hash = ${changed} where id = ${id}`
    const answer = logIn(login)
    await Promise.race([answer, vi.waitUntil(isAnyoneWaiting, { timeout: 45_000 })])
    await change`commit`
    change.release()
    expectProblem(await answer, 401, 'invalid_credentials')
  })

  test('no more than a quarter of the queue waits for one caller; each that is refused is counted', async () => {
    const rejected: string[] = []
    const passwords = createPasswords({ hashed: () => {}, rejected: (lane) => rejected.push(lane) })
    const guard = { check: () => Promise.reject(new Error('its turn came')) }
    const turns = Array.from({ length: 300 }, () =>
      passwords.hash(password, { lane: 'stranger', caller: 'one' }, guard).catch((error: Error) => error.message),
    )
    const waited = (await Promise.all(turns)).filter((message) => message === 'its turn came')
    expect(waited.length).toBeGreaterThanOrEqual(250)
    expect(waited.length).toBeLessThan(260)
    expect(rejected).toEqual(Array.from({ length: 300 - waited.length }, () => 'stranger'))
  })

  describe('with a hash of less work than is asked for now', () => {
    const weaker = { memoryCost: 8192, timeCost: 1, parallelism: 1 }
    const userOfOldHash = async () => {
      const user = await newUser()
      await database.sql`update users set password_hash = ${await hash(password, weaker)} where id = ${user.id}`
      return user
    }
    const hashOf = async (id: number): Promise<string> => {
      const [row] = await database.sql`select password_hash from users where id = ${id}`
      return row?.password_hash
    }

    test('makes it anew after the right password, and not after a wrong one', async () => {
      const { id, login, tokens } = await userOfOldHash()
      const old = await hashOf(id)
      expect(old).toContain('m=8192,t=1,p=1')
      expectProblem(await logIn(login, 'another password'), 401, 'invalid_credentials')
      expect(await hashOf(id)).toBe(old)
      expect((await logIn(login)).statusCode).toBe(200)
      const renewed = await hashOf(id)
      expect(renewed).toContain('m=19456,t=2,p=1')
      expect((await logIn(login)).statusCode).toBe(200)
      expect(await hashOf(id)).toBe(renewed)
      expectProblem(await logIn(login, 'another password'), 401, 'invalid_credentials')
      expect((await profile(tokens)).statusCode, 'it is the same password: no session ends').toBe(200)
    })

    test('lets everybody in who logs in meanwhile', { tags: 'slow' }, async () => {
      const { login } = await userOfOldHash()
      const answers = await Promise.all(Array.from({ length: 30 }, () => logIn(login)))
      expect(statuses(answers)).toEqual({ 200: 30 })
    })
  })
})

checkLog()
