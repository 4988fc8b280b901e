import { Registry } from 'prom-client'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { connect } from '../src/db/connect.ts'
import { AppError } from '../src/errors.ts'
import { accountRequest, filmRequest } from '../src/kinopoisk/endpoints.ts'
import { failureOf, UpstreamFailure } from '../src/kinopoisk/failures.ts'
import { createMetrics } from '../src/kinopoisk/metrics.ts'
import { createCallerBudgets } from '../src/kinopoisk/quota/caller-budgets.ts'
import { createKeyAccountPoller } from '../src/kinopoisk/quota/key-account-poller.ts'
import { createKeyAccountRepository } from '../src/kinopoisk/quota/key-accounts.ts'
import { createLedger } from '../src/kinopoisk/quota/ledger.ts'
import { createQuota } from '../src/kinopoisk/quota/quota.ts'
import { createUsage } from '../src/kinopoisk/quota/usage.ts'
import type { CallContext, Layer, Purpose, UpstreamFetch } from '../src/kinopoisk/request.ts'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './support/app.ts'
import { type ClockedDatabase, clockedDatabase } from './support/clock.ts'
import { expectProblem, serve } from './support/movies.ts'
import { patient } from './support/patience.ts'

const resetTz = 'Europe/Moscow'
const key = { keyHash: 'key', resetTz }
const at = (time: string) => `2026-06-01T${time}+03:00`
const lastMoment = at('23:59:59.999')

let clocked: ClockedDatabase
let database: ReturnType<typeof connect>
beforeAll(async () => {
  clocked = await clockedDatabase()
  database = connect(clocked.url)
})
beforeEach(() => clocked.stopAt(at('12:00:00')))
afterEach(
  () =>
    database.sql`truncate kinopoisk_answers, kinopoisk_leases, kinopoisk_usage, kinopoisk_accounts, kinopoisk_rates, kinopoisk_reservations, users cascade`,
)
afterAll(() => database.close())

const ledgerOf = (configured?: number) => createLedger(database.db, { ...key, configured })
const budgetsOf = () => createCallerBudgets(database.db, { ...key, configured: undefined })
const accountsOf = () => createKeyAccountRepository(database.db, key)
type Ledger = ReturnType<typeof ledgerOf>

/** How many calls in a row may be made. */
async function spend(ledger: Ledger, purpose: Purpose, most = 1_000): Promise<number> {
  for (let calls = 0; calls < most; calls += 1) {
    if (typeof (await ledger.reserve(purpose, 'film')) === 'string') return calls
  }
  return most
}

type Spent = Partial<Record<Purpose | 'outside', number>>

async function spentBefore(spent: Spent): Promise<void> {
  const row = { key_hash: 'key', day: '2026-06-01', ...spent }
  await database.sql`insert into kinopoisk_usage ${database.sql(row)}`
}

/** That the purpose has just so many calls. All but the last ten are spent before, as each takes a statement. */
async function expectCalls(limit: number, purpose: Purpose, calls: number, spent: Spent = {}): Promise<void> {
  const last = Math.min(calls, 10)
  await spentBefore({ ...spent, [purpose]: calls - last })
  expect(await spend(ledgerOf(limit), purpose)).toBe(last)
}

describe('the ledger', () => {
  test('of 200 that pay at once from a quota of 37 just 37 can', { tags: 'slow' }, async () => {
    await clocked.stopAt(lastMoment)
    const purposes = ['interactive', 'refresh', 'import'] as const
    const ledger = ledgerOf(37)
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, i) => ledger.reserve(purposes[i % 3] ?? 'import', 'film')),
    )
    expect(all.filter((charge) => charge === 'day')).toHaveLength(200 - 37)
    const { spent, limit } = await ledger.read()
    expect(Object.values(spent).reduce((sum, calls) => sum + calls)).toBe(37)
    expect(limit).toBe(37)
  })

  test.each([
    [500, '00:00:00', 400],
    [500, '12:00:00', 400],
    [500, '18:00:00', 400],
    [500, '21:00:00', 450],
    [500, '23:59:59.999', 500],
    [50, '12:00:00', 39],
    [50, '23:59:59.999', 50],
    [10, '12:00:00', 7],
    [10, '23:59:59.999', 10],
    [1, '00:00:00', 1],
    [1, '12:00:00', 1],
    [0, '23:59:59.999', 0],
  ])('of %i a day, those who wait have at %s %i', async (limit, time, calls) => {
    await clocked.stopAt(at(time))
    await expectCalls(limit, 'interactive', calls)
  })

  test.each([
    // The day before has been busy: nothing is left over.
    ['import', '00:00:00', 250, 25],
    ['import', '12:00:00', 250, 25],
    ['import', '12:00:00', 490, 10],
    ['refresh', '00:00:00', 250, 5],
    ['refresh', '12:00:00', 250, 43],
    ['refresh', '23:59:59.999', 250, 75],
    ['refresh', '23:59:59.999', 490, 10],
    // A quiet day: on until half of an even spend.
    ['import', '12:00:00', 0, 125],
    ['refresh', '12:00:00', 0, 125],
    ['refresh', '12:00:00', 100, 43],
    ['refresh', '06:00:00', 0, 63],
  ] as const)('%s has at %s, after %i calls of others, %i of 500', async (purpose, time, outside, calls) => {
    await clocked.stopAt(at(time))
    await expectCalls(500, purpose, calls, { outside })
  })

  test('what refresh and import have spent of their shares is not held for them too', async () => {
    await expectCalls(500, 'interactive', 400, { refresh: 75, import: 25 })
  })

  test('without limit all may, and are counted', async () => {
    const ledger = ledgerOf(-1)
    await spentBefore({ outside: 100_000 })
    for (const purpose of ['interactive', 'refresh', 'import'] as const) expect(await spend(ledger, purpose, 9)).toBe(9)
    expect(await ledger.read()).toMatchObject({ limit: -1, spent: { interactive: 9, refresh: 9, import: 9 } })
  })

  test.each([
    [undefined, undefined, 500],
    [undefined, 2_000, 2_000],
    [undefined, -1, -1],
    [100, undefined, 100],
    [100, 2_000, 100],
    [100, 50, 50],
    [100, -1, 100],
    [-1, undefined, -1],
    [-1, 500, 500],
    [-1, -1, -1],
    [0, -1, 0],
  ])('configured %j and told %j a day are %i', async (configured, told, limit) => {
    if (told !== undefined) {
      await accountsOf().claim('1 min')
      await accountsOf().update({ limit: told, left: true })
    }
    expect((await ledgerOf(configured).read()).limit).toBe(limit)
  })

  test('the day ends at midnight of its zone, also on a day of 23 hours', async () => {
    await clocked.stopAt(lastMoment)
    const ledger = ledgerOf(2)
    expect(await spend(ledger, 'interactive')).toBe(2)
    expect((await ledger.read()).resetsAt).toEqual(new Date('2026-06-02T00:00:00+03:00'))
    await clocked.pass('1 ms')
    expect(await spend(ledger, 'interactive')).toBe(2)
    const berlin = createLedger(database.db, { ...key, configured: 500, resetTz: 'Europe/Berlin' })
    await clocked.stopAt('2026-03-29T12:00:00+02:00')
    expect(await berlin.read()).toMatchObject({
      resetsAt: new Date('2026-03-30T00:00:00+02:00'),
      resetsInSeconds: 43_200,
    })
  })

  test.each(['Etc/GMT-3', 'Etc/GMT+11', 'Etc/GMT-14', 'America/New_York', 'Asia/Calcutta', 'UTC'])(
    'PostgreSQL and Node agree on when the day ends in %s',
    async (resetTz) => {
      const ledger = createLedger(database.db, { ...key, configured: 500, resetTz })
      const { resetsAt } = await ledger.read()
      const format = new Intl.DateTimeFormat('en', { timeZone: resetTz, hourCycle: 'h23', timeStyle: 'medium' })
      expect(format.format(resetsAt)).toBe('00:00:00')
    },
  )

  test('a call that was not made is given back to the day that paid it', async () => {
    await clocked.stopAt(lastMoment)
    const ledger = ledgerOf(3)
    const charge = await ledger.reserve('interactive', 'film')
    await clocked.pass('1 s')
    await ledger.reserve('interactive', 'film')
    if (typeof charge !== 'string') await ledger.refund(charge.reservation)
    expect((await ledger.read()).spent.interactive).toBe(1)
    await clocked.pass('-1 s')
    expect((await ledger.read()).spent.interactive).toBe(0)
  })

  test.each([
    // ours, outside before, used as told, nothing under way, outside after
    [100, 0, 130, false, 30],
    [100, 0, 100, false, 0],
    [100, 0, 80, false, 0],
    [100, 0, 79, false, -21],
    [100, 0, 99, true, -1],
    [100, 30, 125, false, 30],
    [100, 30, 140, false, 40],
    [100, 30, 5, false, -95],
    [0, 0, 7, false, 7],
  ])('%i of ours and %i outside, told %i (quiet: %j): %i outside', async (ours, outside, used, quiet, after) => {
    if (ours) await spentBefore({ interactive: ours, outside })
    await ledgerOf().reconcile(used, { quiet, day: '2026-06-01' })
    expect((await ledgerOf().read()).spent.outside).toBe(after)
  })
})

describe('the layer alone', () => {
  const call = (purpose: Purpose = 'interactive'): CallContext => ({ purpose, deadline: performance.now() + 1_000 })
  const film = filmRequest(7)
  const answering: UpstreamFetch = async () => ({ value: null, text: null, fetchedAt: new Date(), via: 'miss' })
  const failing = (status: number): UpstreamFetch => {
    return async () => {
      throw failureOf(status, undefined)
    }
  }

  function build(ledger: Ledger) {
    const metrics = createMetrics()
    const warnings: string[] = []
    const warn = (_: unknown, message: string) => void warnings.push(message)
    const quota = createQuota({ ledger, accounts: accountsOf(), budgets: budgetsOf(), metrics, warn })
    const refused = async (purpose: Purpose) => {
      const { values } = await metrics.quotaRefused.get()
      return values.find(({ labels }) => labels.purpose === purpose)?.value
    }
    return { quota, warnings, refused }
  }

  async function refusalOf(layer: Layer, by: CallContext = call(), fetch = answering) {
    const error = await layer(fetch)(film, by).then(
      () => undefined,
      (error) => error,
    )
    if (!(error instanceof AppError)) throw new Error('not refused')
    return { code: error.code, retryAfter: Number(error.headers['retry-after']) }
  }

  test('what is used up is refused until the reset, and then at once without the database', async () => {
    await clocked.stopAt(at('23:59:00'))
    const { quota, refused } = build(ledgerOf(1))
    await quota.failFast(quota.charged(answering))(film, call())
    const all = { code: 'upstream_quota_exhausted', retryAfter: 60 }
    expect(await refusalOf(quota.charged)).toEqual(all)
    expect(await refusalOf(quota.failFast)).toEqual(all)
    expect(await refused('interactive')).toBe(2)
    expect(await refused('import')).toBe(0)
    await quota.failFast(answering)(film, call('import'))
  })

  test('of a share that is used up the refusal is shorter, and only for its purpose', async () => {
    await spentBefore({ outside: 250, import: 25 })
    const { quota } = build(ledgerOf(500))
    expect(await refusalOf(quota.charged, call('import'))).toEqual({
      code: 'upstream_quota_exhausted',
      retryAfter: 900,
    })
    await quota.failFast(quota.charged(answering))(film, call())
  })

  test.each([
    [402, 'quota', 'upstream_quota_exhausted', 12 * 3600],
    [401, 'key', 'upstream_rejected_key', 900],
  ] as const)('after a %i no purpose asks, here and in other replicas', async (status, reason, code, retryAfter) => {
    const ledger = ledgerOf()
    const { quota, warnings } = build(ledger)
    expect(quota.isBlocked()).toBe(false)
    expect(await refusalOf(quota.charged, call(), failing(status))).toEqual({ code, retryAfter })
    expect(warnings).toHaveLength(1)
    expect(quota.isBlocked()).toBe(true)
    const other = build(ledgerOf()).quota
    for (const purpose of ['interactive', 'refresh', 'import'] as const) {
      for (const layer of [quota.failFast, quota.charged, other.charged, other.failFast]) {
        expect(await refusalOf(layer, call(purpose))).toEqual({ code, retryAfter })
      }
    }
    const until = reason === 'quota' ? new Date('2026-06-02T00:00:00+03:00') : null
    expect(await ledger.read()).toMatchObject({
      spent: { interactive: 1, refresh: 0, import: 0 },
      blocked: { reason, since: new Date(at('12:00:00')), until },
    })
    await clocked.pass('12 hours')
    expect((await ledger.read()).blocked === null).toBe(reason === 'quota')
  })

  test.each([
    ['ECONNREFUSED', 0],
    ['UND_ERR_CONNECT_TIMEOUT', 0],
    ['ECONNRESET', 1],
    ['UND_ERR_HEADERS_TIMEOUT', 1],
  ])('a call that ends with %s costs %i', async (code, cost) => {
    const ledger = ledgerOf()
    const { quota } = build(ledger)
    const broken: UpstreamFetch = async () => {
      throw new UpstreamFailure('connection', Object.assign(new Error(code), { code }))
    }
    await expect(quota.charged(broken)(film, call())).rejects.toMatchObject({ code: 'upstream_unavailable' })
    expect((await ledger.read()).spent.interactive).toBe(cost)
  })

  test('a call that began before and succeeds ends no block; what another replica ends is seen soon', {
    tags: 'slow',
  }, async () => {
    const { quota, warnings } = build(ledgerOf())
    const slow = Promise.withResolvers<void>()
    const begun = quota.charged(async (request, call) => slow.promise.then(() => answering(request, call)))(
      film,
      call(),
    )
    await vi.waitUntil(async () => (await ledgerOf().read()).spent.interactive === 1, patient)
    await expect(quota.charged(failing(402))(film, call())).rejects.toThrow()
    slow.resolve()
    await begun
    expect((await refusalOf(quota.charged)).code).toBe('upstream_quota_exhausted')
    await database.sql`update kinopoisk_accounts set blocked = null, blocked_at = null, blocked_until = null`
    await vi.waitFor(() => quota.failFast(quota.charged(answering))(film, call()), { timeout: 45_000 })
    expect(quota.isBlocked()).toBe(false)
    expect(warnings).toHaveLength(1)
  })

  test('a call that waits for its turn is not made after a 402 of another, and given back', async () => {
    const ledger = ledgerOf()
    const { quota } = build(ledger)
    const turn = Promise.withResolvers<void>()
    const made: Purpose[] = []
    const limited: Layer = (fetch) => async (request, call) => {
      await turn.promise
      return fetch(request, call)
    }
    const paid = quota.charged(
      limited(
        quota.recheckBlocked(async (request, call) => {
          made.push(call.purpose)
          return answering(request, call)
        }),
      ),
    )
    const waiting = Promise.allSettled([paid(film, call()), paid(film, call('import'))])
    await vi.waitUntil(async () => (await ledger.read()).spent.import === 1, patient)
    expect((await refusalOf(quota.charged, call(), failing(402))).code).toBe('upstream_quota_exhausted')
    turn.resolve()
    for (const { status } of await waiting) expect(status).toBe('rejected')
    expect(made).toEqual([])
    expect((await ledger.read()).spent).toMatchObject({ interactive: 1, import: 0 })
    await database.sql`truncate kinopoisk_accounts`
    await paid(film, call())
    expect(made).toEqual(['interactive'])
  })

  test('a call that is refused behind the payment is given back, one that upstream failed is not', async () => {
    const ledger = ledgerOf()
    const { quota } = build(ledger)
    const refusing: UpstreamFetch = async () => {
      throw new AppError('upstream_rate_limited')
    }
    await expect(quota.charged(refusing)(film, call())).rejects.toThrow()
    expect((await ledger.read()).spent.interactive).toBe(0)
    await expect(quota.charged(failing(500))(film, call())).rejects.toThrow()
    expect((await ledger.read()).spent.interactive).toBe(1)
  })
})

describe("the key's account", () => {
  const daily = (value: number, used: number, total = { value: -1, used }) => ({
    dailyQuota: { value, used },
    totalQuota: total,
  })

  function build(respond: () => unknown) {
    let asked = 0
    const fetch: UpstreamFetch = async (request) => {
      asked += 1
      const sent: unknown = await respond()
      if (sent === null) return { value: null, text: null, fetchedAt: new Date(), via: 'miss' }
      const value = request.read(sent)
      if (value === undefined) throw failureOf(418, undefined)
      return { value, text: '', fetchedAt: new Date(), via: 'miss' }
    }
    const ledger = ledgerOf()
    const accounts = accountsOf()
    const warn = () => {}
    const quota = createQuota({ ledger, accounts, budgets: budgetsOf(), metrics: createMetrics(), warn })
    const account = (everyMs = 20) =>
      createKeyAccountPoller({
        fetch,
        request: accountRequest('key'),
        accounts,
        ledger,
        quota,
        timeoutMs: 1_000,
        warn,
        everyMs,
      })
    return { account, ledger, accounts, quota, asked: () => asked }
  }

  /** Starts and stops it: the check of a start, and no other, however long that takes. */
  async function check({ account }: ReturnType<typeof build>) {
    const one = account(60_000)
    await one.start()
    one.close()
  }

  test('of many replicas that start at once one asks, and again one that starts a minute later', async () => {
    const { account, asked, ledger } = build(() => daily(2_000, 13))
    const replicas = Array.from({ length: 5 }, account)
    await Promise.all(replicas.map((one) => one.start()))
    expect(asked()).toBe(1)
    expect(await ledger.read()).toMatchObject({
      limit: 2_000,
      spent: { outside: 13 },
      checkedAt: new Date(at('12:00:00')),
    })
    await clocked.pass('61 s')
    await Promise.all(Array.from({ length: 5 }, account).map((one) => one.start().then(one.close)))
    expect(asked()).toBe(2)
    for (const one of replicas) one.close()
  })

  test.each([
    ['a day without limit', daily(-1, 5), -1],
    ['less left in all than of the day', daily(500, 100, { value: 10_000, used: 9_990 }), 110],
    ['nothing left in all', daily(-1, 100, { value: 100, used: 130 }), 100],
    ['more left in all than of the day', daily(500, 100, { value: 10_000, used: 100 }), 500],
    // A quota of 0 is not believed.
    ['nothing a day', daily(0, 0), 500],
    ['nothing a day nor in all', daily(0, 0, { value: 0, used: 0 }), 500],
    ['nothing in all', daily(2_000, 5, { value: 0, used: 0 }), 2_000],
    ['nothing a day, and some in all', daily(0, 7, { value: 100, used: 7 }), 100],
  ])('%s', async (_, told, limit) => {
    const built = build(() => told)
    await check(built)
    expect((await built.ledger.read()).limit).toBe(limit)
  })

  test.each([
    ['a 404', () => null],
    ['garbage', () => ({ dailyQuota: 500 })],
    ['an absurd figure', () => daily(1e12, 5)],
    ['a 500', () => Promise.reject(failureOf(500, undefined))],
  ])('from %s nothing is stored, and it is polled again after 15 minutes', async (_, answer) => {
    const built = build(answer)
    await check(built)
    expect(await built.ledger.read()).toMatchObject({ limit: 500, blocked: null, spent: { outside: 0 } })
    expect(await built.accounts.claim('3 h')).toBeUndefined()
    await clocked.pass('15 minutes')
    expect(await built.accounts.claim('3 h')).toEqual({ blocked: false, day: '2026-06-01' })
  })

  test.each([
    [401, 'key'],
    [402, 'quota'],
  ])('a %i there is one of the calls too: %s', async (status, reason) => {
    const built = build(() => Promise.reject(failureOf(status, undefined)))
    await check(built)
    expect((await built.ledger.read()).blocked).toMatchObject({ reason })
  })

  test('it is asked every three hours; while blocked after 15 s, then every 15 minutes', async () => {
    const { accounts, ledger } = build(() => null)
    const due = async () => {
      const { blocked } = await ledger.read()
      return (await accounts.claim(blocked ? '15 min' : '3 h')) !== undefined
    }
    await accounts.claim('1 min')
    await accounts.update({ limit: 500, left: true })
    await clocked.pass('179 minutes')
    expect(await due()).toBe(false)
    await clocked.pass('1 minute')
    expect(await due()).toBe(true)
    await clocked.pass('1 minute')
    await accounts.block('quota')
    await clocked.pass('14 s')
    expect(await due()).toBe(false)
    await clocked.pass('1 s')
    expect(await due()).toBe(true)
    await clocked.pass('14 minutes')
    await accounts.block('quota')
    expect(await due()).toBe(false)
    await clocked.pass('1 minute')
    expect(await due()).toBe(true)
    // What comes back as soon as it was over is no short trouble.
    await accounts.update({ limit: 500, left: true })
    await clocked.pass('1 minute')
    await accounts.block('quota')
    await clocked.pass('13 minutes')
    expect(await due()).toBe(false)
    await clocked.pass('1 minute')
    expect(await due()).toBe(true)
  })

  test.each([
    ['quota', daily(500, 500), true],
    ['quota', daily(500, 499), false],
    ['quota', daily(2_000, 500), false],
    ['quota', daily(-1, 500, { value: 500, used: 500 }), true],
    ['quota', daily(0, 0), true],
    ['key', daily(0, 0), false],
    ['key', daily(500, 500), false],
    ['key', daily(500, 0), false],
  ] as const)('a block for the %s, told %j: still blocked %j', async (reason, told, stays) => {
    const built = build(() => told)
    await built.accounts.block(reason)
    await clocked.pass('15 s')
    await check(built)
    expect((await built.ledger.read()).blocked !== null).toBe(stays)
    expect(built.quota.isBlocked()).toBe(stays)
  })

  test("calls that others have spent all are asked about again soon: they may be of upstream's day before", async () => {
    let used = 500
    const built = build(() => daily(500, used))
    const account = built.account()
    await account.start()
    expect(await spend(built.ledger, 'interactive')).toBe(0)
    used = 3
    await built.quota.refreshBalance()
    await clocked.pass('15 minutes')
    await vi.waitFor(async () => expect((await built.ledger.read()).spent.outside).toBe(3), { timeout: 45_000 })
    expect(built.asked()).toBe(2)
    account.close()
  })

  test("an answer that comes after the day is over says nothing of the new one's calls", async () => {
    await clocked.stopAt(lastMoment)
    const built = build(async () => {
      await clocked.pass('1 s')
      return daily(500, 430)
    })
    await check(built)
    expect(await built.ledger.read()).toMatchObject({ limit: 500, spent: { outside: 0 } })
  })

  test('a call that is refused while the account is asked about is newer than the answer', async () => {
    const built = build(async () => {
      await clocked.pass('1 s')
      await built.accounts.block('quota')
      return daily(500, 499)
    })
    await check(built)
    expect((await built.ledger.read()).blocked).toMatchObject({ reason: 'quota' })
  })

  test('a small quota that is reset early is all there again', async () => {
    const built = build(() => daily(10, 0))
    await spentBefore({ interactive: 10 })
    await built.accounts.block('quota')
    await clocked.pass('15 s')
    await check(built)
    expect(await spend(built.ledger, 'interactive')).toBe(7)
  })

  test('the process that knows of a block asks by itself, and nobody asks while there is none', async () => {
    const built = build(() => daily(500, 1))
    const account = built.account()
    await account.start()
    await clocked.pass('10 s')
    await built.quota.recordFailure(failureOf(402, undefined))
    await clocked.pass('15 s')
    await vi.waitFor(async () => expect((await built.ledger.read()).blocked).toBeNull(), { timeout: 45_000 })
    expect(built.asked()).toBe(2)
    account.close()
  })
})

describe('over HTTP', () => {
  const services: TestApp[] = []
  afterEach(async () => {
    for (const service of services.splice(0)) await service.close()
  })
  afterAll(() => clocked.runFrom(at('12:00:00')))

  /** The service on the database with the clock, and a sandbox whose day is moved by `pass`. */
  async function start(env: Record<string, string>, dailyQuota: number) {
    await clocked.runFrom(at('12:00:00'))
    let now = () => Date.parse(at('12:00:00')) + performance.now() - begun
    const begun = performance.now()
    const service = await testApp(env, { databaseUrl: clocked.url }, { dailyQuota, now: () => now() })
    services.push(service)
    await vi.waitUntil(() => service.accountCalls.length === 1, { timeout: 45_000 })
    const user = await testUser(service.app)
    const get = (url: string, app = service.app) => as(app, user)({ method: 'GET', url })
    const metric = async (name: string) => {
      const { body } = await service.app.inject({ method: 'GET', url: '/metrics' })
      return body.split('\n').find((line) => line.startsWith(`${name} `))
    }
    const pass = async (interval: string, ms: number) => {
      const before = now
      now = () => before() + ms
      await clocked.pass(interval)
    }
    return { service, get, metric, pass }
  }

  /** Waits until a film is answered. */
  const untilAnswered = (get: (url: string) => Promise<{ statusCode: number }>, url: string) =>
    vi.waitFor(async () => expect((await get(url)).statusCode).toBe(200), { timeout: 45_000, interval: 200 })

  test('a quota of 50 and 400 films asked of two replicas: no call too many, and a new day', {
    tags: 'slow',
  }, async () => {
    const { service, get, metric, pass } = await start({ KINOPOISK_TIMEOUT: '1m' }, 50)
    const apps = [service.app, await service.replica()]
    const ids = Array.from({ length: 400 }, (_, i) => 9_000_000 + i)
    const answers = await Promise.all(ids.map((id, i) => get(`/movies/${id}`, apps[i % 2])))
    const codes = Map.groupBy(answers, (answer) => answer.json().code)
    // 11 of 50 are held for what is renewed and imported.
    const counts = [...codes].map(([code, { length }]) => [code, length])
    expect(Object.fromEntries(counts)).toEqual({ movie_not_found: 39, upstream_quota_exhausted: 361 })
    expect(service.calls).toHaveLength(39)
    for (const answer of codes.get('upstream_quota_exhausted') ?? []) {
      expectProblem(answer, 503, 'upstream_quota_exhausted')
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    }
    expect(await metric('kinopoisk_quota_limit')).toBe('kinopoisk_quota_limit 50')
    expect(await metric('kinopoisk_quota_left')).toBe('kinopoisk_quota_left 11')
    expect(await metric('kinopoisk_quota_spent{purpose="interactive"}')).toMatch(/ 39$/)
    await pass('1 day', 86_400_000)
    await untilAnswered(get, '/movies/327')
    expect(service.calls.filter(({ status }) => status === 402)).toEqual([])
  })

  test('what upstream counts no more is no negative number, and no more is left than there is', {
    tags: 'slow',
  }, async () => {
    await clocked.runFrom(at('12:00:00'))
    const service = await testApp({}, { databaseUrl: clocked.url, firstAdmin }, { dailyQuota: 500 })
    services.push(service)
    const admin = as(service.app, await testAdmin(service))
    expect((await admin({ method: 'GET', url: '/movies/301' })).statusCode).toBe(200)
    await database.sql`update kinopoisk_usage set interactive = 330, outside = -328`
    const { quota } = (await admin({ method: 'GET', url: '/admin/kinopoisk' })).json()
    expect(quota).toMatchObject({ limit: 500, left: 498, spent: { interactive: 330, outside: 0 } })
    await database.sql`update kinopoisk_usage set interactive = 327`
    const { body } = await service.app.inject({ method: 'GET', url: '/metrics' })
    expect(body).toContain('kinopoisk_quota_left 500')
    expect(body).toMatch(/^kinopoisk_quota_spent\{purpose="outside"\} 0$/m)
  })

  test.each<[string, object, { limit: number; outside: number }]>([
    ['no total', { dailyQuota: { value: 20, used: 3 } }, { limit: 20, outside: 3 }],
    ...[
      { value: -1, used: null },
      { value: 2 ** 63, used: 3 },
      { value: -1, used: 3_000_000_000 },
      { value: 'x', used: 'x' },
      5,
    ].map(
      (totalQuota) =>
        [
          `the total ${JSON.stringify(totalQuota)}`,
          { dailyQuota: { value: 20, used: 3 }, totalQuota },
          { limit: 20, outside: 3 },
        ] as [string, object, { limit: number; outside: number }],
    ),
    [
      'no number of the calls of today',
      { dailyQuota: { value: 20, used: null }, totalQuota: { value: -1, used: 3 } },
      { limit: 20, outside: 0 },
    ],
  ])('of an account with %s the rest counts', { tags: 'slow' }, async (_, account, { limit, outside }) => {
    await clocked.runFrom(at('12:00:00'))
    const upstream = await serve((_request, response) => response.end(JSON.stringify(account)))
    const kinopoisk = { url: upstream.url, apiKey: 'key', sandbox: false }
    const service = await testApp({}, { databaseUrl: clocked.url, firstAdmin, kinopoisk })
    services.push(service)
    const admin = as(service.app, await testAdmin(service))
    await vi.waitFor(async () => {
      const { quota } = (await admin({ method: 'GET', url: '/admin/kinopoisk' })).json()
      expect(quota).toMatchObject({ limit, spent: { outside } })
    }, patient)
    await upstream.close()
  })

  test('an account without limit has none', { tags: 'slow' }, async () => {
    const { get, metric } = await start({}, -1)
    expect((await get('/movies/328')).statusCode).toBe(200)
    expect(await metric('kinopoisk_quota_limit')).toBe('kinopoisk_quota_limit -1')
    expect(await metric('kinopoisk_quota_left')).toBe('kinopoisk_quota_left -1')
  })

  test('after a 402 nothing is asked, over a restart too, until upstream tells of calls that are left', {
    tags: 'slow',
  }, async () => {
    const { service, get, metric, pass } = await start({}, 10)
    const headers = { 'x-api-key': 'test-key' }
    for (let i = 0; i < 10; i += 1) await fetch(`${service.sandbox.url}/api/v2.2/films/301`, { headers })
    const before = service.calls.length
    expectProblem(await get('/movies/326'), 503, 'upstream_quota_exhausted')
    expectProblem(await get('/movies/303'), 503, 'upstream_quota_exhausted')
    expect(service.calls).toHaveLength(before + 1)
    expect(await metric('kinopoisk_breaker_open{breaker="quota"}')).toMatch(/ 1$/)
    const restarted = await service.replica()
    await service.app.close()
    expectProblem(await get('/movies/304', restarted), 503, 'upstream_quota_exhausted')
    await pass('15 s', 15_000)
    await vi.waitUntil(() => service.accountCalls.length === 2, { timeout: 45_000 })
    expectProblem(await get('/movies/305', restarted), 503, 'upstream_quota_exhausted')
    expect(service.calls).toHaveLength(before + 1)
    // Early, as upstream's day is not over for us.
    await pass('15 min', 86_400_000)
    await untilAnswered((url) => get(url, restarted), '/movies/329')
    expect(service.accountCalls).toHaveLength(3)
  })

  test('of many calls that wait for their turn few are made after the first 402', { tags: 'slow' }, async () => {
    await clocked.runFrom(at('12:00:00'))
    let calls = 0
    const upstream = await serve((request, response) => {
      const isFilm = request.url?.includes('/films/')
      if (isFilm) calls += 1
      // Late, when all the others have paid.
      setTimeout(() => response.writeHead(isFilm ? 402 : 500).end(), 1_000)
    })
    const kinopoisk = { url: upstream.url, apiKey: 'key', sandbox: false }
    const service = await testApp({ KINOPOISK_TIMEOUT: '1m' }, { databaseUrl: clocked.url, kinopoisk })
    services.push(service)
    const get = as(service.app, await testUser(service.app))
    const ids = Array.from({ length: 100 }, (_, i) => 9_000_000 + i)
    const answers = await Promise.all(ids.map((id) => get({ method: 'GET', url: `/movies/${id}` })))
    for (const answer of answers) {
      expectProblem(answer, 503, 'upstream_quota_exhausted')
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(3_600)
    }
    // 20 go out in the first second.
    expect(calls).toBeLessThanOrEqual(40)
    await upstream.close()
  })

  test('many requests at once are limited by the rate, not by a quota that they would have used up', {
    tags: 'slow',
  }, async () => {
    const { service, get } = await start({ KINOPOISK_TIMEOUT: '5s' }, 200)
    const ids = Array.from({ length: 300 }, (_, i) => 9_000_000 + i)
    const answers = await Promise.all(ids.map((id) => get(`/movies/${id}`)))
    const refused = answers.filter(({ statusCode }) => statusCode !== 404)
    for (const answer of refused) expectProblem(answer, 503, 'upstream_rate_limited')
    expect(service.calls).toHaveLength(300 - refused.length)
  })

  test('a key that is rejected is asked about, not with, until it is accepted', { tags: 'slow' }, async () => {
    const { service, get, metric, pass } = await start({}, 500)
    service.sandbox.fail(401)
    expectProblem(await get('/movies/326'), 502, 'upstream_rejected_key')
    service.sandbox.fail(null)
    expectProblem(await get('/movies/326'), 502, 'upstream_rejected_key')
    const search = await get('/movies/search?query=матрица')
    expect(search.headers['cache-status']).toContain('upstream_rejected_key')
    expect(service.calls).toHaveLength(1)
    expect(await metric('kinopoisk_breaker_open{breaker="key"}')).toMatch(/ 1$/)
    expect((await get('/readyz')).statusCode).toBe(200)
    await pass('15 s', 15_000)
    await untilAnswered(get, '/movies/326')
    expect(await metric('kinopoisk_breaker_open{breaker="key"}')).toMatch(/ 0$/)
    const [warning] = service.log().match(/^.*the API key is rejected.*$/m) ?? []
    expect(JSON.parse(warning ?? '')).toMatchObject({ level: 40, code: 'upstream_rejected_key' })
    expect(warning).not.toContain('stack')
    expect(service.log()).not.toContain('test-key')
  })

  test('a scrape does not wait for a database that is gone', { tags: 'slow' }, async () => {
    const registry = new Registry()
    const never = () => new Promise<never>(() => {})
    createUsage({ refreshBalance: never, readRanks: never, metrics: createMetrics(registry) })
    expect(await registry.metrics()).toContain('kinopoisk_quota_limit 0')
  })
})
