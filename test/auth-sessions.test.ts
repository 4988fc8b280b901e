import { describe, expect, test } from 'vitest'
import { createSessionRepository } from '../src/modules/auth/session-repository.ts'
import {
  bearer,
  call,
  checkLog,
  database,
  expectInvalidToken,
  expectProblem,
  expire,
  generation,
  logIn,
  newUser,
  profile,
  refresh,
  serveAuth,
  service,
  type Tokens,
} from './support/auth.ts'

serveAuth()

describe('logging out', () => {
  test.each(['/auth/logout', '/logout', '/logout/'])(
    'POST %s ends the session at once on every replica',
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
