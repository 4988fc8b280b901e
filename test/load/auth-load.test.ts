import { lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { password, type TestUser } from '../support/app.ts'
import {
  aName,
  checkLog,
  database,
  expectProblem,
  figure,
  logIn,
  logInFrom,
  median,
  newUser,
  serveAuth,
  service,
  statuses,
  timeOf,
} from '../support/auth.ts'

serveAuth()

const verifies = () => figure('password_hash_duration_seconds_count', { kind: 'verify' })
const hashes = () => figure('password_hash_duration_seconds_count', { kind: 'hash' })

let ann: TestUser
let blocked: TestUser
beforeEach(async () => {
  ;[ann, blocked] = [await newUser(), await newUser()]
  await database.sql`update users set blocked = true where id = ${blocked.id}`
  await database.sql`delete from auth_failures`
})

describe('a login that fails', () => {
  // The failures of the round before are forgotten, or the throttle would answer.
  const forget = () => database.sql`delete from auth_failures`
  const ways = {
    'a wrong password': () => logIn(ann.login, 'another password'),
    'a wrong password from elsewhere': () => logInFrom('192.0.2.1', ann.login, 'another password'),
    'an unknown login': () => logIn(aName()),
    'a blocked user': () => logIn(blocked.login),
    'a blocked user with a wrong password': () => logIn(blocked.login, 'another password'),
  }

  test.each(Object.entries(ways))('for %s costs exactly one hash', async (_why, attempt) => {
    const before = [await verifies(), await hashes()]
    for (let i = 0; i < 3; i++) expectProblem(await attempt(), 401, 'invalid_credentials')
    expect([await verifies(), await hashes()]).toEqual([(before[0] ?? 0) + 3, before[1]])
  })

  // 200 tries of each, in turn and each first as often as last, so that noise falls on all alike: in CPU time, which what
  // else runs on the machine does not take. Without the work of a hash an answer would cost many times less, every time.
  test('takes the same work for a wrong password, an unknown login and a blocked user', {
    timeout: 240_000,
  }, async () => {
    const three = [ways['a wrong password'], ways['an unknown login'], ways['a blocked user']]
    const spread = async () => {
      const times = three.map((): number[] => [])
      for (let i = 0; i < 200; i++) {
        if (i % 5 === 0) await forget()
        for (let j = 0; j < three.length; j++) {
          const which = (i + j) % three.length
          times[which]?.push(await cpuOf(three[which] as () => Promise<unknown>))
        }
      }
      const medians = times.map(median)
      return Math.max(...medians) / Math.min(...medians)
    }
    const spreads: number[] = []
    for (let i = 0; i < 3 && !spreads.some((each) => each < 1.1); i++) spreads.push(await spread())
    expect(Math.min(...spreads), `medians apart by ${spreads}`).toBeLessThan(1.1)
  })
})

describe('many logins at once', () => {
  test('are all answered, those that would wait for more than 5 s at once, and leave threads for files and DNS', async () => {
    const { login } = await newUser()
    let done = 0
    const logins = Array.from({ length: 200 }, () => logIn(login).finally(() => done++))
    await Promise.race(logins)
    const file = readFile(import.meta.filename).then(() => done)
    const name = lookup('localhost').then(() => done)
    const answers = statuses(await Promise.all(logins))
    expect((answers[200] ?? 0) + (answers[503] ?? 0)).toBe(200)
    // As fast as they come: 5 s of hashes on the slowest machine.
    expect(answers[200]).toBeGreaterThan(20)
    expect(await file).toBeLessThan(100)
    expect(await name).toBeLessThan(100)
  })

  test('leave GET /films usable', async () => {
    const films = () => timeOf(() => service.app.inject({ url: '/films', headers: ann.headers }))
    await films()
    let done = 0
    const all = timeOf(() => Promise.all(Array.from({ length: 200 }, () => logIn(ann.login).finally(() => done++))))
    const meanwhile: number[] = []
    while (done < 200) meanwhile.push(await films())
    // A request that queued behind the logins would take as long as they.
    expect(median(meanwhile)).toBeLessThan((await all) / 20)
    expect(meanwhile.length).toBeGreaterThan(20)
  })

  test('beyond what can wait are answered with 503 at once, and told when to come again', {
    timeout: 120_000,
  }, async () => {
    const overloaded = () => figure('auth_logins_total', { outcome: 'overloaded' })
    const before = [await figure('password_hash_rejected_total'), await overloaded()] as const
    const login = aName()
    const answers = await Promise.all(Array.from({ length: 560 }, () => logInFrom('192.0.2.9', login, password)))
    const refused = answers.filter((answer) => answer.statusCode === 503)
    expect(refused.length).toBeGreaterThan(0)
    for (const answer of refused) {
      expectProblem(answer, 503, 'overloaded')
      expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
    }
    // Some did not get to the queue for a hash, on a fast machine all: what comes before it has a bound as well.
    expect((await figure('password_hash_rejected_total')) - before[0]).toBeLessThanOrEqual(refused.length)
    expect(await overloaded()).toBe(before[1] + refused.length)
    // Once it was their turn, most were refused for the failures of the first: no hash was made for them.
    expect(statuses(answers)[429]).toBeGreaterThan(statuses(answers)[401] ?? 0)
    expect(await figure('password_hash_waiting')).toBe(0)
    expect((await logIn(ann.login)).statusCode).toBe(200)
  })
})

checkLog()

/** CPU time of this process, in ms. */
async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
