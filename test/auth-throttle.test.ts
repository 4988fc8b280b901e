import { describe, expect, test } from 'vitest'
import { createAuthRepository } from '../src/modules/auth/repository.ts'
import { createThrottleRepository } from '../src/modules/auth/throttle-repository.ts'
import { networkOf, siteOf } from '../src/text/networks.ts'
import { password, testApp } from './support/app.ts'
import {
  aName,
  anEmail,
  call,
  changePassword,
  checkLog,
  database,
  expectProblem,
  figure,
  logIn,
  logInFrom,
  newUser,
  register,
  serveAuth,
  service,
  statuses,
} from './support/auth.ts'

serveAuth()

const wrong = 'not the password at all'
const verified = (app = service.app) => figure('password_hash_duration_seconds_count', { kind: 'verify' }, app)
const anAddress = () => `198.51.${Math.floor(Math.random() * 256)}.${Math.floor(Math.random() * 256)}`

describe('guessing one account', () => {
  test('a thousand times from 100 addresses at two replicas gets few guesses, and its user logs in', {
    tags: 'slow',
  }, async () => {
    const { login } = await newUser()
    const apps = [service.app, await service.replica()]
    const hashesBefore = (await verified()) + (await verified(apps[1]))
    const answers = []
    for (let round = 0; round < 20; round++) {
      const guesses = Array.from({ length: 50 }, (_, i) =>
        logInFrom(`203.0.113.${(round * 50 + i) % 100}`, login, `guess ${round} ${i}`, apps[i % 2]),
      )
      answers.push(...(await Promise.all(guesses)))
    }
    const hashes = (await verified()) + (await verified(apps[1])) - hashesBefore
    expect(hashes).toBeLessThanOrEqual(40)
    expect(statuses(answers)).toEqual({ 401: hashes, 429: 1000 - hashes })
    for (const app of apps) expect((await logIn(login, password, app)).statusCode).toBe(200)
    await now()
    expectProblem(await logInFrom('192.0.2.1', login), 429, 'too_many_requests')
  })

  test('is answered with 429, and with when to come again in three fields', async () => {
    const { login } = await newUser()
    const address = anAddress()
    for (let i = 0; i < 10; i++) expectProblem(await logInFrom(address, login, wrong), 401, 'invalid_credentials')
    const before = [await verified(), await figure('auth_throttled_total', { by: 'account' })]
    await now()
    const answer = await logInFrom(address, login)
    expectProblem(answer, 429, 'too_many_requests')
    expect(answer.headers).toMatchObject({
      'retry-after': '1',
      'ratelimit-policy': '"login";q=10;w=86400',
      ratelimit: '"login";r=0;t=1',
    })
    expect(answer.json().detail).toBe('Too many failed attempts: wait 1 s')
    expect([await verified(), await figure('auth_throttled_total', { by: 'account' })]).toEqual([
      before[0],
      (before[1] ?? 0) + 1,
    ])
  })

  test('doubles the wait with each failure, up to 15 minutes', async () => {
    const login = aName()
    for (let i = 0; i < 10; i++) await logIn(login, wrong)
    for (const wait of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
      await now()
      const answer = await logIn(login, wrong)
      expect([answer.statusCode, answer.headers['retry-after']]).toEqual([429, String(wait)])
      await pass(wait)
      expect((await logIn(login, wrong)).statusCode).toBe(401)
    }
  })

  test('tells nothing of who has an account: an unknown and a blocked one are throttled alike', async () => {
    const [ann, blocked] = [await newUser(), await newUser()]
    await database.sql`update users set blocked = true where id = ${blocked.id}`
    const answersTo = async (login: string) => {
      const answers = []
      for (let i = 0; i < 12; i++) {
        answers.push(await logInFrom(anAddress(), login, wrong))
        await now()
      }
      return answers.map(({ statusCode, headers }) => [statusCode, headers['ratelimit-policy']])
    }
    const known = await answersTo(ann.login)
    expect(known.at(-1)).toEqual([429, '"login";q=10;w=86400'])
    expect(await answersTo(aName())).toEqual(known)
    expect(await answersTo(blocked.login)).toEqual(known)
  })

  test('every spelling of a login is the same account', async () => {
    const login = anEmail()
    for (let i = 0; i < 10; i++) await logIn(i % 2 ? login.toUpperCase() : ` ${login}`, wrong)
    await now()
    expect((await logIn(login, wrong)).statusCode).toBe(429)
  })

  test('is forgotten after a day without a failure', async () => {
    const login = aName()
    for (let i = 0; i < 10; i++) await logIn(login, wrong)
    await pass(86_401)
    for (let i = 0; i < 10; i++) expect((await logIn(login, wrong)).statusCode).toBe(401)
    await now()
    expect((await logIn(login, wrong)).statusCode).toBe(429)
  })

  test('a right password is never too many: 40 logins at once from a new address', { tags: 'slow' }, async () => {
    const { login } = await newUser()
    const address = anAddress()
    const answers = await Promise.all(Array.from({ length: 40 }, () => logInFrom(address, login)))
    // On a busy machine some would wait for more than 5 s.
    expect([200, 503]).toEqual(expect.arrayContaining(answers.map((answer) => answer.statusCode)))
    expect(statuses(answers)[200]).toBeGreaterThan(10)
  })
})

describe('a known device', () => {
  test('has a count of its own, which a login sets back', async () => {
    const { login } = await newUser()
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 9; i++) expect((await logIn(login, wrong)).statusCode).toBe(401)
      expect((await logIn(login)).statusCode).toBe(200)
    }
    for (let i = 0; i < 10; i++) await logIn(login, wrong)
    await now()
    const answer = await logIn(login)
    expect([answer.statusCode, answer.headers['ratelimit-policy']]).toEqual([429, '"login";q=10;w=86400'])
    expect((await logInFrom(anAddress(), login)).statusCode).toBe(200)
  })

  test('is one that the account was logged in from, also when nothing is left of the session', async () => {
    const { login, id } = await newUser()
    const address = anAddress()
    expect((await logInFrom(address, login)).statusCode).toBe(200)
    await database.sql`delete from sessions where user_id = ${id}`
    for (let i = 0; i < 10; i++) await logInFrom(anAddress(), login, wrong)
    await now()
    expect((await logInFrom(anAddress(), login)).statusCode).toBe(429)
    expect((await logInFrom(address, login)).statusCode).toBe(200)
  })

  test('is a stranger again after 90 days without a login', async () => {
    const { login, id } = await newUser()
    const repository = createAuthRepository(database.db)
    await repository.cleanupNetworks()
    const networks = () => database.sql`select network from known_networks where user_id = ${id}`
    expect(await networks()).toEqual([{ network: '127.0.0.1' }])
    await database.sql`update known_networks set last_login_at = now() - interval '91 days' where user_id = ${id}`
    await repository.cleanupNetworks()
    expect(await networks()).toEqual([])
    for (let i = 0; i < 10; i++) await logInFrom(anAddress(), login, wrong)
    await now()
    expect((await logIn(login)).statusCode).toBe(429)
  })
})

describe('a refresh token of an earlier session', () => {
  const logInWith = (refresh_token: string, login: string, secret = password, remoteAddress = '127.0.0.1') =>
    call({ method: 'POST', url: '/login', remoteAddress, payload: { login, password: secret, refresh_token } })

  test('lets its device in where a neighbour at the same address has guessed too often', async () => {
    const { login, tokens } = await newUser()
    for (let i = 0; i < 11; i++) await logIn(login, wrong)
    await now()
    expect((await logIn(login)).statusCode).toBe(429)
    expect((await logInWith(tokens.refresh_token, login)).statusCode).toBe(200)
  })

  test('also when its session has ended, at an address that is new, and when others have failed everywhere', async () => {
    const { login, id, tokens } = await newUser()
    await database.sql`delete from sessions where user_id = ${id}`
    for (let i = 0; i < 11; i++) await logInFrom(anAddress(), login, wrong)
    await now()
    expect((await logInFrom(anAddress(), login)).statusCode).toBe(429)
    expect((await logInWith(tokens.refresh_token, login, password, anAddress())).statusCode).toBe(200)
  })

  test('has a count of its own, under the same public name', async () => {
    const { login, tokens } = await newUser()
    for (let i = 0; i < 10; i++) expect((await logInWith(tokens.refresh_token, login, wrong)).statusCode).toBe(401)
    await now()
    const answer = await logInWith(tokens.refresh_token, login)
    expect([answer.statusCode, answer.headers['ratelimit-policy']]).toEqual([429, '"login";q=10;w=86400'])
    expect((await logIn(login)).statusCode).toBe(200)
  })

  test('of another account, of before the user was in it, or made up proves nothing', async () => {
    const [ann, bob] = [await newUser(), await newUser()]
    const [session, , , mac] = bob.tokens.refresh_token.split('.')
    const madeUp = [ann.tokens.refresh_token, `${session}.0.${mac}`, `${session}.0.${ann.id}.${mac}`, 'x', '']
    for (let i = 0; i < 11; i++) await logIn(bob.login, wrong)
    await now()
    for (const token of madeUp) expect([token, (await logInWith(token, bob.login)).statusCode]).toEqual([token, 429])
  })
})

describe('registering without end', () => {
  const registerFrom = (remoteAddress: string) =>
    call({ method: 'POST', url: '/register', remoteAddress, payload: { login: aName(), password } })
  const counts = async () =>
    (await database.sql`select failures from auth_failures order by failures`).map((row) => row.failures)
  const setCounts = (failures: number) =>
    database.sql`update auth_failures set failures = ${failures}, failed_at = now()`

  test('is refused from the 300th of an hour at an address on, at both replicas', async () => {
    await database.sql`delete from auth_failures`
    const address = anAddress()
    expect((await registerFrom(address)).statusCode).toBe(201)
    expect(await counts()).toEqual([1])
    await setCounts(299)
    expect((await registerFrom(address)).statusCode).toBe(201)
    const other = await service.replica()
    await now()
    for (const app of [service.app, other]) {
      const answer = await app.inject({
        method: 'POST',
        url: '/register',
        remoteAddress: address,
        payload: { login: aName(), password },
      })
      expectProblem(answer, 429, 'too_many_requests')
      expect([answer.headers['ratelimit-policy'], answer.headers['retry-after']]).toEqual([
        '"registrations";q=300;w=3600',
        '1',
      ])
    }
    expect((await registerFrom(anAddress())).statusCode).toBe(201)
    await pass(1)
    expect((await registerFrom(address)).statusCode).toBe(201)
    await now()
    expect((await registerFrom(address)).headers['retry-after']).toBe('2')
  })

  test('counts an IPv6 /48 too, and the machine itself not at all', async () => {
    await database.sql`delete from auth_failures`
    expect((await registerFrom('127.0.0.1')).statusCode).toBe(201)
    expect(await counts()).toEqual([])
    expect((await registerFrom('2001:db8:9:1::1')).statusCode).toBe(201)
    expect(await counts()).toEqual([1, 1])
    await setCounts(999)
    expect((await registerFrom('2001:db8:9:2::1')).statusCode).toBe(201)
    await now()
    const answer = await registerFrom('2001:db8:9:3::1')
    expect([answer.statusCode, answer.headers['ratelimit-policy']]).toEqual([429, '"site-registrations";q=1000;w=3600'])
  })

  test('from 60 an hour on waits behind all others', async () => {
    await database.sql`delete from auth_failures`
    const busy = anAddress()
    expect((await registerFrom(busy)).statusCode).toBe(201)
    await setCounts(60)
    const order: string[] = []
    const noted = async (who: string, work: Promise<unknown>) => {
      await work
      order.push(who)
    }
    const six = (who: string, from: () => string) => Array.from({ length: 6 }, () => noted(who, registerFrom(from())))
    await Promise.all([...six('busy', () => busy), ...six('other', anAddress)])
    expect(order.slice(-3)).toEqual(['busy', 'busy', 'busy'])
  })
})

describe('spraying', () => {
  test('ten thousand accounts from one address is refused soon; who is known there, and elsewhere, gets in', {
    tags: 'slow',
  }, async () => {
    await database.sql`delete from auth_failures`
    const here = anAddress()
    const [{ login, id }, stranger] = [await newUser(), await newUser()]
    await database.sql`update known_networks set network = ${here} where user_id = ${id}`
    await database.sql`update known_networks set network = '192.0.2.77' where user_id = ${stranger.id}`
    await database.sql`delete from auth_failures`
    const spray = () => logInFrom(here, aName(), wrong)
    await spray()
    await database.sql`update auth_failures set failures = 250`
    let tries = 250
    let answer = await spray()
    for (; tries < 10_000 && answer.statusCode === 401; tries++) answer = await spray()
    expect(tries).toBeLessThanOrEqual(300)
    expect([answer.statusCode, answer.headers['ratelimit-policy']]).toEqual([429, '"address";q=300;w=86400'])
    expect((await logInFrom(here, login)).statusCode).toBe(200)
    await now()
    expect((await spray()).statusCode, 'a login has not set the address back').toBe(429)
    await now()
    expect((await logInFrom(here, stranger.login)).statusCode).toBe(429)
    expect((await logInFrom('192.0.2.77', stranger.login)).statusCode).toBe(200)
    expect((await logInFrom(anAddress(), aName(), wrong)).statusCode).toBe(401)
  })

  test('counts an IPv6 network of 64 bits as one address', async () => {
    await atLimit((login) => logInFrom('2001:db8:1:2::1', login, wrong))
    expect((await logInFrom('2001:db8:1:2:ffff:ffff:ffff:ffff', aName(), wrong)).statusCode).toBe(429)
    expect((await logInFrom('2001:db8:1:3::1', aName(), wrong)).statusCode).toBe(401)
  })

  test('from many networks of an IPv6 /48 is counted for all of it, with a higher limit', async () => {
    await atLimit((login) => logInFrom('2001:db8:5:1::1', login, wrong))
    await database.sql`update auth_failures set failures = 999`
    const from = (network: number, site = 5) => logInFrom(`2001:db8:${site}:${network}::1`, aName(), wrong)
    expect((await from(2)).statusCode).toBe(401)
    await now()
    const answer = await from(3)
    expect([answer.statusCode, answer.headers['ratelimit-policy']]).toEqual([429, '"site";q=1000;w=86400'])
    expect((await from(3, 6)).statusCode).toBe(401)
    expect([siteOf('2001:db8:a:b::/64'), siteOf('203.0.113.7'), siteOf('unknown')]).toEqual([
      '2001:db8:a::/48',
      undefined,
      undefined,
    ])
  })

  test('from the machine itself is counted only where a proxy names the clients', async () => {
    const proxied = await testApp({ TRUST_PROXY: '10.0.0.0/8' })
    for (const [{ app }, count] of [
      [service, 0],
      [proxied, 1],
    ] as const) {
      await app.database.sql`delete from auth_failures`
      for (const remoteAddress of ['127.0.0.1', '::1', '127.1.2.3', '::ffff:127.0.0.1'])
        await app.inject({ method: 'POST', url: '/login', remoteAddress, payload: { login: aName(), password: wrong } })
      // Four accounts, and the addresses: three, as ::ffff:127.0.0.1 is the first one, with the site of ::1.
      expect(await app.database.sql`select from auth_failures`).toHaveLength(4 + 4 * count)
    }
    await proxied.close()
  })

  test('with a forged X-Forwarded-For changes nothing', async () => {
    const from = (forged: string, login: string, secret: string) =>
      call({
        method: 'POST',
        url: '/login',
        remoteAddress: '203.0.113.200',
        headers: { 'x-forwarded-for': forged },
        payload: { login, password: secret },
      })
    await atLimit((login) => from(anAddress(), login, wrong))
    expect((await from(anAddress(), aName(), wrong)).statusCode).toBe(429)
    const { login } = await newUser()
    await now()
    expect((await from('127.0.0.1', login, password)).statusCode).toBe(429)
  })

  test('with TRUST_PROXY is counted under the address that the proxy tells', async () => {
    const proxied = await testApp({ TRUST_PROXY: '10.0.0.0/8' })
    const from = (remoteAddress: string, forwarded: string) =>
      proxied.app.inject({
        method: 'POST',
        url: '/login',
        remoteAddress,
        headers: { 'x-forwarded-for': forwarded },
        payload: { login: aName(), password: wrong },
      })
    await from('10.0.0.1', '203.0.113.1')
    await proxied.app.database.sql`update auth_failures set failures = 300, failed_at = now()`
    expect((await from('10.0.0.1', '203.0.113.1')).statusCode).toBe(429)
    expect((await from('10.9.9.9', '203.0.113.1')).statusCode).toBe(429)
    expect((await from('10.0.0.1', '203.0.113.2')).statusCode).toBe(401)
    expect((await from('192.0.2.1', '203.0.113.1')).statusCode).toBe(401)
    await proxied.close()
  })

  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:cb00:7107', '203.0.113.7'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0DB8:0000:0000:ffff::', '2001:db8:0:0::/64'],
    ['2001:db8:a:b:c:d:e:f', '2001:db8:a:b::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['unknown', 'unknown'],
    ['x'.repeat(10_000), 'unknown'],
    ['', 'unknown'],
  ])('%.40s counts as %s', (ip, network) => {
    expect(networkOf(ip)).toBe(network)
  })
})

describe('asking who has an account', () => {
  const registerFrom = (remoteAddress: string, login: string) =>
    call({ method: 'POST', url: '/register', remoteAddress, payload: { login, password } })

  test('by registering is refused after 300 that had one, and so is registering there', async () => {
    const { login } = await newUser()
    const address = anAddress()
    expectProblem(await registerFrom(address, login), 409, 'login_taken')
    await database.sql`update auth_failures set failures = 299 where failed_at = (select max(failed_at) from auth_failures)`
    expect((await registerFrom(address, aName())).statusCode).toBe(201)
    expectProblem(await registerFrom(address, login), 409, 'login_taken')
    for (const name of [login, aName()]) {
      await now()
      const answer = await registerFrom(address, name)
      expectProblem(answer, 429, 'too_many_requests')
      expect(answer.headers['ratelimit-policy']).toBe('"registration";q=300;w=86400')
    }
    expect((await registerFrom(anAddress(), aName())).statusCode).toBe(201)
    await pass(1)
    expect((await registerFrom(address, aName())).statusCode).toBe(201)
  })
})

describe('guessing the present password with a stolen token', () => {
  test('is throttled for the user, and ends with the right one', async () => {
    const { tokens, login } = await newUser()
    const change = (old_password: string) => changePassword(tokens, { old_password, new_password: password })
    for (let i = 0; i < 10; i++) expectProblem(await change(wrong), 400, 'wrong_password')
    await now()
    const answer = await change(password)
    expectProblem(answer, 429, 'too_many_requests')
    expect(answer.headers['ratelimit-policy']).toBe('"password";q=10;w=86400')
    expect((await logIn(login)).statusCode).toBe(200)
    await pass(1)
    expect((await change(password)).statusCode).toBe(204)
    for (let i = 0; i < 10; i++) expectProblem(await change(wrong), 400, 'wrong_password')
  })
})

describe('housekeeping', () => {
  test('removes the counts that are void, and no others', async () => {
    await database.sql`delete from auth_failures`
    const [old, young] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
    await database.sql`insert into auth_failures (key, failed_at)
      values (${old}, now() - interval '25 hours'), (${young}, now() - interval '23 hours')`
    await createThrottleRepository(database.db).cleanup()
    expect(await database.sql`select key from auth_failures`).toEqual([{ key: young }])
  })

  test('a count tells no login: it is kept under a hash', async () => {
    await database.sql`delete from auth_failures`
    const login = aName()
    await register({ login, password })
    await logInFrom(anAddress(), login, wrong)
    const [row] = await database.sql`select auth_failures::text as text from auth_failures`
    expect(row?.text).not.toContain(Buffer.from(login).toString('hex'))
  })
})

checkLog()

/** As if so much time had passed since every failure. */
async function pass(seconds: number): Promise<void> {
  await database.sql`update auth_failures set failed_at = failed_at - ${`${seconds} seconds`}::interval`
}

/** The waits of a slow machine don't count: as if every failure had been at this moment. */
async function now(): Promise<void> {
  await database.sql`update auth_failures set failed_at = now()`
}

/** One failure, counted as if it were the 300th of its address. */
async function atLimit(fail: (login: string) => Promise<unknown>): Promise<void> {
  await database.sql`delete from auth_failures`
  await fail(aName())
  await database.sql`update auth_failures set failures = 300, failed_at = now()`
}
