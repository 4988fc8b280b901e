import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../src/db/connect.ts'
import { createLedger } from '../src/kinopoisk/quota/ledger.ts'
import type { Caller, Purpose } from '../src/kinopoisk/request.ts'
import { type ClockedDatabase, clockedDatabase } from './support/clock.ts'

const at = (time: string) => `2026-06-01T${time}+03:00`
const key = { keyHash: 'key', resetTz: 'Europe/Moscow' }
type UserPurpose = Exclude<Purpose, 'refresh'>

let clocked: ClockedDatabase
let database: ReturnType<typeof connect>
let other: ReturnType<typeof connect>
beforeAll(async () => {
  clocked = await clockedDatabase()
  database = connect(clocked.url)
  other = connect(clocked.url)
})
beforeEach(() => clocked.stopAt(at('12:00:00')))
afterEach(
  () =>
    database.sql`truncate kinopoisk_usage, kinopoisk_spending, kinopoisk_accounts, kinopoisk_reservations, users cascade`,
)
afterAll(() => Promise.all([database.close(), other.close()]))

const ledgerOf = (configured = 500, { db } = database) => createLedger(db, { ...key, configured })
type Ledger = ReturnType<typeof ledgerOf>

/** An account of some age, at a network. */
async function user({ days = 30, network = '192.0.2.1', limit = null as number | null } = {}): Promise<Caller> {
  const [row] = await database.sql`
    insert into users (login, password_hash, daily_limit, created_at)
    values (${`user-${crypto.randomUUID()}`}, 'none', ${limit}, ${at('12:00:00')}::timestamptz - ${`${days} days`}::interval)
    returning id`
  return { userId: row?.id, keyId: null, network }
}

/** How many calls in a row may be made, and why no more. */
async function spend(ledger: Ledger, caller: Caller, purpose: Purpose = 'interactive', most = 1_000) {
  for (let calls = 0; calls < most; calls += 1) {
    const charge = await ledger.reserve(purpose, 'film', caller)
    if (typeof charge === 'string') return [calls, charge]
  }
  return [most, 'none']
}

/** All but one of so many calls, which would take their time one by one. */
async function spendAllButOne({ userId }: Caller, purpose: UserPurpose, calls: number): Promise<void> {
  const { sql } = database
  const spent = { key_hash: 'key', day: '2026-06-01', [purpose]: calls - 1 }
  await sql`insert into kinopoisk_spending ${sql({ ...spent, user_id: userId })}`
  await sql`update kinopoisk_usage set ${sql(purpose)} = ${sql(purpose)} + ${calls - 1}`
}

/** Somebody else has spent, some days ago. */
async function spentBefore(purpose: UserPurpose, calls: number, daysAgo = 0): Promise<void> {
  const { userId } = await user()
  const { sql } = database
  const row = { key_hash: 'key', day: `2026-0${daysAgo ? `5-${32 - daysAgo}` : '6-01'}`, [purpose]: calls }
  await sql`insert into kinopoisk_usage ${sql(row)}`
  await sql`insert into kinopoisk_spending ${sql({ ...row, user_id: userId })}`
}

/** The sums of the day's rows: of all, of users, of networks. */
async function sums() {
  const [row] = await database.sql`
    select (select sum(interactive)::int from kinopoisk_usage) as all,
      coalesce(sum(interactive) filter (where network is null), 0)::int as users,
      coalesce(sum(interactive) filter (where network is not null), 0)::int as networks
    from kinopoisk_spending`
  return row
}

describe('A user beside others', () => {
  test.each([
    // limit, time, spent by others, own calls
    [500, '00:00:00', 1, 79],
    [500, '12:00:00', 1, 79],
    [500, '12:00:00', 200, 40],
    [500, '12:00:00', 330, 20],
    [500, '12:00:00', 390, 10],
    [500, '17:59:59', 1, 79],
    // Little by little all of it, as what is reserved for refreshes and imports.
    [500, '21:00:00', 50, 240],
    [500, '23:59:59.999', 50, 449],
    [5_000, '12:00:00', 1, 799],
    [50, '12:00:00', 1, 20],
  ] as const)('has of %i a day at %s, after %i calls of others, %i', async (limit, time, spent, calls) => {
    await clocked.stopAt(at(time))
    await spentBefore('interactive', spent)
    const ann = await user()
    await spendAllButOne(ann, 'interactive', calls)
    expect(await spend(ledgerOf(limit), ann)).toEqual([1, spent === 390 ? 'day' : 'user'])
  })

  test.each([
    ['12:00:00', 1, 0, 24],
    ['12:00:00', 1, 250, 10],
    ['12:00:00', 20, 250, 5],
    ['23:59:59.999', 1, 250, 23],
  ] as const)('has for imports at %s, after %i of others and %i outside, %i', async (time, spent, outside, calls) => {
    await clocked.stopAt(at(time))
    await spentBefore('import', spent)
    await database.sql`update kinopoisk_usage set outside = ${outside}`
    const [made, refused] = await spend(ledgerOf(), await user(), 'import')
    expect([made, refused]).toEqual([calls, spent === 20 ? 'day' : 'user'])
  })

  test('still has calls when another user has spent a whole share', { tags: 'slow' }, async () => {
    const [ann, bob] = [await user(), await user()]
    const ledger = ledgerOf()
    await spend(ledger, bob, 'interactive', 1)
    expect(await spend(ledger, ann)).toEqual([79, 'user'])
    expect(await spend(ledger, bob)).toEqual([63, 'user'])
    expect(await ledger.read()).toMatchObject({ spent: { interactive: 143 }, spentByUserMax: 79 })
  })

  test('who imports has the share of those who wait as well', { tags: 'slow' }, async () => {
    await spentBefore('interactive', 1)
    const ann = await user()
    expect(await spend(ledgerOf(), ann, 'import')).toEqual([24, 'user'])
    expect(await spend(ledgerOf(), ann)).toEqual([79, 'user'])
  })

  test('spends nothing by what is refreshed', { tags: 'slow' }, async () => {
    const ledger = ledgerOf()
    expect((await spend(ledger, await user(), 'refresh'))[1]).toBe('day')
    expect(await database.sql`select from kinopoisk_spending`).toEqual([])
  })

  test('has a new share the next day', { tags: 'slow' }, async () => {
    await spentBefore('interactive', 1)
    const ann = await user()
    await spend(ledgerOf(), ann)
    await clocked.pass('1 day')
    expect((await spend(ledgerOf(), ann))[0]).toBe(80)
  })

  test('has no share of a key without limit', async () => {
    await spentBefore('interactive', 1)
    expect(await spend(ledgerOf(-1), await user(), 'interactive', 30)).toEqual([30, 'none'])
    expect(await sums()).toMatchObject({ all: 31, users: 31 })
  })

  test('of a thousand calls at once, at two replicas, makes just the share', { tags: 'slow' }, async () => {
    await spentBefore('interactive', 1)
    const ann = await user({ days: 1 })
    const [one, two] = [ledgerOf(), ledgerOf(500, other)]
    const all = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => (i % 2 ? one : two).reserve('interactive', 'film', ann)),
    )
    expect(all.filter((charge) => typeof charge === 'object')).toHaveLength(79)
    expect(await sums()).toEqual({ all: 80, users: 80, networks: 79 })
  })

  test.each([
    ['have been here for long', 30, 0],
    ['are new, each at a network', 0, 400],
  ])('is one of a hundred who %s: at once they spend no call too many', { tags: 'slow' }, async (_, days, networks) => {
    const callers = await Promise.all(Array.from({ length: 100 }, (_, i) => user({ days, network: `192.0.2.${i}` })))
    const [one, two] = [ledgerOf(), ledgerOf(500, other)]
    const all = await Promise.all(
      Array.from({ length: 1_200 }, (_, i) => (i % 2 ? one : two).reserve('interactive', 'film', callers[i % 100])),
    )
    expect(all.filter((charge) => typeof charge === 'object')).toHaveLength(400)
    expect(await sums()).toEqual({ all: 400, users: 400, networks })
  })
})

describe('A user who is alone', () => {
  test('has no share', async () => {
    expect(await spend(ledgerOf(50), await user())).toEqual([39, 'day'])
  })

  test.each([
    [6, 20, 'user'],
    [7, 39, 'day'],
  ])('when others have spent %i days ago: %i', async (daysAgo, calls, refused) => {
    await spentBefore('interactive', 3, daysAgo)
    expect(await spend(ledgerOf(50), await user())).toEqual([calls, refused])
  })

  test('is not alone while others are logged in, but for administrators', { tags: 'slow' }, async () => {
    const [ann, bob] = [await user(), await user()]
    const ledger = ledgerOf(50)
    await database.sql`
      insert into sessions (id, user_id, refresh_hash, expires_at, last_used_at)
      values (gen_random_uuid(), ${bob.userId}, sha256('x'), '2100-01-01', ${at('12:00:00')}::timestamptz - interval '6 days')`
    expect(await spend(ledger, ann)).toEqual([20, 'user'])
    await database.sql`update users set role = 'admin' where id = ${bob.userId}`
    expect(await spend(ledger, ann, 'interactive', 1)).toEqual([1, 'none'])
    await database.sql`update users set role = 'user'`
    expect(await spend(ledger, ann)).toEqual([0, 'user'])
    await clocked.pass('1 day')
    expect(await spend(ledger, ann)).toEqual([39, 'day'])
  })

  test('is so no longer when somebody else has come, and not again when they were erased', {
    tags: 'slow',
  }, async () => {
    const [ann, bob] = [await user(), await user()]
    const ledger = ledgerOf()
    await spend(ledger, ann, 'interactive', 100)
    await spend(ledger, bob, 'interactive', 1)
    expect(await spend(ledger, ann)).toEqual([0, 'user'])
    await database.sql`delete from users where id = ${bob.userId}`
    expect(await spend(ledger, ann)).toEqual([0, 'user'])
    expect(await sums()).toMatchObject({ all: 101, users: 101 })
  })
})

describe('New accounts', () => {
  test('of one network have one share together', { tags: 'slow' }, async () => {
    await spentBefore('interactive', 1)
    const ledger = ledgerOf()
    const [ann, bob, carl] = [await user({ days: 6 }), await user({ days: 0 }), await user({ days: 8 })]
    const dora = await user({ days: 0, network: '2001:db8:0:1::/64' })
    expect(await spend(ledger, ann, 'interactive', 50)).toEqual([50, 'none'])
    expect(await spend(ledger, bob)).toEqual([29, 'network'])
    expect(await spend(ledger, ann)).toEqual([0, 'network'])
    expect(await spend(ledger, carl)).toEqual([64, 'user'])
    expect(await spend(ledger, dora)).toEqual([51, 'user'])
  })

  test('have it also while nobody is anywhere else', { tags: 'slow' }, async () => {
    const ledger = ledgerOf()
    const [ann, bob] = [await user({ days: 0 }), await user({ days: 0 })]
    await spend(ledger, bob, 'interactive', 1)
    expect(await spend(ledger, ann)).toEqual([79, 'user'])
    expect(await spend(ledger, bob)).toEqual([0, 'network'])
    expect(await spend(ledger, await user({ days: 0 }))).toEqual([0, 'network'])
  })

  test('have none when there is one of them alone', async () => {
    expect(await spend(ledgerOf(50), await user({ days: 0 }))).toEqual([39, 'day'])
  })

  test('that are erased leave their network what it has spent', { tags: 'slow' }, async () => {
    await spentBefore('interactive', 1)
    const ledger = ledgerOf()
    for (let calls = 0; calls < 79; ) {
      const caller = await user({ days: 0 })
      const [made] = await spend(ledger, caller, 'interactive', 20)
      calls += Number(made)
      await database.sql`delete from users where id = ${caller.userId}`
    }
    expect(await spend(ledger, await user({ days: 0 }))).toEqual([0, 'network'])
  })
})

describe('A limit that an administrator has set', () => {
  test.each([
    [-1, [38, 'day']],
    [0, [0, 'limit']],
    [7, [7, 'limit']],
    [30, [30, 'limit']],
    [1_000, [38, 'day']],
  ] as const)('of %i a day is in place of the share', async (limit, made) => {
    await spentBefore('interactive', 1)
    expect(await spend(ledgerOf(50), await user({ limit, days: 0 }))).toEqual(made)
    expect(await sums()).toMatchObject({ networks: 0 })
  })

  test('is for whatever is waited for and imported, also with a key without limit', async () => {
    const ann = await user({ limit: 7 })
    expect(await spend(ledgerOf(-1), ann, 'import', 3)).toEqual([3, 'none'])
    expect(await spend(ledgerOf(-1), ann)).toEqual([4, 'limit'])
  })

  test('counts from the next call', { tags: 'slow' }, async () => {
    await spentBefore('interactive', 1)
    const ann = await user()
    await spend(ledgerOf(), ann)
    await database.sql`update users set daily_limit = 82 where id = ${ann.userId}`
    expect(await spend(ledgerOf(), ann)).toEqual([3, 'limit'])
  })
})

describe('What was charged', () => {
  test('is refunded to the user and the network, on the day that paid it', { tags: 'slow' }, async () => {
    await spentBefore('interactive', 1)
    const ledger = ledgerOf()
    const ann = await user({ days: 0 })
    const charge = await ledger.reserve('interactive', 'film', ann)
    await spend(ledger, ann)
    await clocked.pass('1 day')
    await ledger.reserve('interactive', 'film', ann)
    if (typeof charge === 'string') throw new Error(charge)
    // The account is older by then.
    await database.sql`update users set created_at = '2020-01-01'`
    await ledger.refund(charge.reservation)
    await clocked.pass('-1 day')
    expect(await sums()).toEqual({ all: 80, users: 80, networks: 79 })
    expect(await spend(ledger, ann)).toEqual([1, 'user'])
  })

  test('at the moment when its user is erased is charged, but to nobody', async () => {
    const ledger = ledgerOf()
    const ann = await user()
    await spend(ledger, ann, 'interactive', 2)
    await database.sql`delete from users where id = ${ann.userId}`
    expect(await ledger.reserve('interactive', 'film', ann)).toMatchObject({ ofKey: null })
    expect(await sums()).toMatchObject({ all: 3, users: 2 })
  })

  test('is removed when neither a share nor a report depends on it any more', async () => {
    await spentBefore('interactive', 3)
    await clocked.pass('34 days')
    await ledgerOf().deleteOld()
    expect(await sums()).toMatchObject({ users: 3 })
    await clocked.pass('2 days')
    await ledgerOf().deleteOld()
    expect(await sums()).toMatchObject({ all: 3, users: 0 })
  })
})
