import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startChangeCleanup } from '../src/cache/change-cleanup.ts'
import { type Change, type ChangeFeed, openChangeFeed } from '../src/cache/change-feed.ts'
import { connect, type Database } from '../src/db/connect.ts'
import { cloneDatabase } from './support/databases.ts'
import { until } from './support/process.ts'

let url: string
let database: Database
const followers: ChangeFeed[] = []

beforeAll(async () => {
  url = await cloneDatabase()
  database = connect(url)
})
afterEach(() => {
  for (const each of followers.splice(0)) each.close()
})
afterAll(() => database.close())

/** Follows the database, and has begun. */
async function follower(options?: { keepMs: number }) {
  const changes: Change[] = []
  let losses = 0
  const feed = openChangeFeed(url, options)
  followers.push(feed)
  feed.listen({ changed: (change) => changes.push(change), reset: () => losses++ })
  await until(() => feed.isCurrent())
  return { feed, changes, losses: () => losses }
}

const addFilm = async (sql = database.sql): Promise<string> => {
  const [row] = await sql`insert into films (name) values ('Фильм') returning id`
  return String(row?.id)
}

/** A film in a transaction that stays open until `commit`. */
async function uncommittedFilm() {
  const committing = Promise.withResolvers<void>()
  const written = Promise.withResolvers<string>()
  const transaction = database.sql.begin(async (tx) => {
    written.resolve(await addFilm(tx as never))
    await committing.promise
  })
  const commit = () => {
    committing.resolve()
    return transaction
  }
  return { id: await written.promise, commit }
}

describe('Changes of the database are delivered', () => {
  test('to a caller that waits to catch up, before the next poll', async () => {
    const { feed, changes } = await follower()
    const id = await addFilm()
    await feed.waitUntilCaughtUp()
    expect(changes).toEqual([{ topic: 'film', key: id }])
  })

  test('within a second to everybody else', async () => {
    const { changes } = await follower()
    const id = await addFilm()
    await until(() => changes.length > 0)
    expect(changes).toEqual([{ topic: 'film', key: id }])
  })

  test('once they are committed, though the transaction began long before', async () => {
    const { feed, changes } = await follower()
    const { id, commit } = await uncommittedFilm()
    const later = await addFilm()
    await feed.waitUntilCaughtUp()
    await feed.waitUntilCaughtUp()
    expect(changes).toEqual([{ topic: 'film', key: later }])
    await commit()
    await feed.waitUntilCaughtUp()
    expect(changes).toEqual([
      { topic: 'film', key: later },
      { topic: 'film', key: id },
    ])
  })

  test('not when they were rolled back', async () => {
    const { feed, changes } = await follower()
    const undone = database.sql.begin(async (tx) => {
      await addFilm(tx as never)
      throw new Error('changed my mind')
    })
    await expect(undone).rejects.toThrow('changed my mind')
    await feed.waitUntilCaughtUp()
    expect(changes).toEqual([])
  })

  test('by topic: what a listing shows, what is told of a film, and who likes it', async () => {
    const id = await addFilm()
    const { feed, changes } = await follower()
    const [user] = await database.sql`insert into users (login, password_hash) values ('ann', '') returning id`
    const steps: [string, () => PromiseLike<unknown>, Change[]][] = [
      ['rate', () => database.sql`update films set rate = 8 where id = ${id}`, [{ topic: 'film', key: id }]],
      ['minutes', () => database.sql`update films set minutes = 8 where id = ${id}`, [{ topic: 'film', key: id }]],
      ['poster', () => database.sql`update films set poster_url = 'p' where id = ${id}`, [{ topic: 'text', key: id }]],
      [
        'score',
        () => database.sql`insert into ratings (user_id, film_id, value) values (${user?.id}, ${id}, 9)`,
        [
          { topic: 'text', key: id },
          { topic: 'rating', key: String(user?.id) },
        ],
      ],
      [
        'favourite',
        () => database.sql`insert into favourites (user_id, film_id) values (${user?.id}, ${id})`,
        [
          { topic: 'fans', key: id },
          { topic: 'list', key: String(user?.id) },
        ],
      ],
      ['wish', () => database.sql`delete from wishlist where user_id = ${user?.id}`, []],
      ['block', () => database.sql`update users set blocked = true`, [{ topic: 'session', key: null }]],
      ['director', () => database.sql`update directors set name = 'N'`, [{ topic: 'text', key: null }]],
      ['emptied', () => database.sql`truncate kinopoisk_answers`, [{ topic: 'answer', key: null }]],
    ]
    for (const [what, change, expected] of steps) {
      changes.length = 0
      await change()
      await feed.waitUntilCaughtUp()
      expect([what, changes]).toEqual([what, expected])
    }
  })

  test('though a transaction has been open for long, which is read no more often for it', async () => {
    const { feed, changes } = await follower()
    const { id, commit } = await uncommittedFilm()
    const others: string[] = []
    for (let i = 0; i < 5; i++) {
      others.push(await addFilm())
      await feed.waitUntilCaughtUp()
    }
    expect(changes.map(({ key }) => key)).toEqual(others)
    await commit()
    await feed.waitUntilCaughtUp()
    expect(changes.map(({ key }) => key)).toEqual([...others, id])
  })

  test('as all of their topic, or as a loss of all, where they are too many; the feed stays current', {
    tags: 'slow',
  }, async () => {
    const { feed, changes, losses } = await follower()
    const add = (count: number) =>
      database.sql`insert into changes (topic, key) select 'film', n::text from generate_series(1, ${count}::int) n`
    await database.sql`insert into changes (topic, key) values ('list', '7')`
    await add(1_001)
    await feed.waitUntilCaughtUp()
    expect([changes, losses(), feed.isCurrent()]).toEqual([
      [
        { topic: 'list', key: '7' },
        { topic: 'film', key: null },
      ],
      1,
      true,
    ])
    changes.length = 0
    await add(100_001)
    await feed.waitUntilCaughtUp()
    expect([changes, losses(), feed.isCurrent()]).toEqual([[], 2, true])
    const id = await addFilm()
    await feed.waitUntilCaughtUp()
    expect(changes).toEqual([{ topic: 'film', key: id }])
  })

  test('in one word where more than a thousand films changed at once', async () => {
    const { feed, changes } = await follower()
    await database.sql`insert into films (name) select 'Много ' || n from generate_series(1, 1001) n`
    await feed.waitUntilCaughtUp()
    expect(changes).toEqual([{ topic: 'film', key: null }])
  })
})

describe('Who can no longer follow', () => {
  test('is not current, and begins anew by saying that all is lost', async () => {
    const { feed, changes, losses } = await follower()
    expect(losses()).toBe(1)
    await database.sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'kinoteka-changes' and datname = current_database()`
    await addFilm()
    await feed.waitUntilCaughtUp()
    await until(() => losses() === 2 && feed.isCurrent())
    changes.length = 0
    const id = await addFilm()
    await feed.waitUntilCaughtUp()
    expect(changes).toEqual([{ topic: 'film', key: id }])
  })

  test('catches up at once, as there is nothing to be behind', async () => {
    const feed = openChangeFeed('postgres://nobody@127.0.0.1:1/none')
    followers.push(feed)
    await feed.waitUntilCaughtUp()
    expect(feed.isCurrent()).toBe(false)
  })
})

describe('Old changes are removed', () => {
  const cleanups: { close(): void }[] = []
  afterEach(() => {
    for (const each of cleanups.splice(0)) each.close()
  })
  const rows = async () => (await database.sql`select count(*)::int as count from changes`)[0]?.count
  const cleanUp = (options: Parameters<typeof startChangeCleanup>[1], db = database.db) => {
    cleanups.push(startChangeCleanup({ db }, { keepMs: 300, everyMs: 20, ...options }))
  }
  const addChanges = (count: number) =>
    database.sql`insert into changes (topic, key) select 'film', n::text from generate_series(1, ${count}::int) n`

  test('in batches, by several replicas, while a change feed goes on', { tags: 'slow' }, async () => {
    const { feed, changes, losses } = await follower()
    await addChanges(12_000)
    for (let i = 0; i < 3; i++) cleanUp({})
    await until(async () => (await rows()) === 0)
    const id = await addFilm()
    await feed.waitUntilCaughtUp()
    expect(changes).toContainEqual({ topic: 'film', key: id })
    expect(losses()).toBe(1)
    await until(async () => (await rows()) === 0)
  })

  test('and not before every replica has had its time', async () => {
    await addFilm()
    cleanUp({ keepMs: 60_000 })
    await sleep(300)
    expect(await rows()).toBeGreaterThan(0)
  })

  test('also behind a transaction that stays open, but for its own', async () => {
    const { feed, changes } = await follower()
    const { id, commit } = await uncommittedFilm()
    await addFilm()
    cleanUp({})
    await until(async () => (await rows()) === 0)
    await commit()
    await feed.waitUntilCaughtUp()
    expect(changes).toContainEqual({ topic: 'film', key: id })
    await until(async () => (await rows()) === 0)
  })

  test('later where that failed, which is said once', async () => {
    const warnings: string[] = []
    let broken = true
    const db = {
      execute: (query: never) => (broken ? Promise.reject(new Error('gone')) : database.db.execute(query)),
    } as never
    await addFilm()
    cleanUp({ warn: (_error, message) => warnings.push(message) }, db)
    await sleep(200)
    expect(warnings).toEqual(['old changes could not be removed now'])
    broken = false
    await until(async () => (await rows()) === 0)
  })
})
