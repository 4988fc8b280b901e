import { describe, expect, test } from 'vitest'
import {
  aForm,
  ageRotation,
  bodyOf,
  call,
  checkLog,
  claimsOf,
  database,
  expectInvalidToken,
  expectProblem,
  expire,
  expired,
  figure,
  flipped,
  generation,
  jwt,
  logIn,
  newUser,
  profile,
  refresh,
  serveAuth,
  service,
  statuses,
  type Tokens,
} from './support/auth.ts'

serveAuth()

describe('refreshing', () => {
  test.each(['/auth/login', '/auth/login/'])(
    'PUT %s gives a new pair, of which both differ from the old',
    async (url) => {
      const { tokens, id } = await newUser()
      const answer = await call({ method: 'PUT', url, payload: { ...tokens } })
      expect(answer.statusCode).toBe(200)
      expect(answer.headers['cache-control']).toBe('no-store')
      const pair: Tokens = answer.json()
      expect(pair).toMatchObject({ token_type: 'Bearer', expires_in: 900 })
      expect(pair.access_token).not.toBe(tokens.access_token)
      expect(pair.refresh_token).not.toBe(tokens.refresh_token)
      expect((await profile(pair)).json().id).toBe(id)
      expect((await refresh(pair)).statusCode).toBe(200)
    },
  )

  test('takes a form too', async () => {
    const { tokens } = await newUser()
    expect((await call({ ...bodyOf(aForm({ ...tokens })), method: 'PUT', url: '/auth/login' })).statusCode).toBe(200)
  })

  test('takes an access token that has expired', async () => {
    const { tokens } = await newUser()
    const access_token = expired(tokens.access_token)
    expectInvalidToken(await profile({ access_token }))
    expect((await refresh({ ...tokens, access_token })).statusCode).toBe(200)
  })

  test.each([undefined, null, '', ' '])('needs no access token: %j', async (access_token) => {
    const { tokens, id } = await newUser()
    const payload = { refresh_token: tokens.refresh_token, access_token }
    const answer = await call({ method: 'PUT', url: '/auth/login', payload })
    expect(answer.statusCode).toBe(200)
    expect((await profile(answer.json())).json().id).toBe(id)
  })

  test('without an access token is as strict: a used refresh token ends its session after 10 s, a made-up one none', async () => {
    const { tokens, id } = await newUser()
    const alone = (refresh_token: string) => call({ method: 'PUT', url: '/auth/login', payload: { refresh_token } })
    const newest: Tokens = (await alone(tokens.refresh_token)).json()
    expect((await alone(tokens.refresh_token)).json().refresh_token).toBe(newest.refresh_token)
    for (const made of [flipped(newest.refresh_token), 'garbage', newest.access_token])
      expectProblem(await alone(made), 401, 'invalid_token')
    expect((await profile(newest)).statusCode).toBe(200)
    await ageRotation(id, 11)
    expectProblem(await alone(tokens.refresh_token), 401, 'invalid_token')
    expectInvalidToken(await profile(newest))
    expectProblem(await alone(newest.refresh_token), 401, 'invalid_token')
  })

  test('without an access token is refused when the session has expired', async () => {
    const user = await newUser()
    await expire(user)
    const payload = { refresh_token: user.tokens.refresh_token }
    expectProblem(await call({ method: 'PUT', url: '/auth/login', payload }), 401, 'invalid_token')
  })

  test('prolongs the session', async () => {
    const user = await newUser()
    await database.sql`update sessions set expires_at = now() + interval '1 minute' where user_id = ${user.id}`
    await refresh(user.tokens)
    const [row] =
      await database.sql`select expires_at > now() + '29 days' as long from sessions where user_id = ${user.id}`
    expect(row?.long).toBe(true)
  })

  test('refuses the access token of another session, and both live on', async () => {
    const [ann, bob] = [await newUser(), await newUser()]
    const second: Tokens = (await logIn(ann.login)).json()
    for (const other of [bob.tokens, second]) {
      const mixed = { access_token: other.access_token, refresh_token: ann.tokens.refresh_token }
      expectProblem(await refresh(mixed), 401, 'invalid_token')
    }
    for (const tokens of [ann.tokens, second, bob.tokens]) expect((await refresh(tokens)).statusCode).toBe(200)
  })

  test('an old refresh token of another session ends neither', async () => {
    const [ann, bob] = [await newUser(), await newUser()]
    const parent: Tokens = (await refresh(ann.tokens)).json()
    const newest: Tokens = (await refresh(parent)).json()
    const mixed = { access_token: newest.access_token, refresh_token: bob.tokens.refresh_token }
    expectProblem(await refresh(mixed), 401, 'invalid_token')
    for (const tokens of [newest, bob.tokens]) expect((await refresh(tokens)).statusCode).toBe(200)
  })

  const madeUp: [string, (tokens: Tokens) => Partial<Tokens>][] = [
    ['garbage as refresh token', () => ({ refresh_token: 'garbage' })],
    ['a made-up refresh token', (own) => ({ refresh_token: own.refresh_token.replace(/[^.]+$/, 'A'.repeat(43)) })],
    ['a refresh token with one character changed', (own) => ({ refresh_token: flipped(own.refresh_token) })],
    ['a refresh token of a later generation', (own) => ({ refresh_token: own.refresh_token.replace('.1.', '.2.') })],
    ['a made-up refresh token of the past', (own) => ({ refresh_token: own.refresh_token.replace('.1.', '.0.') })],
    ['the access token as refresh token', (own) => ({ refresh_token: own.access_token })],
    ['the refresh token as access token', (own) => ({ access_token: own.refresh_token })],
    ['garbage as access token', () => ({ access_token: 'undefined' })],
    [
      'an access token of another secret',
      (own) => ({ access_token: jwt(claimsOf(own.access_token), { secret: 'x' }) }),
    ],
    ['an expired one of another audience', (own) => ({ access_token: expired(own.access_token, { aud: 'x' }) })],
    ['an expired one of another kind', (own) => ({ access_token: expired(own.access_token, { kind: 'x' }) })],
  ]
  test.each(madeUp)('refuses %s, which never ends a session', async (_what, change) => {
    const { tokens } = await newUser()
    const own: Tokens = (await refresh(tokens)).json()
    expectProblem(await refresh({ ...own, ...change(own) }), 401, 'invalid_token')
    expect((await profile(own)).statusCode).toBe(200)
    expect((await refresh(own)).statusCode).toBe(200)
  })

  test.each([
    ['no refresh token', { refresh_token: undefined }],
    ['an empty refresh token', { refresh_token: ' ' }],
    ['a number', { access_token: 1 }],
    ['8 kB', { access_token: 'x'.repeat(8192) }],
  ])('%s is 400', async (_what, change) => {
    const { tokens } = await newUser()
    const answer = await call({ method: 'PUT', url: '/auth/login', payload: { ...tokens, ...change } })
    expectProblem(answer, 400, 'invalid_input')
    expect(answer.json().errors[0].path).toBe(`body.${Object.keys(change)[0]}`)
    expect((await refresh(tokens)).statusCode).toBe(200)
  })

  test('for two tabs, the same refresh token within 10 s gives the same child again', async () => {
    const { tokens, id } = await newUser()
    const first: Tokens = (await refresh(tokens)).json()
    await ageRotation(id, 5)
    const second: Tokens = (await refresh(tokens)).json()
    expect(second.refresh_token).toBe(first.refresh_token)
    expect((await profile(second)).statusCode).toBe(200)
    expect((await profile(first)).statusCode).toBe(200)
    expect((await refresh(second)).statusCode).toBe(200)
  })

  test('a refresh token used again after 10 s ends its session, and no other', async () => {
    const { tokens, id, login } = await newUser()
    const other: Tokens = (await logIn(login)).json()
    const newest: Tokens = (await refresh(tokens)).json()
    await ageRotation(id, 11)
    expectProblem(await refresh(tokens), 401, 'invalid_token')
    expectInvalidToken(await profile(newest))
    expectInvalidToken(await profile(tokens))
    expectProblem(await refresh(newest), 401, 'invalid_token')
    expect((await profile(other)).statusCode).toBe(200)
  })

  test('a refresh token of two generations ago ends the session at once', async () => {
    const { tokens } = await newUser()
    const parent: Tokens = (await refresh(tokens)).json()
    const newest: Tokens = (await refresh(parent)).json()
    expectProblem(await refresh(tokens), 401, 'invalid_token')
    expectInvalidToken(await profile(newest))
    expectProblem(await refresh(newest), 401, 'invalid_token')
    expectProblem(await refresh(parent), 401, 'invalid_token')
  })

  test('of 50 at once over two replicas exactly one rotates, and all get its child', async () => {
    const { tokens, id } = await newUser()
    const apps = [service.app, await service.replica()]
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => refresh(tokens, apps[i % 2])))
    expect(statuses(answers)).toEqual({ 200: 50 })
    expect(new Set(answers.map((answer) => answer.json().refresh_token)).size).toBe(1)
    expect(new Set(answers.map((answer) => answer.json().access_token)).size).toBe(50)
    expect(await generation(id)).toBe(1)
  })

  test('an old token that comes back is counted once, and logged without the token', async () => {
    const { tokens, id } = await newUser()
    const [counted, refused] = [
      await figure('auth_refresh_reuse_total'),
      await figure('auth_refreshes_total', { outcome: 'invalid_token' }),
    ]
    await refresh((await refresh(tokens)).json())
    for (let i = 0; i < 3; i++) expectProblem(await refresh(tokens), 401, 'invalid_token')
    expect(await figure('auth_refresh_reuse_total')).toBe(counted + 1)
    expect(await figure('auth_refreshes_total', { outcome: 'invalid_token' })).toBe(refused + 3)
    const lines = service
      .log()
      .split('\n')
      .filter((line) => line.includes('"event":"refresh_token_reused"'))
    const [line] = lines.filter((each) => JSON.parse(each).user_id === id)
    expect(JSON.parse(line ?? '{}')).toMatchObject({ level: 40, session_id: claimsOf(tokens.access_token).sid })
  })

  test('an expired session is not refreshed', async () => {
    const user = await newUser()
    const newest: Tokens = (await refresh(user.tokens)).json()
    await expire(user)
    expectProblem(await refresh(newest), 401, 'invalid_token')
    expectProblem(await refresh(user.tokens), 401, 'invalid_token')
  })
})

checkLog()
