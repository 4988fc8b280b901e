import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect as connectSocket, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { connect, type Database } from '../../src/db/connect.ts'
import { openConnection } from '../../src/db/copy/connection.ts'
import { cloneDatabase } from '../support/databases.ts'
import { ask, marksAt, severalHosts, silentServer, startPair } from '../support/failover.ts'
import { outageOf } from '../support/outage.ts'
import { cleanUp, freshFolder, startServer } from '../support/process.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
  await cleanUp()
})

function pool(url: string, onRefusal?: (message: string) => void): Database {
  const database = connect(url, { ...(onRefusal && { onRefusal }) })
  closers.push(database.close)
  return database
}

const mark = ({ sql }: Database, text: string) => sql`insert into marks values (${text})`
const isWritten = (database: Database, text: string) =>
  mark(database, text).then(
    () => true,
    () => false,
  )
const stateOf = (database: Database, url: string) => {
  const name = new URL(url).searchParams.get('host')
  return database.servers().find(({ server }) => server === name)?.state
}

describe('Of several servers', () => {
  test.each([
    ['first', (silent: string, good: string) => severalHosts(silent, good)],
    ['last', (silent: string, good: string) => severalHosts(good, silent)],
    ['first and last', (silent: string, good: string) => severalHosts(silent, good, silent)],
  ])(
    'the silent one may stand %s: the primary is found, and nothing waits for the other again',
    { tags: 'slow' },
    async (_, place) => {
      const silent = await silentServer()
      closers.push(silent.close)
      const url = new URL(await cloneDatabase())
      const { sql } = pool(place(silent.url, url.href).replace(/@(.*)\//, (hosts) => hosts))
      expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
      const before = silent.connections()
      await Promise.all(Array.from({ length: 40 }, () => sql`select pg_sleep(0.1)`))
      // Only the question what it is, twice at most.
      expect(silent.connections() - before).toBeLessThanOrEqual(2)
      const session = await openConnection(place(silent.url, url.href), { statementTimeoutMs: 1000 })
      expect(await session.query('select 1 as one')).toEqual([{ one: 1 }])
      session.close()
    },
  )

  test('the standby is taken when it has been promoted, and the frozen primary never again: for no connection of the process', {
    tags: 'slow',
  }, async () => {
    const pair = await startPair()
    const way = await outageOf(pair.primary.url)
    closers.push(way.close)
    const refusals: string[] = []
    const url = severalHosts(way.url, pair.standby.url)
    const database = pool(url, (message) => refusals.push(message))
    await mark(database, 'before')
    expect(database.servers().map(({ state }) => state)).toEqual(['primary', 'standby'])
    const session = await openConnection(url, { statementTimeoutMs: 1000 })
    closers.push(session.close)

    way.freeze()
    await expect.poll(() => isWritten(database, 'while it was frozen')).toBe(false)
    await pair.promote()
    await expect.poll(() => isWritten(database, 'after')).toBe(true)
    await expect(session.query('select 1')).rejects.toBeDefined()

    await way.restore()
    await expect.poll(() => stateOf(database, way.url)).toBe('refused')
    await Promise.all(Array.from({ length: 50 }, () => mark(database, 'later')))
    const anew = await openConnection(url, { statementTimeoutMs: 1000 })
    await anew.query(`insert into marks values ('by a session')`)
    anew.close()
    // Whoever asks for the old one alone gets nothing either.
    await expect(mark(pool(way.url), 'by another pool')).rejects.toBeDefined()
    await expect(openConnection(way.url, { statementTimeoutMs: 1000 })).rejects.toBeDefined()
    expect(refusals).toEqual([expect.stringContaining('is on timeline 1, but its cluster is on 2')])
    const at = { old: await marksAt(pair.primary), new: await marksAt(pair.standby) }
    expect(at.old.filter((each) => each !== 'while it was frozen')).toEqual(['before'])
    expect(at.new.filter((each) => each === 'later')).toHaveLength(50)
    expect(at.new).toContain('by a session')
  })

  test('the one on the highest timeline is taken at the start too, wherever it stands', { tags: 'slow' }, async () => {
    const pair = await startPair()
    await pair.promote()
    const database = pool(severalHosts(pair.primary.url, pair.standby.url))
    await Promise.all(Array.from({ length: 30 }, () => mark(database, 'x')))
    expect(await marksAt(pair.primary)).toEqual([])
    expect(await marksAt(pair.standby)).toHaveLength(30)
    expect(database.servers().map(({ state }) => state)).toEqual(['refused', 'primary'])
  })

  test('one of another cluster is refused, also when the primary is gone', { tags: 'slow' }, async () => {
    const pair = await startPair()
    const stranger = await startServer(await freshFolder())
    await ask(stranger.url, 'create table marks (mark text)')
    const way = await outageOf(pair.primary.url)
    closers.push(way.close)
    const refusals: string[] = []
    const database = pool(severalHosts(way.url, stranger.url), (message) => refusals.push(message))
    await mark(database, 'before')
    await way.cut()
    await expect.poll(() => stateOf(database, way.url)).toBe('silent')
    await expect(mark(database, 'astray')).rejects.toBeDefined()
    await way.restore()
    await expect.poll(() => isWritten(database, 'after')).toBe(true)
    expect(await marksAt(stranger)).toEqual([])
    expect(refusals).toEqual([expect.stringContaining('is of another cluster')])
  })
})

test('Behind one address the connections to an old primary end when a new one is seen there, and it gets no more', {
  tags: 'slow',
}, async () => {
  const pair = await startPair()
  const targets = [pair.primary.url, pair.standby.url].map((url) =>
    join(new URL(url).searchParams.get('host') ?? '', '.s.PGSQL.5432'),
  )
  const folder = await freshFolder()
  let target = 0
  const proxy = createServer((client) => {
    const server = connectSocket(targets[target] ?? '')
    client.pipe(server).pipe(client)
    for (const each of [client, server])
      each.on('error', () => {}).on('close', () => [client, server].map((s) => s.destroy()))
  }).listen(join(folder, '.s.PGSQL.5432'))
  await once(proxy, 'listening')
  closers.push(
    () => proxy.close(),
    () => rm(join(folder, '.s.PGSQL.5432'), { force: true }),
  )
  const url = new URL(pair.primary.url)
  url.searchParams.set('host', folder)
  const refusals: string[] = []
  const database = pool(url.href, (message) => refusals.push(message))
  await mark(database, 'before')

  await pair.promote()
  target = 1
  // Another connection gets to the new one, while the pool still has that to the old one.
  const session = await openConnection(url.href, { statementTimeoutMs: 1000 })
  closers.push(session.close)
  await expect.poll(() => isWritten(database, 'after')).toBe(true)
  expect(await marksAt(pair.primary)).toEqual(['before'])

  target = 0
  await Promise.all(Array.from({ length: 30 }, () => isWritten(database, 'more')))
  expect(await marksAt(pair.primary)).toEqual(['before'])
  await expect(openConnection(url.href, { statementTimeoutMs: 1000 })).rejects.toBeDefined()
  expect(refusals).toEqual([expect.stringContaining('is on timeline 1, but its cluster is on 2')])
})

test('A stall of our own event loop is not taken for the silence of the server', { tags: 'slow' }, async () => {
  const { sql } = pool(await cloneDatabase())
  let isOver = false
  const block = () => {
    const end = performance.now() + 400
    while (performance.now() < end);
    if (!isOver) setImmediate(block)
  }
  const slow = Promise.all(Array.from({ length: 20 }, (_, i) => sql`select pg_sleep(1) as slept, ${i}::int as i`))
  setTimeout(block, 100)
  const rows = await slow.finally(() => {
    isOver = true
  })
  expect(rows.map(([row]) => row?.i)).toEqual(Array.from({ length: 20 }, (_, i) => i))
})

test('A connection of its own keeps its query through a stall', async () => {
  const session = await openConnection(inject('postgresUrl'), { statementTimeoutMs: 5_000, queryTimeoutMs: 500 })
  closers.push(session.close)
  const answer = session.query('select 1 as one from pg_sleep(0.2)')
  setTimeout(() => {
    const end = performance.now() + 1_500
    while (performance.now() < end);
  }, 100)
  expect(await answer).toEqual([{ one: 1 }])
})
