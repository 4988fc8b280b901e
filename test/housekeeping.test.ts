import { sql } from 'drizzle-orm'
import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deleteInBatches } from '../src/db/cleanup.ts'
import { connect, type Database } from '../src/db/connect.ts'
import { authFailures } from '../src/db/schema/auth-failures.ts'
import { createFailureRepository } from '../src/kinopoisk/store/failures.ts'
import housekeepingPlugin, { everyMs, firstMs } from '../src/plugins/housekeeping.ts'
import { cloneDatabase } from './support/databases.ts'

let database: Database
beforeAll(async () => {
  database = connect(await cloneDatabase())
})
afterAll(() => database.close())

const minuteMs = 60_000

describe('Housekeeping', () => {
  test('begins minutes after the start, and comes again within the hour or so, at no common time', () => {
    expect([firstMs(0), firstMs(0.999)].map((ms) => Math.round(ms / minuteMs))).toEqual([2, 10])
    expect([everyMs(0), everyMs(0.999)].map((ms) => Math.round(ms / minuteMs))).toEqual([50, 70])
  })

  test('runs every task, also behind one that fails, and ends with the service', async () => {
    const app = Fastify()
    const pauses: number[] = []
    const runs: string[] = []
    const rounds = Promise.withResolvers<void>()
    await app.register(housekeepingPlugin, {
      tasks: {
        first: async () => {
          runs.push('first')
          throw new Error('not today')
        },
        second: async (signal: AbortSignal) => void runs.push(`second ${signal.aborted}`),
      },
      random: () => 0.5,
      async pause(ms: number, signal: AbortSignal) {
        pauses.push(ms / minuteMs)
        if (pauses.length < 3) return
        rounds.resolve()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
    })
    await app.ready()
    await rounds.promise
    await app.close()
    expect(pauses).toEqual([6, 60, 60])
    expect(runs).toEqual(['first', 'second false', 'first', 'second false'])
  })
})

describe('Old rows are deleted', () => {
  const isOld = sql`${authFailures.failed_at} < now() - interval '1 day'`
  const fill = async (old: number) => {
    await database.sql`delete from auth_failures`
    await database.sql`insert into auth_failures (key, failed_at)
      select sha256(n::text::bytea), now() - case when n > ${old}::int then '0 h' else '25 h' end::interval
      from generate_series(1, ${old}::int + 10) n`
  }
  const left = async () => (await database.sql`select count(*)::int as count from auth_failures`)[0]?.count

  test('however many there are, in transactions of a thousand', async () => {
    await fill(3_500)
    await deleteInBatches(database.db, authFailures, isOld)
    expect(await left()).toBe(10)
  })

  test('by one replica at a time, and none that is locked', async () => {
    await fill(20)
    await database.sql.begin(async (tx) => {
      await tx`select from auth_failures where failed_at < now() - interval '1 day' limit 1 for update`
      await deleteInBatches(database.db, authFailures, isOld)
      expect(await left()).toBe(11)
    })
    await fill(20)
    await database.sql.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(7300158, hashtext('auth_failures'))`
      await deleteInBatches(database.db, authFailures, isOld)
      expect(await left()).toBe(30)
    })
    await deleteInBatches(database.db, authFailures, isOld)
    expect(await left()).toBe(10)
    expect(await database.sql`select from pg_locks where locktype = 'advisory' and classid = 7300158`).toHaveLength(0)
  })

  test('until the service stops', async () => {
    await fill(20)
    await deleteInBatches(database.db, authFailures, isOld, AbortSignal.abort())
    expect(await left()).toBe(30)
  })

  test('but for the newest failed requests, also where many failed in one moment', async () => {
    await database.sql`insert into kinopoisk_failures
      select '/at-once/' || n, 'timeout', 1, now(), now() from generate_series(1, 10300) n`
    await createFailureRepository(database.db).cleanup()
    const [row] = await database.sql`select count(*)::int as count from kinopoisk_failures`
    expect(row?.count).toBe(10_000)
  })
})
