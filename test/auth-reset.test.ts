import { beforeAll, describe, expect, test } from 'vitest'
import { createResetRepository } from '../src/modules/auth/reset-repository.ts'
import { as, password, type TestUser } from './support/app.ts'
import {
  aForm,
  bodyOf,
  call,
  changePassword,
  checkLog,
  database,
  expectInvalidToken,
  expectProblem,
  logIn,
  newUser,
  post,
  profile,
  refresh,
  serveAuth,
  service,
} from './support/auth.ts'
import { adminUser } from './support/operations.ts'

serveAuth()

let admin: TestUser
beforeAll(async () => {
  admin = await adminUser(service.app)
})

const next = 'battery staple horse'
const issue = (id: number) => call({ method: 'POST', url: `/users/${id}/password-reset`, headers: admin.headers })
const tokenFor = async (id: number): Promise<string> => (await issue(id)).json().token
const redeem = (token: string, new_password = next) => post('/auth/reset', { token, new_password })
const change = (id: number, payload: object) =>
  as(service.app, admin)({ method: 'PATCH', url: `/users/${id}`, payload })

describe('a forgotten password', () => {
  test('is replaced with a token of 256 bits that is shown once, and all sessions end', async () => {
    const ann = await newUser()
    const issued = await issue(ann.id)
    expect(issued.statusCode).toBe(201)
    expect(issued.headers['cache-control']).toBe('no-store')
    const { token, expires_at, ...rest } = issued.json()
    expect(rest).toEqual({})
    expect(Buffer.from(token, 'base64url')).toHaveLength(32)
    const hours = (new Date(expires_at).getTime() - Date.now()) / 3_600_000
    expect(hours).toBeGreaterThan(23)
    expect(hours).toBeLessThan(25)
    // Nothing has changed yet.
    expect((await profile(ann.tokens)).statusCode).toBe(200)
    const stored = await database.sql`select row_to_json(password_resets)::text as row from password_resets`
    expect(JSON.stringify(stored)).not.toContain(token)

    const answer = await redeem(token)
    expect([answer.statusCode, answer.body]).toEqual([204, ''])
    expectInvalidToken(await profile(ann.tokens))
    expectProblem(await refresh(ann.tokens), 401, 'invalid_token')
    expectProblem(await logIn(ann.login), 401, 'invalid_credentials')
    expect((await logIn(ann.login, next)).statusCode).toBe(200)
    expectProblem(await redeem(token), 400, 'invalid_reset_token')
  })

  test('comes over a real connection, whose request ends before the hash begins', async () => {
    const ann = await newUser()
    const token = await tokenFor(ann.id)
    const address = await service.app.listen({ host: '127.0.0.1', port: 0 })
    const answer = await fetch(`${address}/auth/reset`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token, new_password: next }),
    })
    expect(answer.status).toBe(204)
    expect((await logIn(ann.login, next)).statusCode).toBe(200)
  })

  test('takes a form too', async () => {
    const ann = await newUser()
    const form = bodyOf(aForm({ token: await tokenFor(ann.id), new_password: next }))
    expect((await call({ ...form, url: '/auth/reset/' })).statusCode).toBe(204)
  })

  test('a new token voids the old', async () => {
    const ann = await newUser()
    const [first, second] = [await tokenFor(ann.id), await tokenFor(ann.id)]
    expectProblem(await redeem(first), 400, 'invalid_reset_token')
    expect((await redeem(second)).statusCode).toBe(204)
  })

  test('a weak password does not spend the token', async () => {
    const ann = await newUser()
    const token = await tokenFor(ann.id)
    expectProblem(await redeem(token, 'password1'), 400, 'weak_password')
    expectProblem(await redeem(token, 'short'), 400, 'invalid_input')
    expect((await redeem(token)).statusCode).toBe(204)
  })

  test('of two that come with one token at the same moment one sets the password', async () => {
    const ann = await newUser()
    const token = await tokenFor(ann.id)
    const statuses = (await Promise.all([redeem(token), redeem(token, 'horse staple battery')])).map(
      (answer) => answer.statusCode,
    )
    expect(statuses.toSorted()).toEqual([204, 400])
  })

  test('an expired token is none, and is deleted by the cleanup', async () => {
    const ann = await newUser()
    const token = await tokenFor(ann.id)
    await database.sql`update password_resets set expires_at = now() where user_id = ${ann.id}`
    expectProblem(await redeem(token), 400, 'invalid_reset_token')
    await createResetRepository(database.db).deleteExpired()
    expect(await database.sql`select 1 from password_resets where user_id = ${ann.id}`).toEqual([])
  })

  test('a password that was changed meanwhile voids the token', async () => {
    const ann = await newUser()
    const token = await tokenFor(ann.id)
    const changed = await changePassword(ann.tokens, { old_password: password, new_password: next })
    expect(changed.statusCode).toBe(204)
    expectProblem(await redeem(token, 'another staple horse'), 400, 'invalid_reset_token')
  })

  test('a blocked account gets no token, and blocking voids the one it has', async () => {
    const ann = await newUser()
    const token = await tokenFor(ann.id)
    expect((await change(ann.id, { blocked: true })).statusCode).toBe(200)
    expectProblem(await issue(ann.id), 409, 'account_blocked')
    expect((await change(ann.id, { blocked: false })).statusCode).toBe(200)
    expectProblem(await redeem(token), 400, 'invalid_reset_token')
  })

  test('nobody is 404, and only administrators issue tokens', async () => {
    const ann = await newUser()
    expectProblem(await issue(999_999), 404, 'user_not_found')
    const own = await call({ method: 'POST', url: `/users/${ann.id}/password-reset`, headers: ann.headers })
    expectProblem(own, 403, 'forbidden')
  })

  test('issuing and redeeming are logged with ids', async () => {
    const ann = await newUser()
    const token = await tokenFor(ann.id)
    await redeem(token)
    const lines = service
      .log()
      .split('\n')
      .filter((line) => line.includes('"event":"password_reset'))
      .map((line) => JSON.parse(line))
    expect(lines).toContainEqual(
      expect.objectContaining({ event: 'password_reset_issued', user_id: ann.id, by_user_id: admin.id }),
    )
    expect(lines).toContainEqual(expect.objectContaining({ event: 'password_reset', user_id: ann.id }))
    expect(service.log()).not.toContain(token)
  })

  test('from the machine itself are not counted without TRUST_PROXY: a front there speaks for all its users', async () => {
    const ann = await newUser()
    for (let i = 0; i < 15; i++) expectProblem(await redeem('a'.repeat(43)), 400, 'invalid_reset_token')
    expect((await redeem(await tokenFor(ann.id))).statusCode).toBe(204)
  })

  // Last, as the address has to wait then.
  test('wrong tokens are throttled by address', async () => {
    const ann = await newUser()
    const guess = (remoteAddress: string, token = 'a'.repeat(43)) =>
      call({ method: 'POST', url: '/auth/reset', payload: { token, new_password: next }, remoteAddress })
    for (let i = 0; i < 10; i++) expectProblem(await guess('198.51.100.9'), 400, 'invalid_reset_token')
    const token = await tokenFor(ann.id)
    // The wait grows with the guesses, and meets the right token as well.
    await expect.poll(async () => (await guess('198.51.100.9')).statusCode).toBe(429)
    expectProblem(await guess('198.51.100.9', token), 429, 'too_many_requests')
    expect((await guess('198.51.100.10', token)).statusCode).toBe(204)
  })
})

checkLog()
