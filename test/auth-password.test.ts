import { describe, expect, test } from 'vitest'
import { password } from './support/app.ts'
import {
  aForm,
  bearer,
  bodyOf,
  call,
  changePassword,
  checkLog,
  claimsOf,
  database,
  expectInvalidToken,
  expectProblem,
  logIn,
  type Members,
  newUser,
  profile,
  refresh,
  serveAuth,
  type Tokens,
} from './support/auth.ts'

serveAuth()

describe('changing the password', () => {
  const next = 'battery staple horse'
  const pairs: [string, (before: string, after: string) => Members][] = [
    ['old_password and new_password', (old_password, new_password) => ({ old_password, new_password })],
    ['password_1 and password_2', (password_1, password_2) => ({ password_1, password_2 })],
  ]

  test.each(pairs)('works under %s: other sessions end, this one lives', async (_names, members) => {
    const { tokens, login } = await newUser()
    const other: Tokens = (await logIn(login)).json()
    const stranger = await newUser()
    const answer = await changePassword(tokens, members(password, next))
    expect([answer.statusCode, answer.body]).toEqual([204, ''])
    expectInvalidToken(await profile(other))
    expectProblem(await refresh(other), 401, 'invalid_token')
    expect((await profile(tokens)).statusCode).toBe(200)
    expect((await refresh(tokens)).statusCode).toBe(200)
    expect((await profile(stranger.tokens)).statusCode).toBe(200)
    expectProblem(await logIn(login), 401, 'invalid_credentials')
    expect((await logIn(login, next)).statusCode).toBe(200)
  })

  test('takes a form too, and a trailing slash', async () => {
    const { tokens } = await newUser()
    const form = bodyOf(aForm({ old_password: password, new_password: next }))
    const headers = { ...form.headers, ...bearer(tokens) }
    expect((await call({ ...form, method: 'PUT', url: '/user/password/', headers })).statusCode).toBe(204)
  })

  test.each([
    ['a wrong old one', { old_password: 'another one', new_password: next }, 'wrong_password', 'body.old_password'],
    ['a wrong password_1', { password_1: 'another one', password_2: next }, 'wrong_password', 'body.password_1'],
    ['no old one', { new_password: next }, 'invalid_input', 'body.old_password'],
    ['no new one', { old_password: password }, 'invalid_input', 'body.new_password'],
    ['nothing', {}, 'invalid_input', 'body.old_password'],
    ['a short new one', { old_password: password, new_password: '7 chars' }, 'invalid_input', 'body.new_password'],
    ['129 characters', { password_1: password, password_2: 'ab '.repeat(43) }, 'invalid_input', 'body.password_2'],
    ['a common one', { old_password: password, new_password: 'qwerty123' }, 'weak_password', 'body.new_password'],
    ['a common password_2', { password_1: password, password_2: 'qwerty123' }, 'weak_password', 'body.password_2'],
  ])('%s is 400 and changes nothing', async (_what, members, code, path) => {
    const { tokens, login } = await newUser()
    const other: Tokens = (await logIn(login)).json()
    const answer = await changePassword(tokens, members)
    expectProblem(answer, 400, code)
    expect(answer.json().errors[0].path).toBe(path)
    expect((await profile(other)).statusCode).toBe(200)
    expect((await logIn(login)).statusCode).toBe(200)
  })

  test('the login itself is no new password', async () => {
    const { tokens, login } = await newUser()
    const members = { old_password: password, new_password: login.toUpperCase() }
    expectProblem(await changePassword(tokens, members), 400, 'weak_password')
  })

  test('a password and its sessions change together or not at all', async () => {
    const { tokens, id, login } = await newUser()
    await database.sql`create table keeps_sessions (session uuid references sessions)`
    const other: Tokens = (await logIn(login)).json()
    await database.sql`insert into keeps_sessions values (${String(claimsOf(other.access_token).sid)})`
    const answer = await changePassword(tokens, { old_password: password, new_password: next })
    await database.sql`drop table keeps_sessions`
    expectProblem(answer, 500, 'internal_error')
    expect((await logIn(login)).statusCode).toBe(200)
    expect(await database.sql`select 1 from sessions where user_id = ${id}`).toHaveLength(3)
  })

  test('of two changes at once by two sessions one wins, and its session lives', async () => {
    const { tokens, login } = await newUser()
    const other: Tokens = (await logIn(login)).json()
    const wishes = [
      { tokens, new_password: `${next} of one` },
      { tokens: other, new_password: `${next} of the other` },
    ]
    const answers = await Promise.all(
      wishes.map((wish) => changePassword(wish.tokens, { old_password: password, new_password: wish.new_password })),
    )
    const winner = wishes[answers.findIndex((answer) => answer.statusCode === 204)]
    expect(answers.filter((answer) => answer.statusCode === 204)).toHaveLength(1)
    expect((await logIn(login, winner?.new_password)).statusCode).toBe(200)
    expect((await profile(winner?.tokens ?? tokens)).statusCode).toBe(200)
  })

  test('of nothing but spaces is too weak, and one in another Unicode form is the same', async () => {
    const { tokens, login } = await newUser()
    const blank = { old_password: password, new_password: ' '.repeat(12) }
    expectProblem(await changePassword(tokens, blank), 400, 'weak_password')
    const composed = 'crème brûlée 42'.normalize('NFC')
    await changePassword(tokens, { old_password: password, new_password: composed })
    expect((await logIn(login, composed.normalize('NFD'))).statusCode).toBe(200)
  })

  test('needs a token', async () => {
    const payload = { old_password: password, new_password: next }
    expectProblem(await call({ method: 'PUT', url: '/user/password', payload }), 401, 'missing_token')
  })
})

checkLog()
