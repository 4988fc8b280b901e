import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../src/db/connect.ts'
import { createCallerBudgets } from '../src/kinopoisk/quota/caller-budgets.ts'
import { createLedger } from '../src/kinopoisk/quota/ledger.ts'
import { createRateRepository } from '../src/kinopoisk/quota/rate-windows.ts'
import type { Caller } from '../src/kinopoisk/request.ts'
import { type ClockedDatabase, clockedDatabase } from './support/clock.ts'

const noon = '2026-06-01T12:00:00+03:00'
const terms = { keyHash: 'key', resetTz: 'Europe/Moscow', configured: 500 }

let clocked: ClockedDatabase
let database: ReturnType<typeof connect>
let other: ReturnType<typeof connect>
beforeAll(async () => {
  clocked = await clockedDatabase()
  database = connect(clocked.url)
  other = connect(clocked.url)
})
beforeEach(() => clocked.stopAt(noon))
afterEach(
  () => database.sql`truncate kinopoisk_usage, kinopoisk_spending, kinopoisk_key_spending, kinopoisk_endpoint_calls,
    kinopoisk_reservations, kinopoisk_rates, users cascade`,
)
afterAll(() => Promise.all([database.close(), other.close()]))

const ledgerOf = ({ db } = database, configured = 500) => createLedger(db, { ...terms, configured })
type Ledger = ReturnType<typeof ledgerOf>

/** Keys of a user of long ago. */
async function keysOf(limits: (number | null)[], ownLimit: number | null = null): Promise<Caller[]> {
  const { sql } = database
  const [user] = await sql`
    insert into users (login, password_hash, daily_limit, created_at)
    values (${`user-${crypto.randomUUID()}`}, 'none', ${ownLimit}, '2020-01-01') returning id`
  const keys = await sql`
    insert into api_keys (user_id, name, hash, scopes, daily_limit)
    select ${user?.id}, 'key', sha256(gen_random_uuid()::text::bytea), array['gateway'], limits
    from unnest(${sql.array(limits as number[], 1007)}::integer[]) limits returning id`
  return keys.map(({ id }) => ({ userId: user?.id, keyId: id, network: '192.0.2.1' }))
}

const keyOf = async (limit: number | null, ownLimit?: number) => (await keysOf([limit], ownLimit))[0] as Caller

async function charged(ledger: Ledger, caller: Caller): Promise<number> {
  const charge = await ledger.reserve('interactive', 'film', caller)
  if (typeof charge === 'string') throw new Error(charge)
  return charge.reservation
}

/** How many calls in a row may be made, and why no more. */
async function spend(ledger: Ledger, caller: Caller, most = 1_000) {
  for (let calls = 0; calls < most; calls += 1) {
    const charge = await ledger.reserve('interactive', 'film', caller)
    if (typeof charge === 'string') return [calls, charge]
  }
  return [most, 'none']
}

/** What the four tables say was spent. */
async function sums() {
  const [row] = await database.sql`
    select (select coalesce(sum(interactive), 0)::int from kinopoisk_usage) as day,
      (select coalesce(sum(interactive), 0)::int from kinopoisk_spending where network is null) as users,
      (select coalesce(sum(interactive), 0)::int from kinopoisk_key_spending) as keys,
      (select coalesce(sum(calls), 0)::int from kinopoisk_endpoint_calls) as endpoints`
  return row
}
const all = (calls: number) => ({ day: calls, users: calls, keys: calls, endpoints: calls })

describe('A key', () => {
  test('has its limit, and no more of its user than the user has', async () => {
    const [small, large, open] = (await keysOf([3, 100, null], 10)) as [Caller, Caller, Caller]
    const ledger = ledgerOf()
    expect(await spend(ledger, small)).toEqual([3, 'key'])
    expect(await spend(ledger, large, 4)).toEqual([4, 'none'])
    expect(await spend(ledger, open)).toEqual([3, 'limit'])
    expect(await spend(ledger, large)).toEqual([0, 'limit'])
    expect(await sums()).toEqual(all(10))
  })

  test('without a limit of its own has the share of its user, and with 0 nothing', { tags: 'slow' }, async () => {
    await spend(ledgerOf(), await keyOf(null), 1)
    const [none, open] = (await keysOf([0, null])) as [Caller, Caller]
    expect(await spend(ledgerOf(), none)).toEqual([0, 'key'])
    expect(await spend(ledgerOf(), open)).toEqual([79, 'user'])
  })

  test('has another limit from the next call on, and all of it on the next day', async () => {
    const key = await keyOf(2)
    const ledger = ledgerOf()
    await spend(ledger, key)
    await database.sql`update api_keys set daily_limit = 5`
    expect(await spend(ledger, key)).toEqual([3, 'key'])
    await clocked.pass('1 day')
    expect(await spend(ledger, key)).toEqual([5, 'key'])
  })

  test('that was deleted meanwhile is charged to its user alone', async () => {
    const key = await keyOf(0)
    await database.sql`delete from api_keys`
    expect(await spend(ledgerOf(), key, 2)).toEqual([2, 'none'])
    expect(await sums()).toEqual({ day: 2, users: 2, keys: 0, endpoints: 2 })
  })

  test('of two hundred, a hundred at once at two replicas, spends just its limit', { tags: 'slow' }, async () => {
    const keys: Caller[] = []
    for (let users = 0; users < 4; users += 1) keys.push(...(await keysOf(Array(50).fill(1), -1)))
    const [one, two] = [ledgerOf(database, -1), ledgerOf(other, -1)]
    const outcomes: unknown[] = []
    const asked = Array.from({ length: 400 }, (_, i) => i)
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        for (let i = asked.pop(); i !== undefined; i = asked.pop()) {
          outcomes.push(await (i % 2 ? one : two).reserve('interactive', 'film', keys[i % 200]))
        }
      }),
    )
    expect(outcomes.filter((outcome) => typeof outcome === 'object')).toHaveLength(200)
    expect(outcomes.filter((outcome) => outcome === 'key')).toHaveLength(200)
    expect(await sums()).toEqual(all(200))
  })

  test('is told what it has left, or its user, or the day', async () => {
    const { budgetOf } = createCallerBudgets(database.db, terms)
    const ledger = ledgerOf()
    const [own, open] = (await keysOf([5, null])) as [Caller, Caller]
    for (const key of [own, own, open]) await charged(ledger, key)
    const resetsAt = new Date('2026-06-01T21:00:00Z')
    expect(await budgetOf(own)).toEqual({ limit: 5, used: 2, resetsAt })
    expect(await budgetOf(open)).toEqual({ limit: 80, used: 3, resetsAt })
    const limited = await keyOf(null, 7)
    expect(await budgetOf(limited)).toEqual({ limit: 7, used: 0, resetsAt })
    const unlimited = await keyOf(null, -1)
    expect(await budgetOf(unlimited)).toEqual({ limit: 500, used: 3, resetsAt })
    expect(await createCallerBudgets(database.db, { ...terms, configured: -1 }).budgetOf(open)).toMatchObject({
      limit: -1,
    })
  })

  test('is refused by a look, which charges nothing, for the reason of a charge', async () => {
    const ledger = ledgerOf()
    const key = await keyOf(1)
    expect(await ledger.check('interactive', key)).toBe(null)
    await charged(ledger, key)
    expect(await ledger.check('interactive', key)).toBe('key')
    expect(await ledger.check('refresh', {})).toBe(null)
    expect(await sums()).toEqual(all(1))
  })
})

describe('A reservation', () => {
  test('is refunded once, however often that is tried, and by whomever', async () => {
    const [ledger, second] = [ledgerOf(), ledgerOf(other)]
    const key = await keyOf(null)
    const reservation = await charged(ledger, key)
    await charged(ledger, key)
    await clocked.pass('31 s')
    await ledger.extend()
    await database.sql`update kinopoisk_reservations set expires_at = '2020-01-01' where id = ${reservation}`
    const times = [ledger, second].flatMap((each) => [each.refund(reservation), each.refundExpired()])
    const refunded = (await Promise.all(times)).map(Number)
    expect(refunded.reduce((sum, each) => sum + each)).toBe(1)
    expect(await sums()).toEqual(all(1))
  })

  test('of a process that has died is refunded within a minute; not that of one that lives, nor one that was sent', async () => {
    const [dead, alive] = [ledgerOf(), ledgerOf(other)]
    const key = await keyOf(4)
    const [, sent] = [await charged(dead, key), await charged(dead, key), await charged(alive, key)]
    expect(await createRateRepository(database.db, 'key').setSent(sent)).toBe(true)
    await clocked.pass('29 s')
    expect(await alive.refundExpired()).toBe(0)
    await alive.extend()
    await clocked.pass('2 s')
    expect(await alive.refundExpired()).toBe(1)
    expect(await sums()).toEqual(all(2))
    expect(await spend(alive, key)).toEqual([2, 'key'])
    await clocked.pass('1 day')
    expect(await alive.refundExpired()).toBe(3)
    // Sent: known for an hour, in which it may turn out that there was no connection.
    await alive.deleteOldReservations()
    expect(await database.sql`select from kinopoisk_reservations`).toHaveLength(0)
    expect(await sums()).toEqual(all(1))
  })

  test('counts as sent from its slot on, and without it gets none', async () => {
    const ledger = ledgerOf()
    const rates = createRateRepository(database.db, 'key')
    const [kept, gone] = [await charged(ledger, await keyOf(1)), await charged(ledger, await keyOf(1))]
    await ledger.refund(gone)
    for (let slots = 0; slots < 4; slots += 1) expect(await rates.take('search')).toBe(0)
    expect(await rates.take('search', gone)).toBe('lost')
    expect(await rates.take('search', kept)).toBe(0)
    // The five of the second are taken: nothing is set before there is a slot.
    const late = await charged(ledger, await keyOf(1))
    expect(await rates.take('search', late)).toBeGreaterThan(0)
    const sent = await database.sql`select id::int from kinopoisk_reservations where sent`
    expect(sent.map(({ id }) => id)).toEqual([kept])
    expect(await rates.setSent(gone)).toBe(false)
  })
})
