import { describe, expect, test } from 'vitest'
import { as, firstAdmin, jwtSecret, password, testAdmin, testApp, testUser } from './support/app.ts'
import { form } from './support/lists.ts'
import { leaksIn } from './support/privacy.ts'

// Beyond these: close() of every test's service looks through its log, see support/app.ts.
describe('The log', () => {
  const phone = '+380671234567'
  const email = 'ann.private@example.org'
  const hidden = {
    password: 'a-very-hidden-password',
    surname: 'Hiddensurname',
    film: 'A film that nobody may know of',
    metrics: 'a-hidden-metrics-token',
    token: 'a-token-in-a-url-0123456789',
  }

  test('of typical traffic and of faults, at its most talkative, tells nothing of persons and no secret', async () => {
    const service = await testApp({ LOG_LEVEL: 'trace', METRICS_TOKEN: hidden.metrics }, { firstAdmin })
    const { app, log } = service
    const json = { 'content-type': 'application/json' }
    const credentials = { login: email, password: hidden.password, surname: hidden.surname }

    // Accounts, with all that can go wrong in them.
    expect((await app.inject({ method: 'POST', url: '/register', payload: credentials })).statusCode).toBe(201)
    await app.inject({ method: 'POST', url: '/register', payload: credentials })
    await app.inject({ method: 'POST', url: '/login', payload: { login: email, password: 'a-very-wrong-password' } })
    await app.inject({ method: 'POST', url: '/login', payload: { login: phone, password: hidden.password } })
    const tokens = (await app.inject({ method: 'POST', url: '/login', payload: credentials })).json()
    const ann = { id: 0, login: email, tokens, headers: { authorization: `Bearer ${tokens.access_token}` } }
    const asAnn = as(app, ann)
    for (const body of [`{"password":"${hidden.password}"`, `{"password":${hidden.password}}`, `"${hidden.password}"`])
      await app.inject({ method: 'POST', url: '/login', headers: json, payload: body })
    await app.inject({ url: '/user', headers: { authorization: `Bearer ${tokens.access_token}x` } })
    await app.inject({ url: '/metrics', headers: { authorization: `Bearer ${hidden.metrics}` } })
    const next = (await app.inject({ method: 'PUT', url: '/auth/login', payload: tokens })).json()
    expect(next.access_token).not.toBe(tokens.access_token)

    // What stands in an address.
    for (const url of [
      `/nothing/${hidden.token}?token=${hidden.token}`,
      `/movies/${hidden.token}`,
      `/%ff${hidden.token}`,
    ])
      await asAnn({ url })
    await asAnn({ url: `/movies/search?query=${encodeURIComponent(hidden.film)}` })
    const admin = as(app, await testAdmin(service))
    for (const q of [phone, email, hidden.surname]) await admin({ url: '/users', query: { q } })
    await admin({ method: 'PATCH', url: `/users/${(await testUser(app)).id}`, payload: { blocked: true } })

    // Files and lists.
    await asAnn({ method: 'POST', url: '/favorites/movies/301' })
    const csv = `list,film_id,title\r\nfavorites,301,${hidden.film}\r\nratings,1,${email}\r\n`
    await asAnn({ method: 'POST', url: '/user/lists/import', ...form(csv) })
    await asAnn({ url: '/user/export' })

    // Faults within.
    const { sql } = app.database
    await sql`alter table users rename column surname to surname_away`
    const statuses = [
      await app.inject({ method: 'POST', url: '/register', payload: { ...credentials, login: phone } }),
      await asAnn({ method: 'PATCH', url: '/user', payload: { surname: hidden.surname } }),
      await admin({ url: '/users', query: { q: phone } }),
    ].map((response) => response.statusCode)
    expect(statuses).toEqual([500, 500, 500])
    await sql`alter table users rename column surname_away to surname`
    await sql`alter table users add constraint odd check (login <> ${sql.unsafe(`'${phone}'`)})`
    const odd = { ...credentials, login: phone }
    expect((await app.inject({ method: 'POST', url: '/register', payload: odd })).statusCode).toBe(500)
    await asAnn({ method: 'DELETE', url: '/user', payload: { password: hidden.password } })

    const known = [...Object.values(hidden), password, jwtSecret, 'test-key', tokens.refresh_token, next.access_token]
    expect(
      log()
        .split('\n')
        .filter((line) => line.includes('"request failed"')),
    ).toHaveLength(4)
    expect(leaksIn(log(), known)).toEqual([])
    await service.close()
  })

  test.each([
    ['an e-mail', 'who: ann@example.org'],
    ['a phone', '"login":"+380501234567"'],
    ['a phone', 'q=0501234567'],
    ['an access token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln'],
    ['a refresh token', `5e0f6c1e-7a77-4d0e-9c5e-0b8f7f0f5d3a.3.${'a'.repeat(43)}`],
    ['a password hash', '$argon2id$v=19$m=19456'],
    ['an authorization', 'authorization: Bearer abcdefgh'],
    ['a secret', 'it is a-very-hidden-password'],
  ])('that told %s would be found out: %s', (what, line) => {
    const leaks = leaksIn(`{"level":30,"msg":"${line}"}`, [hidden.password])
    expect(leaks.map((leak) => leak.split(':', 1)[0])).toContain(what)
  })

  test('may have what is nobody’s: numbers, ids of requests, paths of files', () => {
    const line = { time: 1_763_660_000_000, ms: 0.1234567891, user_id: 1234567890, request_id: crypto.randomUUID() }
    expect(leaksIn(`${JSON.stringify(line)} at file:///x/node_modules/@fastify/jwt/jwt.js:10:5`)).toEqual([])
  })
})
