import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { password, testApp } from './support/app.ts'
import {
  aForm,
  aGenre,
  aName,
  anEmail,
  aPhone,
  checkLog,
  database,
  expectProblem,
  logIn,
  type Members,
  post,
  register,
  serveAuth,
  service,
  statuses,
  upperCaseAt,
} from './support/auth.ts'

serveAuth()

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
    // On a busy machine some would wait for more than 5 s.
    const { 201: won, 409: taken = 0, 503: refused = 0 } = statuses(answers)
    expect([won, taken + refused]).toEqual([1, 19])
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
    ['the phone and a year', { phone: '0509876543', password: '0509876543!2026' }, 'weak_password'],
    ['the phone without its first digits', { phone: '0509876543', password: '#9876543#' }, 'weak_password'],
    ['the user name and digits', { login: 'annabelle.2', password: 'Annabelle2026!' }, 'weak_password'],
    ['the user name turned around', { login: 'belle_anna', password: 'anna-belle-99' }, 'weak_password'],
    ['the user name in full width', { login: 'annabelle.3', password: 'ＡＮＮＡＢＥＬＬＥ.3' }, 'weak_password'],
    ["a part of the e-mail's name", { email: 'anna.weak@example.org', password: 'weak12345!' }, 'weak_password'],
    ['an e-mail name of digits', { email: '9876543210@example.org', password: '9876543210-1' }, 'weak_password'],
    ["the service's name", { login: 'ann.weak.1', password: 'kinoteka' }, 'weak_password'],
    ["the service's name and a year", { login: 'ann.weak.1', password: 'Kinoteka-2026' }, 'weak_password'],
    ['the name of what it serves', { login: 'ann.weak.1', password: 'kinopoisk2026' }, 'weak_password'],
    ["the service's name in Cyrillic", { login: 'ann.weak.1', password: 'КиноТека123' }, 'weak_password'],
    ["the service's name and the login", { login: 'annabelle.4', password: 'annabelle@kinoteka' }, 'weak_password'],
    ['a common password with 123', { login: 'ann.weak.1', password: 'password123' }, 'weak_password'],
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
    ['64 characters', 'wood '.repeat(13).slice(0, 64)],
    ['four words', 'correct horse battery kinoteka'],
    ['8 emoji', '🔑🎬🍿🎥📽🎞🌟🦊'],
    ['letters alone', 'tgwqpxnvbmzk'],
    ['digits alone', '83619250741'],
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

describe('the log of a failure', () => {
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
})

checkLog()
