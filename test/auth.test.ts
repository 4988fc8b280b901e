import { createHmac, randomBytes, randomInt } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { connect, type Database } from '../src/db/connect.ts'
import { jwtSecret, password, type TestApp, type TestUser, testApp, testUser } from './support/app.ts'

type Members = Record<string, unknown>
type Tokens = TestUser['tokens']

let service: TestApp
let database: Database
// What the log must never hold: filled by the helpers below with all that they send and get.
const secrets = new Set<string>([password])

beforeAll(async () => {
  service = await testApp({ LOG_LEVEL: 'trace' })
  database = connect(service.databaseUrl, { max: 2 })
})
afterAll(async () => {
  await database.close()
  await service.close()
})

describe('registering', () => {
  const urls = ['/auth/register', '/register', '/auth/register/', '/register/']
  const names = ['login', 'email', 'phone', 'username'] as const
  const ways = urls.flatMap((url) =>
    names.flatMap((name) => ['json', 'form'].map((kind) => [url, name, kind] as const)),
  )

  test.each(ways)('POST %s takes the login as %s in a %s body', async (url, name, kind) => {
    const login = { login: aName, email: anEmail, phone: aPhone, username: aName }[name]()
    const members = { [name]: login, password }
    const answer = await post(url, kind === 'form' ? aForm(members) : members)
    expect(answer.statusCode).toBe(201)
    expect(answer.headers.location).toBe('/user')
    expect(answer.json()).toMatchObject({ login, [name]: login })
  })

  test('the answer is the profile: its members and no others, so never a hash', async () => {
    const email = anEmail()
    const answer = await register({ email, password, name: ' Ann ', surname: '' })
    expect(answer.json()).toEqual({
      id: expect.any(Number),
      login: email,
      phone: null,
      email,
      username: null,
      age: null,
      name: 'Ann',
      surname: null,
      favorite_genre: null,
      favourite_genre: null,
      role: 'user',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
  })

  const phones = [
    '0501234567',
    '050 123 45 67',
    '(050) 123-45-67',
    '+380 50 123-45-67',
    '+380 50 123‑45‑67',
    '+380 50 123–45–67',
    '380501234567',
    ' +38.050.123.45.67 ',
    '０５０１２３４５６７',
    '٠٥٠١٢٣٤٥٦٧',
  ]
  test('every spelling of a phone is one account', async () => {
    const first = await register({ phone: '+380501234567', password })
    expect(first.json()).toMatchObject({ login: '+380501234567', phone: '+380501234567', email: null, username: null })
    for (const phone of phones) {
      expectProblem(await register({ login: phone, password }), 409, 'login_taken')
      expect([phone, (await logIn(phone)).statusCode]).toEqual([phone, 200])
    }
  })

  test('DEFAULT_PHONE_REGION says where a phone without a country belongs', async () => {
    const polish = await testApp({ DEFAULT_PHONE_REGION: 'PL' })
    const answer = await register({ phone: '512 345 678', password }, polish.app)
    await polish.close()
    expect(answer.json().login).toBe('+48512345678')
  })

  test('an e-mail and a user name are the same in any case and width', async () => {
    const [name, email] = [aName(), anEmail()]
    expect((await register({ email: ` ${email.toUpperCase()} `, password })).json().email).toBe(email)
    expect((await register({ username: name.toUpperCase(), password })).json().username).toBe(name)
    for (const spelling of [email.toUpperCase(), email.replace('@', '＠'), name.toUpperCase(), ` ${name} `]) {
      expectProblem(await register({ login: spelling, password }), 409, 'login_taken')
      expect((await logIn(spelling)).statusCode).toBe(200)
    }
  })

  test('an e-mail that starts with + is no phone', async () => {
    const email = `+${anEmail()}`
    expect((await register({ email, password })).json()).toMatchObject({ email, phone: null, username: null })
  })

  test('a name that is empty after trimming counts as missing', async () => {
    const email = anEmail()
    expect((await register({ login: '', username: '  ', email, password })).json()).toMatchObject({ login: email })
  })

  const refused: [string, Members][] = [
    ['no login', {}],
    ['two names at once', { login: aName(), email: anEmail() }],
    ['the same login under two names', { login: 'twice-named', username: 'twice-named' }],
    ['an empty login', { login: '' }],
    ['a login of spaces', { login: ' \t ' }],
    ['two characters', { login: 'ab' }],
    ['33 characters', { login: 'a'.repeat(33) }],
    ['a user name with a space', { login: 'ann lee' }],
    ['a user name with an invisible character', { login: 'ann\u200blee' }],
    ['12 digits that are no phone', { login: '123456789012' }],
    ['punctuation alone', { login: '---' }],
    ['an e-mail without a dot', { login: 'a@b' }],
    ['an e-mail with two @', { login: 'a@b@example.org' }],
    ['an e-mail with an invisible character', { login: 'ann\u200blee@example.org' }],
    ['an e-mail with a control character', { login: 'ann\u0007lee@example.org' }],
    [
      'an e-mail that outgrows its limit in lower case',
      { login: `${'İ'.repeat(64)}@${'İ'.repeat(60)}.${'İ'.repeat(60)}.org` },
    ],
    ['NUL', { login: 'ann\0lee' }],
    ['a lone surrogate', { login: 'ann\ud800lee' }],
    ['10 kB', { login: 'a'.repeat(10_240) }],
    ['10 kB of an e-mail', { email: `${'a'.repeat(10_240)}@example.org` }],
    ['a number', { login: 501234567 }],
    ['a list', { login: [aName()] }],
    ['an object', { login: { eq: 'ann' } }],
  ]
  test.each(refused)('%s is refused as a login', async (_what, login) => {
    const answer = await register({ ...login, password })
    expectProblem(answer, 400, 'invalid_input')
    expect(answer.json().errors[0].path).toMatch(/^body\.(login|email)$/)
  })

  test('a login given twice in a form is refused', async () => {
    const answer = await post('/register', { form: `login=${aName()}&login=${aName()}&password=${password}` })
    expectProblem(answer, 400, 'invalid_input')
  })

  test('of 20 registrations of one login at once exactly one wins', async () => {
    const email = anEmail()
    const spellings = Array.from({ length: 20 }, (_, i) => upperCaseAt(email, i))
    const answers = await Promise.all(spellings.map((login) => register({ login, password })))
    expect(statuses(answers)).toEqual({ 201: 1, 409: 19 })
    const [row] = await database.sql`select count(*)::int from users where lower(login) = ${email}`
    expect(row?.count).toBe(1)
  })

  const weak: [string, Members, string][] = [
    ['no password', { login: aName() }, 'invalid_input'],
    ['an empty one', { login: aName(), password: '' }, 'invalid_input'],
    ['7 characters', { login: aName(), password: '7 chars' }, 'invalid_input'],
    ['129 characters', { login: aName(), password: 'ab '.repeat(43) }, 'invalid_input'],
    ['NUL', { login: aName(), password: 'long enough \0' }, 'invalid_input'],
    ['a lone surrogate', { login: aName(), password: 'long enough \udc00' }, 'invalid_input'],
    ['a number', { login: aName(), password: 1_234_567_890 }, 'invalid_input'],
    ['a common password', { login: aName(), password: 'qwerty123' }, 'weak_password'],
    ['a common password in capitals', { login: aName(), password: 'ILOVEYOU1' }, 'weak_password'],
    ['the user name', { login: 'annabelle.1', password: 'Annabelle.1' }, 'weak_password'],
    ['the e-mail', { email: 'anna.weak@example.org', password: 'Anna.Weak@Example.org' }, 'weak_password'],
    ["the e-mail's first part", { email: 'anna.weak@example.org', password: 'anna.WEAK' }, 'weak_password'],
    ['the phone as typed', { phone: '0509876543', password: '0509876543' }, 'weak_password'],
    ['the phone otherwise spelled', { phone: '0509876543', password: '+380 (50) 987-65-43' }, 'weak_password'],
    ['the digits of the phone', { phone: '0509876543', password: '380509876543' }, 'weak_password'],
  ]
  test.each(weak)('as a password, %s is refused and no account made', async (_what, members, code) => {
    const answer = await register(members)
    expectProblem(answer, 400, code)
    expect(answer.json().errors[0].path).toBe('body.password')
    const login = String(members.login ?? members.email ?? '+380509876543')
    expect(await database.sql`select 1 from users where login = ${login}`).toHaveLength(0)
  })

  test.each([
    ['128 characters', 'x7 '.repeat(42).padEnd(128, '!')],
    ['128 emoji', '🔑'.repeat(128)],
    ['spaces around', '  between spaces  '],
    ['8 characters', 'k9#vLq2z'],
  ])('a password of %s is kept as it is', async (_what, secret) => {
    const login = aName()
    expect((await register({ login, password: secret })).statusCode).toBe(201)
    expect((await logIn(login, secret)).statusCode).toBe(200)
    expect((await logIn(login, [...secret.trim()].slice(1).join(''))).statusCode).toBe(401)
  })

  test('the end of a long password counts', async () => {
    const login = aName()
    const long = randomBytes(50).toString('hex')
    const other = long.slice(0, 89) + (long[89] === 'x' ? 'y' : 'x') + long.slice(90)
    await register({ login, password: long })
    expect((await logIn(login, other)).statusCode).toBe(401)
    expect((await logIn(login, long)).statusCode).toBe(200)
  })

  test('age and favourite genre come as numbers, as text or empty', async () => {
    const genre = await aGenre()
    const ofAnn = async (members: Members) => (await register({ login: aName(), password, ...members })).json()
    expect(await ofAnn({ age: 30, favorite_genre: genre })).toMatchObject({ age: 30, favorite_genre: genre })
    expect(await ofAnn({ age: '30', favorite_genre: `${genre}` })).toMatchObject({ age: 30, favourite_genre: genre })
    expect(await ofAnn({ age: 0, favourite_genre: genre })).toMatchObject({ age: 0, favorite_genre: genre })
    const empty = { age: null, favorite_genre: null, name: null, surname: null }
    expect(await ofAnn({ age: '', favorite_genre: '', name: '', surname: ' ' })).toMatchObject(empty)
    expect(await ofAnn(empty)).toMatchObject(empty)
  })

  test('a form may leave age and favourite genre empty', async () => {
    const answer = await post('/register', aForm({ login: aName(), password, age: '', favorite_genre: '' }))
    expect(answer.json()).toMatchObject({ age: null, favorite_genre: null })
  })

  test.each([
    ['age', -1],
    ['age', 151],
    ['age', 1.5],
    ['age', '12abc'],
    ['age', true],
    ['favorite_genre', 0],
    ['favorite_genre', 2_147_483_648],
    ['favorite_genre', 'drama'],
    ['favourite_genre', 1.5],
    ['favourite_genre', [1]],
    ['name', 'n'.repeat(101)],
    ['surname', 's\0'],
  ])('%s %j is refused and no account made', async (member, value) => {
    const login = aName()
    const answer = await register({ login, password, [member]: value })
    expectProblem(answer, 400, 'invalid_input')
    expect(answer.json().errors[0].path).toBe(`body.${member}`)
    expect((await logIn(login)).statusCode).toBe(401)
  })

  test('an unknown genre is 404, and no account is made', async () => {
    const login = aName()
    expectProblem(await register({ login, password, favorite_genre: 2_147_483_647 }), 404, 'genre_not_found')
    expect((await logIn(login)).statusCode).toBe(401)
  })

  test('members that are not for the client are ignored', async () => {
    const login = aName()
    const extra = { role: 'admin', id: 7_000_000, created_at: '1999-01-01', password_hash: 'x', blocked: true }
    const profile = (await register({ login, password, ...extra })).json()
    expect(profile).toMatchObject({ login, role: 'user' })
    expect(profile.id).not.toBe(extra.id)
    expect(profile.created_at).not.toMatch(/^1999/)
    expect((await logIn(login)).statusCode).toBe(200)
  })

  test('the stored hash is argon2id with the parameters that OWASP asks for', async () => {
    const login = aName()
    await register({ login, password })
    const [row] = await database.sql`select password_hash from users where login = ${login}`
    expect(row?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  })
})

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
    const change = await database.sql.reserve()
    await change`begin`
    await change`update users set password_hash = 'changed meanwhile' where id = ${id}`
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

describe('an access token', () => {
  let ann: TestUser
  let claims: Members
  beforeAll(async () => {
    ann = await newUser()
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
    ['claims changed under a signature', () => withClaims(ann.tokens.access_token, { ...claims, sub: '1' })],
    ['one signature character changed', () => flipped(ann.tokens.access_token)],
    ['the past', () => jwt({ ...claims, iat: later - 2000, exp: later - 1000 })],
    ['no end', () => jwt({ ...claims, exp: undefined })],
    ['another audience', () => jwt({ ...claims, aud: 'other' })],
    ['no audience', () => jwt({ ...claims, aud: undefined })],
    ['another issuer', () => jwt({ ...claims, iss: 'other' })],
    ['no issuer', () => jwt({ ...claims, iss: undefined })],
    ['another kind', () => jwt({ ...claims, kind: 'refresh' })],
    ['no kind', () => jwt({ ...claims, kind: undefined })],
    ['no session', () => jwt({ ...claims, sid: undefined })],
    ['a session that never was', () => jwt({ ...claims, sid: crypto.randomUUID() })],
    ["another user's session", () => jwt({ ...claims, sub: String(ann.id - 1) })],
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
    expect((await profile(tokens, after.app)).statusCode).toBe(200)
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
    ['no access token', { access_token: undefined }],
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

  test('an expired session is not refreshed', async () => {
    const user = await newUser()
    const newest: Tokens = (await refresh(user.tokens)).json()
    await expire(user)
    expectProblem(await refresh(newest), 401, 'invalid_token')
    expectProblem(await refresh(user.tokens), 401, 'invalid_token')
  })
})

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

describe('the first administrator', () => {
  const secret = 'a password for the first one'

  test('is made once, and not again when there is one', async () => {
    const made = vi.fn()
    const [login, other] = [aName(), aName()]
    const admin = await testApp({}, { firstAdmin: { login: login.toUpperCase(), password: secret, made } })
    expect(made).toHaveBeenCalledTimes(1)
    await admin.replica()
    const next = await testApp(
      {},
      { databaseUrl: admin.databaseUrl, firstAdmin: { login: other, password: secret, made } },
    )
    expect(made).toHaveBeenCalledTimes(1)
    const tokens: Tokens = (await logIn(login, secret, next.app)).json()
    expect((await profile(tokens, next.app)).json()).toMatchObject({ login, role: 'admin' })
    expectProblem(await logIn(other, secret, next.app), 401, 'invalid_credentials')
    await next.close()
    await admin.close()
  })

  test('takes over the account of that login: role and password; its sessions end', async () => {
    const before = await testApp()
    const squatter = await testUser(before.app)
    await using(before.databaseUrl, ({ sql }) => sql`update users set blocked = true where id = ${squatter.id}`)
    const firstAdmin = { login: squatter.login, password: secret }
    const after = await testApp({}, { databaseUrl: before.databaseUrl, firstAdmin })
    expectInvalidToken(await profile(squatter.tokens, after.app))
    expectProblem(await logIn(squatter.login, password, after.app), 401, 'invalid_credentials')
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

describe('expired sessions', () => {
  test('are swept, the others stay', async () => {
    const [gone, stays] = [await newUser(), await newUser()]
    await expire(gone)
    const { createAuthRepository } = await import('../src/modules/auth/repository.ts')
    await createAuthRepository(database.db).deleteExpiredSessions()
    expect(await generation(gone.id)).toBeUndefined()
    expect(await generation(stays.id)).toBe(0)
  })
})

// The last of this file: its log is that of all tests above.
describe('the log', () => {
  test('holds no secret, nor does an answer, when the database reports an error', async () => {
    await database.sql`alter table users add constraint odd check (surname <> 'Odd')`
    const login = anEmail()
    const answer = await register({ login, password, surname: 'Odd' })
    await database.sql`alter table users drop constraint odd`
    expectProblem(answer, 500, 'internal_error')
    expect(answer.body).not.toMatch(/odd|constraint|insert|argon2|example\.org/i)
    expect(service.log()).toContain('violates check constraint')
    expect(service.log()).not.toContain(login)
  })

  test('holds a line for each request, and no login, password, token or hash', async () => {
    const log = service.log()
    expect(log.match(/"operation":"login(Alias)?"/g)?.length).toBeGreaterThan(100)
    const hashes = await database.sql`select password_hash from users`
    for (const { password_hash } of hashes) secrets.add(password_hash)
    expect(secrets.size).toBeGreaterThan(500)
    expect([...secrets].filter((secret) => log.includes(secret))).toEqual([])
    expect(log).not.toContain('$argon2')
  })
})

interface Call {
  method?: 'GET' | 'POST' | 'PUT'
  url: string
  payload?: Members | string
  headers?: Record<string, string>
}

const sensitive = /^(login|email|phone|username|(old_|new_)?password(_[12])?|access_token|refresh_token)$/

/** Injects, and remembers what must not show up in the log. */
async function call(options: Call, app: FastifyInstance = service.app): Promise<LightMyRequestResponse> {
  const answer = await app.inject(options)
  const sent =
    typeof options.payload === 'string' ? Object.fromEntries(new URLSearchParams(options.payload)) : options.payload
  remember(sent ?? {})
  if (answer.body.startsWith('{')) remember(answer.json())
  return answer
}

function remember(members: object): void {
  for (const [name, value] of Object.entries(members))
    if (sensitive.test(name) && typeof value === 'string' && value.trim().length > 5) secrets.add(value.trim())
}

function post(url: string, body: Members | { form: string }): Promise<LightMyRequestResponse> {
  return call({ ...bodyOf(body), url })
}

function aForm(members: Members): { form: string } {
  return { form: new URLSearchParams(members as Record<string, string>).toString() }
}

function bodyOf(body: Members | { form: string }): Omit<Call, 'url'> {
  if (typeof body.form !== 'string') return { method: 'POST', payload: body }
  return { method: 'POST', payload: body.form, headers: { 'content-type': 'application/x-www-form-urlencoded' } }
}

function register(payload: Members, app?: FastifyInstance): Promise<LightMyRequestResponse> {
  return call({ method: 'POST', url: '/auth/register', payload }, app)
}

function logIn(login: string, secret = password, app?: FastifyInstance): Promise<LightMyRequestResponse> {
  return call({ method: 'POST', url: '/auth/login', payload: { login, password: secret } }, app)
}

function refresh(tokens: Tokens, app?: FastifyInstance): Promise<LightMyRequestResponse> {
  const { access_token, refresh_token } = tokens
  return call({ method: 'PUT', url: '/auth/login', payload: { access_token, refresh_token } }, app)
}

function changePassword(tokens: Tokens, payload: Members): Promise<LightMyRequestResponse> {
  return call({ method: 'PUT', url: '/user/password', payload, headers: bearer(tokens) })
}

function profile(tokens: Pick<Tokens, 'access_token'>, app?: FastifyInstance, scheme?: string) {
  return call({ method: 'GET', url: '/user', headers: bearer(tokens, scheme) }, app)
}

function bearer({ access_token }: Pick<Tokens, 'access_token'>, scheme = 'Bearer') {
  return { authorization: `${scheme} ${access_token}` }
}

async function newUser(): Promise<TestUser> {
  const user = await testUser(service.app, aName())
  remember(user)
  remember(user.tokens)
  return user
}

function aName(): string {
  return `ann.${randomBytes(6).toString('hex')}`
}

function anEmail(): string {
  return `${aName()}@example.org`
}

function aPhone(): string {
  return `+38050${randomInt(2_000_000, 9_999_999)}`
}

async function aGenre(): Promise<number> {
  const [row] = await database.sql`insert into genres (name) values (${aName()}) returning id`
  return row?.id
}

function upperCaseAt(text: string, i: number): string {
  return ` ${text.slice(0, i)}${text.slice(i).toUpperCase()}`
}

function statuses(answers: LightMyRequestResponse[]): Record<number, number> {
  const groups = Map.groupBy(answers, (answer) => answer.statusCode)
  return Object.fromEntries([...groups].map(([status, group]) => [status, group.length]))
}

function expectProblem(answer: LightMyRequestResponse, status: number, code: string): void {
  expect([answer.statusCode, answer.body]).toEqual([status, expect.stringContaining(`"code":"${code}"`)])
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  expect(answer.json()).toMatchObject({ status, code, type: `/problems/${code}` })
}

function expectInvalidToken(answer: LightMyRequestResponse): void {
  expectProblem(answer, 401, 'invalid_token')
  expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
  expect(answer.json().detail).toBe(
    'The access token has expired, was revoked or is not ours; refresh it or log in again',
  )
}

/** A token of our form, made by hand. */
function jwt(
  claims: object,
  { secret = jwtSecret, header = { alg: 'HS256', typ: 'JWT' } as object, hash = 'sha256' } = {},
) {
  const body = [header, claims].map(encode).join('.')
  return `${body}.${createHmac(hash, secret).update(body).digest('base64url')}`
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function claimsOf(token: string): Members {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

function withClaims(token: string, claims: Members): string {
  const [header, , signature] = token.split('.')
  return `${header}.${encode(claims)}.${signature}`
}

function expired(token: string, change: Members = {}): string {
  return jwt({ ...claimsOf(token), iat: 1_000_000_000, exp: 1_000_000_900, ...change })
}

/** Another character in the middle of the signature: its last one has unused bits. */
function flipped(token: string): string {
  const at = token.length - 20
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

async function expire(user: TestUser): Promise<void> {
  await database.sql`update sessions set expires_at = now() where user_id = ${user.id}`
}

async function ageRotation(userId: number, seconds: number): Promise<void> {
  const by = `${seconds} seconds`
  await database.sql`update sessions set rotated_at = rotated_at - ${by}::interval where user_id = ${userId}`
}

async function generation(userId: number): Promise<number | undefined> {
  const [row] = await database.sql`select generation from sessions where user_id = ${userId}`
  return row?.generation
}

async function isAnyoneWaiting(): Promise<boolean> {
  const rows = await database.sql`
    select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  return rows.length > 0
}

async function using(url: string, work: (database: Database) => Promise<unknown>): Promise<void> {
  const other = connect(url, { max: 1 })
  await work(other)
  await other.close()
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

async function timesOf(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) times.push(await timeOf(work))
  return times
}

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN
}
