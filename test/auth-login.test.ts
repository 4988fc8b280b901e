import { lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
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
  isAnyoneWaiting,
  logIn,
  median,
  newUser,
  post,
  profile,
  register,
  serveAuth,
  service,
  statuses,
  timeOf,
  timesOf,
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

  // Medians of interleaved tries: noise of the machine falls on all three alike. Without the work of a hash, an unknown
  // login would be answered many times faster; the factor 2 is far from both.
  test('a wrong password, an unknown login and a blocked user cost the same work', async () => {
    const [ann, blocked] = [await newUser(), await newUser()]
    await database.sql`update users set blocked = true where id = ${blocked.id}`
    const tries = { wrong: [] as number[], unknown: [] as number[], blocked: [] as number[] }
    for (let i = 0; i < 40; i++) {
      tries.wrong.push(await timeOf(() => logIn(ann.login, 'another password')))
      tries.unknown.push(await timeOf(() => logIn(aName())))
      tries.blocked.push(await timeOf(() => logIn(blocked.login)))
    }
    const [wrong, unknown, refused] = [median(tries.wrong), median(tries.unknown), median(tries.blocked)]
    for (const other of [unknown, refused]) {
      expect(other / wrong).toBeGreaterThan(0.5)
      expect(other / wrong).toBeLessThan(2)
    }
    expect(wrong).toBeGreaterThan(2 * median(await timesOf(40, () => register({ login: '' }))))
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

  test('a session opens only for the password of the moment when it opens', async () => {
    const { id, login } = await newUser()
    const changed = await createPasswords().hash('changed meanwhile')
    const change = await database.sql.reserve()
    await change`begin`
    await change`update users set password_hash = ${changed} where id = ${id}`
    const answer = logIn(login)
    await Promise.race([answer, vi.waitUntil(isAnyoneWaiting, { timeout: 20_000 })])
    await change`commit`
    change.release()
    expectProblem(await answer, 401, 'invalid_credentials')
  })

  test('200 logins at once are all answered, and leave threads for files and DNS', async () => {
    const { login } = await newUser()
    let done = 0
    const logins = Array.from({ length: 200 }, () => logIn(login).finally(() => done++))
    await Promise.race(logins)
    const file = readFile(import.meta.filename).then(() => done)
    const name = lookup('localhost').then(() => done)
    expect(statuses(await Promise.all(logins))).toEqual({ 200: 200 })
    expect(await file).toBeLessThan(100)
    expect(await name).toBeLessThan(100)
  })
})

checkLog()
