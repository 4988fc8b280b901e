import { describe, expect, test } from 'vitest'
import { password, testApp, testUser } from './support/app.ts'
import { aName, expectInvalidToken, expectProblem, logIn, profile, type Tokens, using } from './support/auth.ts'

describe('the first administrator', () => {
  const secret = 'a password for the first one'

  test('is made once, and not again when there is one', async () => {
    const [login, other] = [aName(), aName()]
    const admin = await testApp({}, { firstAdmin: { login: login.toUpperCase(), password: secret } })
    const next = await admin.replica({ firstAdmin: { login: other, password: secret } })
    expect(await next.ensureAdmin(other, secret)).toBe(false)
    const tokens: Tokens = (await logIn(login, secret, next)).json()
    expect((await profile(tokens, next)).json()).toMatchObject({ login, role: 'admin' })
    expectProblem(await logIn(other, secret, next), 401, 'invalid_credentials')
    await admin.close()
  })

  test('is made when the service asks for it too, which then knows that it was made now', {
    tags: 'slow',
  }, async () => {
    const { app, close } = await testApp()
    const login = aName()
    expect(await app.ensureAdmin(login, secret)).toBe(true)
    expect((await profile((await logIn(login, secret, app)).json(), app)).json()).toMatchObject({ role: 'admin' })
    await close()
  })

  test('takes over the account of that login: role and password; its sessions end', async () => {
    const before = await testApp()
    const squatter = await testUser(before.app)
    await using(before.databaseUrl, ({ sql }) => sql`update users set blocked = true where id = ${squatter.id}`)
    const firstAdmin = { login: squatter.login, password: secret }
    const after = await testApp({}, { databaseUrl: before.databaseUrl, firstAdmin })
    expectInvalidToken(await profile(squatter.tokens, after.app))
    expectProblem(await logIn(squatter.login, password, after.app), 401, 'invalid_credentials')
    // Nor does the service know the squatter's address any more.
    await using(before.databaseUrl, async ({ sql }) => expect(await sql`select 1 from known_networks`).toEqual([]))
    const tokens: Tokens = (await logIn(squatter.login, secret, after.app)).json()
    expect((await profile(tokens, after.app)).json()).toMatchObject({ id: squatter.id, role: 'admin' })
    await after.close()
    await before.close()
  })

  test('with a login that is none stops the start', async () => {
    const app = testApp({}, { firstAdmin: { login: 'x', password: secret } })
    await expect(app).rejects.toThrow('must be an e-mail, a phone or a user name')
  })
})
