import { connect as connectSocket, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { connect, type Database } from '../../src/db/connect.ts'
import { isUnavailable } from '../../src/db/errors.ts'
import { as, testApp, testUser } from '../support/app.ts'
import { cloneDatabase } from '../support/databases.ts'
import { metricsOf } from '../support/metrics.ts'
import { type Outage, outageOf } from '../support/outage.ts'
import { expectProblem } from '../support/problems.ts'
import { cleanUp, freshFolder, repository, runNode } from '../support/process.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
  await cleanUp()
})

async function outage(): Promise<Outage> {
  const way = await outageOf(await cloneDatabase())
  closers.push(way.close)
  return way
}

function pool(...args: Parameters<typeof connect>): Database {
  const database = connect(...args)
  closers.push(() => database.sql.end({ timeout: 0 }), database.close)
  return database
}

const errorOf = (work: PromiseLike<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

/** All the ways in which a database can be gone, with the reason in the log. */
const ways: [string, (way: Outage) => unknown, RegExp][] = [
  ['refuses connections', (way) => way.cut(), /^no server takes writes: .+: ./],
  ['says nothing any more', (way) => way.freeze(), /does not reply/],
  ['takes connections and closes them', (way) => way.slam(), /^no server takes writes: .+: ./],
]

describe.each(ways)('A database that %s', (_name, begin, reason) => {
  test('is 503 for what was under way and for what comes, at once for the latter, and /readyz is red; all by itself is well again', {
    tags: 'slow',
  }, async () => {
    const way = await outage()
    const { app, log, close } = await testApp({}, { databaseUrl: way.url })
    closers.push(close)
    const asAnn = as(app, await testUser(app))
    const ask = () => asAnn({ method: 'GET', url: '/user' })
    const readyz = () => app.inject({ method: 'GET', url: '/readyz' })

    await begin(way)
    const crowd = await Promise.all(Array.from({ length: 100 }, ask))
    for (const answer of crowd) expectProblem(answer, 503, 'database_unavailable')
    expectProblem(await readyz(), 503, 'database_unavailable')
    await expect.poll(() => isFast(ask), { timeout: 45_000 }).toBe(true)
    expectProblem(await ask(), 503, 'database_unavailable')
    expect((await app.inject({ method: 'GET', url: '/livez' })).statusCode).toBe(200)

    await way.restore()
    await expect.poll(async () => (await readyz()).statusCode, { timeout: 45_000 }).toBe(200)
    expect((await ask()).statusCode).toBe(200)
    for (const told of ['does not answer', 'answers again']) expect(log().split(`the database ${told}`)).toHaveLength(2)
    const line = log()
      .split('\n')
      .find((each) => each.includes('the database does not answer'))
    expect(JSON.parse(line ?? '{}').reason).toMatch(reason)
    const again = await Promise.all(Array.from({ length: 100 }, ask))
    expect(again.map(({ statusCode }) => statusCode).filter((status) => status !== 200)).toEqual([])
  })

  test('fails a transaction that is under way and one that waits for a connection', async () => {
    const way = await outage()
    const { sql, db } = pool(way.url, { max: 1 })
    let inside = () => {}
    const begun = new Promise<void>((resolve) => {
      inside = resolve
    })
    const first = errorOf(
      db.transaction(async (tx) => {
        await tx.execute('select 1')
        inside()
        await sleep(200)
        await tx.execute('select 2')
      }),
    )
    await begun
    const second = errorOf(db.transaction((tx) => tx.execute('select 3')))
    await begin(way)
    expect([await first, await second].map(isUnavailable)).toEqual([true, true])
    await way.restore()
    await expect.poll(() => errorOf(sql`select 1`), { timeout: 45_000 }).toBeUndefined()
  })

  test('ends the start with a clear line rather than never', { tags: 'slow' }, async () => {
    const way = await outage()
    await begin(way)
    const env = { PORT: '0', DATABASE_URL: way.url, DATA_DIR: await freshFolder(), JWT_SECRET: 'x'.repeat(32) }
    const service = runNode(['--import', `${repository}/src/instrument.ts`, `${repository}/src/server.ts`], { env })
    expect(await service.ended()).toBe(1)
    expect(service.stderr()).toMatch(/^The database cannot be reached or migrated: .*\n$/)
  })
})

/** A hundredth of the patience with a database that might still answer. */
async function isFast(work: () => Promise<unknown>): Promise<boolean> {
  const began = performance.now()
  await work()
  return performance.now() - began < 50
}

describe('A database that answers', () => {
  test('may take its time: a slow statement is waited for, however many others fail', { tags: 'slow' }, async () => {
    const { sql } = pool(await cloneDatabase(), { max: 2 })
    const slow = sql`select pg_sleep(4)`
    const broken = errorOf(sql`select nothing`)
    expect(await broken).toMatchObject({ code: '42703' })
    expect(await slow).toHaveLength(1)
  })

  test('loses one connection in silence: its query is given up in the end, and the others go on', {
    tags: 'slow',
  }, async () => {
    const url = await cloneDatabase()
    const way = await outageOf(url)
    closers.push(way.close)
    const { sql } = pool(way.url, { max: 1, deadlineMs: 3_000 })
    const [before] = await sql`select pg_backend_pid() as pid`
    const dead = errorOf(sql`select pg_sleep(60)`)
    expect(isUnavailable(await dead)).toBe(true)
    const [after] = await sql`select pg_backend_pid() as pid`
    expect(after?.pid).not.toBe(before?.pid)
  })

  test('is asked on a new connection what it is and for what the query asks, and nothing else: the loss of that nobody would catch', async () => {
    const url = new URL(await cloneDatabase())
    const file = `.s.PGSQL.${url.port || 5432}`
    const origin = join(url.searchParams.get('host') ?? '', file)
    const folder = await freshFolder()
    let sent = ''
    const relay = createServer((client) => {
      const server = connectSocket(origin)
      client.on('data', (chunk) => (sent += chunk.toString('latin1'))).pipe(server)
      server.pipe(client)
    }).listen(join(folder, file))
    closers.push(() => relay.close())
    url.searchParams.set('host', folder)
    const [row] = await pool(url.href, { max: 1 })
      .sql`select ${['a"', null, '', 'NULL', 'б,\\']}::text[] as texts, '{1,2}'::int[] as numbers`
    expect(row).toEqual({ texts: ['a"', null, '', 'NULL', 'б,\\'], numbers: [1, 2] })
    expect(sent).toContain('select pg_is_in_recovery()')
    expect([...sent.replaceAll(/select pg_is_in_recovery\(\)[^\0]*/g, '').matchAll(/select/gi)]).toHaveLength(1)
  })

  test('takes no more than a thousand waiting queries; the next fails at once', async () => {
    const { sql } = pool(await cloneDatabase(), { max: 1 })
    const holder = await sql.reserve()
    const waiting = Array.from({ length: 1_000 }, () => errorOf(sql`select 1`))
    await sleep(10)
    expect(isUnavailable(await errorOf(sql`select 1`))).toBe(true)
    holder.release()
    expect((await Promise.all(waiting)).filter(Boolean)).toEqual([])
  })
})

describe('The figures of the pool', () => {
  test('tell what is at work, what is idle and what waits, and every query is timed', { tags: 'slow' }, async () => {
    const { app, close } = await testApp()
    closers.push(close)
    const { sql } = app.database
    const pools = async () => {
      const metrics = await metricsOf(app)
      const of = (state: string) => metrics.get(`db_pool_connections{state="${state}"}`)
      return { active: of('active'), idle: of('idle'), waiting: metrics.get('db_pool_waiting') }
    }
    await Promise.all(Array.from({ length: 20 }, () => sql`select 1`))
    await metricsOf(app) // counts the users
    // The pool's ten, and the one that hears of other replicas.
    await expect.poll(pools).toEqual({ active: 0, idle: 11, waiting: 0 })
    const timed = async () => (await metricsOf(app)).get('db_query_duration_seconds_count') ?? 0
    const before = await timed()

    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const transactions = Array.from({ length: 4 }, () => sql.begin(() => held))
    const slow = Array.from({ length: 9 }, () => sql`select pg_sleep(3)`.execute())
    // A scrape waits a moment for the quota's figures, and asks for them behind the others.
    const busy = { active: 10, idle: 1, waiting: expect.toSatisfy((waiting: number) => waiting >= 3) }
    await expect.poll(pools, { timeout: 45_000 }).toEqual(busy)
    release()
    await Promise.all([...transactions, ...slow])
    await expect.poll(pools, { timeout: 45_000 }).toMatchObject({ active: 0, waiting: 0 })
    expect(await timed()).toBeGreaterThanOrEqual(before + 9)
    const seconds = (await metricsOf(app)).get('db_query_duration_seconds_sum')
    expect(seconds).toBeGreaterThan(27)
  })
})
