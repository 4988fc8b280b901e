import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { jwtSecret, type TestUser, testApp, testUser } from './support/app.ts'
import {
  bearer,
  checkLog,
  claimsOf,
  database,
  expectInvalidToken,
  expectProblem,
  expire,
  flipped,
  jwt,
  type Members,
  newUser,
  profile,
  refresh,
  serveAuth,
  service,
  withClaims,
} from './support/auth.ts'

serveAuth()

describe('an access token', () => {
  let ann: TestUser
  let bob: TestUser
  let claims: Members
  beforeAll(async () => {
    ;[bob, ann] = [await newUser(), await newUser()]
    claims = claimsOf(ann.tokens.access_token)
  })

  test('is good in any case of the scheme, and so is one made by hand from the same claims', async () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER '])
      expect((await profile(ann.tokens, service.app, scheme)).json().id).toBe(ann.id)
    expect((await profile({ access_token: jwt(claims) })).json().id).toBe(ann.id)
  })

  test.each([
    ['no header', {}],
    ['another scheme', { authorization: 'Basic YW5uOmFubg==' }],
    ['a scheme alone', { authorization: 'Bearer' }],
    ['two tokens', { authorization: 'Bearer one two' }],
  ])('%s is 401 missing_token', async (_what, headers) => {
    const answer = await service.app.inject({ url: '/user', headers })
    expectProblem(answer, 401, 'missing_token')
    expect(answer.headers['www-authenticate']).toBe('Bearer')
  })

  const later = Math.floor(Date.now() / 1000) + 900
  const bad: [string, () => string][] = [
    ['garbage', () => 'undefined'],
    ['three dots of garbage', () => 'a.b.c'],
    ['8 kB', () => `${ann.tokens.access_token}${'x'.repeat(8192)}`],
    ['the refresh token', () => ann.tokens.refresh_token],
    ['alg none', () => jwt(claims, { header: { alg: 'none', typ: 'JWT' } }).replace(/[^.]+$/, '')],
    ['alg none with a signature', () => jwt(claims, { header: { alg: 'none', typ: 'JWT' } })],
    ['another algorithm under the right secret', () => jwt(claims, { header: { alg: 'HS512' }, hash: 'sha512' })],
    ['another secret', () => jwt(claims, { secret: 'another secret, of more than 32 bytes too' })],
    ['an empty secret', () => jwt(claims, { secret: '' })],
    ['claims changed under a signature', () => withClaims(ann.tokens.access_token, { ...claims, sub: String(bob.id) })],
    ['one signature character changed', () => flipped(ann.tokens.access_token)],
    ['the past', () => jwt({ ...claims, iat: later - 2000, exp: later - 1000 })],
    ['the future', () => jwt({ ...claims, nbf: later })],
    ['the last second', () => jwt({ ...claims, iat: later - 2000, exp: later - 901 })],
    ['no end', () => jwt({ ...claims, exp: undefined })],
    ['another audience', () => jwt({ ...claims, aud: 'other' })],
    ['other audiences', () => jwt({ ...claims, aud: ['other', 'another'] })],
    ['no audience', () => jwt({ ...claims, aud: undefined })],
    ['another issuer', () => jwt({ ...claims, iss: 'other' })],
    ['no issuer', () => jwt({ ...claims, iss: undefined })],
    ['a user that is no number', () => jwt({ ...claims, sub: 'ann' })],
    ['a user beyond all numbers', () => jwt({ ...claims, sub: '9999999999' })],
    ['no user', () => jwt({ ...claims, sub: undefined })],
    ['a session that is none', () => jwt({ ...claims, sid: 'x' })],
    ['another kind', () => jwt({ ...claims, kind: 'refresh' })],
    ['no kind', () => jwt({ ...claims, kind: undefined })],
    ['no session', () => jwt({ ...claims, sid: undefined })],
    ['a session that never was', () => jwt({ ...claims, sid: crypto.randomUUID() })],
    ["another user's session", () => jwt({ ...claims, sub: String(bob.id) })],
  ]
  test.each(bad)('with %s is 401, the same as any other', async (_what, token) => {
    expectInvalidToken(await profile({ access_token: token() }))
    expect((await profile(ann.tokens)).statusCode).toBe(200)
  })

  test('of a deleted or a blocked user, or of an expired session, is 401', async () => {
    const [gone, blocked, expired] = [await newUser(), await newUser(), await newUser()]
    await database.sql`delete from users where id = ${gone.id}`
    await database.sql`update users set blocked = true where id = ${blocked.id}`
    await expire(expired)
    for (const { tokens } of [gone, blocked, expired]) {
      expectInvalidToken(await profile(tokens))
      expectProblem(await refresh(tokens), 401, 'invalid_token')
    }
  })

  test('that has just been good is refused as soon as its time is over', { tags: 'slow' }, async () => {
    const { tokens } = await newUser()
    const exp = Math.floor(Date.now() / 1000) + 5
    const token = { access_token: jwt({ ...claimsOf(tokens.access_token), exp }) }
    for (let i = 0; i < 3; i++) expect((await profile(token)).statusCode).toBe(200)
    await sleep(exp * 1000 - Date.now() + 50)
    expectInvalidToken(await profile(token))
    expect((await profile(tokens)).statusCode).toBe(200)
  })

  test('that has just been good is refused as soon as its session has ended', async () => {
    const { tokens } = await newUser()
    for (let i = 0; i < 3; i++) expect((await profile(tokens)).statusCode).toBe(200)
    expect((await service.app.inject({ method: 'POST', url: '/logout', headers: bearer(tokens) })).statusCode).toBe(204)
    expectInvalidToken(await profile(tokens))
  })

  test('is told from others, however many there are', async () => {
    const { accessTokens } = service.app
    const sessionId = crypto.randomUUID()
    const tokens = Array.from({ length: 12_000 }, (_, i) => accessTokens.sign({ userId: i + 1, sessionId }))
    for (let round = 0; round < 2; round++) {
      const strangers = tokens.filter((token, i) => accessTokens.verify(token).userId !== i + 1)
      expect(strangers).toEqual([])
    }
  })

  test('expires after ACCESS_TTL', async () => {
    const brief = await testApp({ ACCESS_TTL: '2m' })
    const { tokens } = await testUser(brief.app)
    const { iat, exp } = claimsOf(tokens.access_token) as { iat: number; exp: number }
    expect([exp - iat, (await refresh(tokens, brief.app)).json().expires_in]).toEqual([120, 120])
    await brief.close()
  })

  test('outlives a rotation of the secret, and so does a refresh token; new ones are of the first secret', async () => {
    const fresh = 'the secret that follows, of more than 32 bytes'
    const before = await testApp()
    const { tokens } = await testUser(before.app)
    const after = await testApp({}, { jwtSecrets: [fresh, jwtSecret], databaseUrl: before.databaseUrl })
    for (let i = 0; i < 2; i++) expect((await profile(tokens, after.app)).statusCode).toBe(200)
    const renewed = await refresh(tokens, after.app)
    expect(renewed.statusCode).toBe(200)
    expect(renewed.json().access_token).toBe(jwt(claimsOf(renewed.json().access_token), { secret: fresh }))
    expectInvalidToken(await profile(renewed.json(), before.app))
    const { refresh_token } = renewed.json()
    expectProblem(await refresh({ ...tokens, refresh_token }, before.app), 401, 'invalid_token')
    expect((await refresh(renewed.json(), after.app)).statusCode).toBe(200)
    await after.close()
    await before.close()
  })
})

checkLog()
