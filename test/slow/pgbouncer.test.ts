import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../src/db/connect.ts'
import { findPooler } from '../../src/db/pooler.ts'
import { prepareDatabase } from '../../src/db/prepare.ts'
import { as, firstAdmin, password, type TestUser, testAdmin, testApp, testUser } from '../support/app.ts'
import { cloneDatabase } from '../support/databases.ts'
import { emptyDatabase, noPgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { cleanUp } from '../support/process.ts'

// Debian's PgBouncer 1.18. Left out, with a word, where it is not installed.

beforeAll(() => {
  if (noPgBouncer) process.stderr.write(`Tests of PgBouncer are left out: ${noPgBouncer}\n`)
})
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
  await cleanUp()
})

const settings = { prepare: 'auto', acceptsNewer: false } as const

interface Amount {
  films: number
  users: number
  imports: number
}

/** Three replicas on `databaseUrl`, with work on all of them at once; afterwards what each acknowledged, and what is there. */
async function load(urls: { databaseUrl: string; sessionUrl: string }, direct: string, amount: Amount) {
  const service = await testApp({}, { ...urls, firstAdmin }, {}, true)
  closers.push(service.close)
  const apps: FastifyInstance[] = [service.app, await service.replica(), await service.replica()]
  const at = (i: number) => apps[i % apps.length] as FastifyInstance
  const { sql, close } = connect(direct, { max: 2 })
  closers.push(close)
  const admin = await testAdmin(service)
  await sql`insert into directors (name) values ('Director')`
  await sql`insert into genres (name) values ('драма')`
  const statuses: Record<string, number> = {}
  const count = (what: string, status: number) => {
    statuses[`${what} ${status}`] = (statuses[`${what} ${status}`] ?? 0) + 1
  }
  const users = async (prefix: string): Promise<TestUser[]> => {
    const made: TestUser[] = []
    for (let i = 0; i < amount.users; i++) made.push(await testUser(at(i), `${prefix}${i}`))
    return made
  }
  const [changing, leaving, reader] = [await users('changing'), await users('leaving'), await testUser(service.app)]
  const films: number[] = []
  const changed: number[] = []
  const erased: number[] = []

  const create = async (i: number) => {
    const film = { name: `Film ${i}`, genre: 'драма', director_id: 1, rate: 7, year: 2000, minutes: 90 }
    const made = await as(at(i), admin)({ method: 'POST', url: '/films', payload: film })
    count('film', made.statusCode)
    if (made.statusCode === 201) films.push(made.json().id)
  }
  const change = async (user: TestUser, i: number) => {
    const payload = { old_password: password, new_password: 'another horse battery' }
    const { statusCode } = await as(at(i), user)({ method: 'PUT', url: '/user/password', payload })
    count('password', statusCode)
    if (statusCode === 204) changed.push(user.id)
  }
  const erase = async (user: TestUser, i: number) => {
    const { statusCode } = await as(at(i), user)({ method: 'DELETE', url: '/user', payload: { password } })
    count('erasure', statusCode)
    if (statusCode === 204) erased.push(user.id)
  }
  const send = async (i: number) => {
    const file = `name,genre,director,rate,year,minutes\nImported ${i},драма,Director,7,2001,90\n`
    const { headers, payload } = await formOf(file)
    const imported = await as(at(i), admin)({ method: 'POST', url: '/films/import', headers, payload })
    count('import', imported.statusCode === 200 && imported.json().created === 1 ? 200 : imported.statusCode)
  }
  let on = true
  const read = async (i: number) => {
    for (; on; await sleep(10)) await as(at(i), reader)({ method: 'GET', url: `/films?page=${1 + (i++ % 5)}` })
  }
  const noise = [0, 1, 2].map(read)
  await Promise.all([
    ...lanes(4, amount.films, create),
    ...lanes(4, amount.users, (i) => change(changing[i] as TestUser, i)),
    ...lanes(4, amount.users, (i) => erase(leaving[i] as TestUser, i)),
    ...lanes(1, amount.imports, send),
  ])
  on = false
  await Promise.all(noise)
  const there = async (ids: number[], rows: PromiseLike<{ n?: number }[]>) => ids.length - ((await rows)[0]?.n ?? 0)
  return {
    statuses,
    lost: {
      films: await there(films, sql`select count(*)::int as n from films where id = any(${films})`),
      passwords: await there(
        changed,
        sql`select count(distinct password_hash)::int as n from users where id = any(${changed})`,
      ),
      erasures: ((await sql`select count(*)::int as n from users where id = any(${erased})`)[0]?.n ?? -1) as number,
      imported: amount.imports - (await sql`select from films where name like 'Imported %'`).length,
    },
    locks: await sql`select pid from pg_locks where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())`,
  }
}

/** `count` pieces of work, so many at a time. */
function lanes(width: number, count: number, work: (i: number) => Promise<void>): Promise<void>[] {
  let next = 0
  return Array.from({ length: width }, async () => {
    while (next < count) await work(next++)
  })
}

async function formOf(text: string) {
  const form = new FormData()
  form.append('file', new Blob([text], { type: 'text/csv' }), 'films.csv')
  const request = new Request('http://localhost', { method: 'POST', body: form })
  const payload = Buffer.from(await request.arrayBuffer())
  return { headers: { 'content-type': request.headers.get('content-type') ?? '' }, payload }
}

const nothingLost = { films: 0, passwords: 0, erasures: 0, imported: 0 }
const all = ({ films, users, imports }: Amount) => ({
  'film 201': films,
  'password 204': users,
  'erasure 204': users,
  'import 200': imports,
})

describe.skipIf(noPgBouncer)('Behind PgBouncer', { timeout: 300_000 }, () => {
  test.each(['transaction', 'session'] as const)('in %s mode nothing acknowledged is lost', async (mode) => {
    const through = await startPgBouncer({ mode, poolSize: mode === 'transaction' ? 5 : 80 })
    const direct = await emptyDatabase()
    // Three at once, on a database with nothing in it.
    const found = await Promise.all([1, 2, 3].map(() => prepareDatabase({ ...settings, url: through(direct) })))
    const url = through(direct) + (mode === 'transaction' ? '?pooler=transaction&prepare=false' : '?pooler=session')
    expect(found).toEqual(Array(3).fill({ databaseUrl: url, sessionUrl: url }))
    const amount = mode === 'transaction' ? { films: 240, users: 40, imports: 10 } : { films: 30, users: 5, imports: 3 }
    const { statuses, lost, locks } = await load(found[0] as (typeof found)[0], direct, amount)
    expect(statuses).toEqual(all(amount))
    expect(lost).toEqual(nothingLost)
    expect(locks).toEqual([])
  })

  test('that nobody has found out about, writes fail rather than get lost', async () => {
    const ignores = 'statement_timeout,lock_timeout,idle_in_transaction_session_timeout'
    const through = await startPgBouncer({ mode: 'transaction', ignores })
    const direct = await cloneDatabase()
    const databaseUrl = through(direct)
    const amount = { films: 30, users: 5, imports: 0 }
    const { statuses, lost } = await load({ databaseUrl, sessionUrl: direct }, direct, amount)
    expect(lost).toEqual(nothingLost)
    expect(Object.values(statuses).reduce((sum, each) => sum + each, 0)).toBe(40)
  })

  test('imports and the change feed can go past it', async () => {
    const through = await startPgBouncer({ mode: 'transaction' })
    const direct = await cloneDatabase()
    const urls = await prepareDatabase({ ...settings, url: through(direct), directUrl: direct })
    expect(urls).toEqual({
      databaseUrl: `${through(direct)}?pooler=transaction&prepare=false`,
      sessionUrl: `${direct}&prepare=false`,
    })
  })

  test('a start is refused where writes could be lost, and the message says what to do', async () => {
    const [transaction, statement] = [
      await startPgBouncer({ mode: 'transaction' }),
      await startPgBouncer({ mode: 'statement' }),
    ]
    const [direct, other] = [await cloneDatabase(), await cloneDatabase()]
    const refused = (options: object) =>
      expect(findPooler({ ...settings, url: transaction(direct), ...options })).rejects
    await refused({ prepare: 'true' }).toThrow(
      /PgBouncer \(127\.0\.0\.1:\d+\) in transaction mode, .* DB_PREPARE is true\. Leave DB_PREPARE out .*; or let DATABASE_URL lead to PostgreSQL itself/,
    )
    await refused({ url: statement(direct) }).toThrow(/PgBouncer \(.*\) in statement mode, which has no transactions/)
    await refused({ directUrl: transaction(direct) }).toThrow('DATABASE_DIRECT_URL leads through a pooler')
    await refused({ directUrl: other }).toThrow('DATABASE_DIRECT_URL leads to another database than DATABASE_URL')
  })

  test('the role is looked at for the limits that a pooler does not pass on', async () => {
    const through = await startPgBouncer({ mode: 'transaction' })
    const direct = await cloneDatabase()
    const { warnings } = await findPooler({ ...settings, url: through(direct) })
    expect(warnings).toEqual([expect.stringContaining("alter role kinoteka set lock_timeout = '5s'")])
    const { sql, close } = connect(direct, { max: 1 })
    closers.push(close)
    const [row] = await sql`select current_database() as name`
    for (const name of ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) {
      await sql.unsafe(`alter role kinoteka in database ${row?.name} set ${name} = '5s'`)
    }
    const again = await startPgBouncer({ mode: 'transaction' })
    expect((await findPooler({ ...settings, url: again(direct) })).warnings).toEqual([])
  })
})

test('Without a pooler statements stay prepared, and the URL is as it was', async () => {
  const url = await cloneDatabase()
  expect(await findPooler({ ...settings, url })).toEqual({ databaseUrl: url, sessionUrl: url, warnings: [] })
  const found = await findPooler({ ...settings, url, prepare: 'false' })
  expect(found.databaseUrl).toBe(`${url}&prepare=false`)
})
