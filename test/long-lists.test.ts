import { once } from 'node:events'
import { type ClientRequest, get as httpGet, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { drizzle } from 'drizzle-orm/postgres-js'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPlaces } from '../src/http/places.ts'
import { createListRepository } from '../src/modules/lists/repository.ts'
import { createRatingRepository } from '../src/modules/ratings/repository.ts'
import { as, type TestApp, type TestUser, testApp, testUser } from './support/app.ts'
import { cloneDatabase } from './support/databases.ts'
import { metricsOf } from './support/metrics.ts'
import { expectProblem, inDatabase } from './support/movies.ts'

const size = 350
let service: TestApp
let base: string
let ann: TestUser

const lists = [
  { url: '/movies/favorites', table: 'favourites' },
  { url: '/favorites/movies', table: 'favourites' },
  { url: '/movies/wishlist', table: 'wishlist' },
  { url: '/wishlist/movies', table: 'wishlist' },
  { url: '/ratings', table: 'ratings' },
] as const
const tables = ['favourites', 'wishlist', 'ratings'] as const

type Query = TestApp['app']['database']['sql']

beforeAll(async () => {
  // Not a kept one: what was in that counts in plans.
  service = await testApp({}, { databaseUrl: await cloneDatabase() })
  ann = await testUser(service.app)
  base = await service.app.listen({ port: 0, host: '127.0.0.1' })
  await inDatabase(service.databaseUrl, async (sql) => {
    await sql`insert into films (name, year, description, rate) select 'Ряд ' || n, 2000, 'О "чём" он', 7.5
      from generate_series(1, ${size}::int) n`
    await sql`insert into genres (name) select 'жанр ' || n from generate_series(1, 250) n`
    await sql`insert into directors (name, date_of_birth) select 'Режиссёр ' || n, '1950-01-01'
      from generate_series(1, 250) n`
    await keepAll(sql, ann, 'Ряд %')
  })
})
afterAll(() => service.close())

/** All films of that name in all lists of the user; many at one moment, the others some microseconds apart. */
async function keepAll(sql: Query, user: TestUser, name: string): Promise<void> {
  const films = sql`select id, timestamptz '2020-01-01Z' + (id / 90) * interval '1 us' as at from films where name like ${name}`
  for (const table of ['favourites', 'wishlist'])
    await sql`insert into ${sql(table)} (user_id, film_id, created_at) select ${user.id}, id, at from (${films}) film`
  await sql`insert into ratings (user_id, film_id, value, created_at, updated_at)
    select ${user.id}, id, 1 + id % 10, at - interval '1 day', at from (${films}) film`
}

const get = (url: string, user = ann) => as(service.app, user)({ method: 'GET', url })

describe('A list of more than a batch', () => {
  test.each([...lists, { url: '/genres' }, { url: '/directors' }])(
    '$url is its pages put together, byte for byte',
    async ({ url }) => {
      const all = await get(url)
      expect(all.statusCode).toBe(200)
      expect(all.headers['content-type']).toBe('application/json; charset=utf-8')
      expect(all.headers.etag).toBeUndefined()
      const count = (all.json() as unknown[]).length
      expect(count).toBeGreaterThanOrEqual(250)
      const pages: string[] = []
      for (let page = 1; page <= Math.ceil(count / 12); page++)
        pages.push((await get(`${url}?page=${page}`)).body.slice(1, -1))
      expect(all.body).toBe(`[${pages.join()}]`)
      expect((await get(`${url}?page=${pages.length + 1}`)).body).toBe('[]')
    },
  )

  test.each(lists)(
    '$url is in the order of the list, each film once and as it is told elsewhere',
    async ({ url, table }) => {
      const items = (await get(url)).json() as { id?: number; film_id?: number; movie?: object; added_at: string }[]
      const ids = items.map((item) => item.film_id ?? item.id)
      const at = table === 'ratings' ? 'updated_at' : 'created_at'
      const { sql } = service.app.database
      const rows =
        await sql`select film_id from ${sql(table)} where user_id = ${ann.id} order by ${sql(at)} desc, film_id desc`
      expect(ids).toEqual(rows.map((row) => row.film_id))
      for (const item of [items[0], items[100], items[205], items.at(-1)]) {
        const movie = (await get(`/movies/${item?.film_id ?? item?.id}`)).json()
        const { added_at: addedAt, ...told } = { ...item, ...item?.movie, added_at: item?.added_at }
        expect(item?.movie ?? told).toEqual(movie)
        expect(addedAt).toMatch(/^20(19|20)-/)
      }
    },
  )

  test.each(tables)('of the %s begins behind 100: up to there it is whole, with an entity tag', async (table) => {
    const bob = await testUser(service.app)
    const { sql } = service.app.database
    const url = lists.find((list) => list.table === table)?.url ?? ''
    const add = async (count: number) => {
      await sql`delete from ${sql(table)} where user_id = ${bob.id}`
      await sql`insert into ${sql(table)} ${table === 'ratings' ? sql`(user_id, film_id, value)` : sql`(user_id, film_id)`}
        select ${bob.id}, id ${table === 'ratings' ? sql`, 5` : sql``} from films where name like 'Ряд %' limit ${count}`
      const { headers, body } = await get(url, bob)
      expect(JSON.parse(body)).toHaveLength(count)
      return [headers.etag !== undefined, headers['content-length'] !== undefined]
    }
    expect(await add(99)).toEqual([true, true])
    expect(await add(101)).toEqual([false, false])
  })

  test.each(lists)('$url to HEAD is its headers alone', async ({ url }) => {
    const answer = await fetch(base + url, { method: 'HEAD', headers: ann.headers })
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      200,
      'application/json; charset=utf-8',
      '',
    ])
  })

  test.each(tables)('of the %s is read as ranges of its index, never sorted', { tags: 'slow' }, async (table) => {
    await inDatabase(service.databaseUrl, async (sql) => {
      // Without triggers and foreign keys, which take their time.
      await sql`set session_replication_role = replica`
      await sql`set statement_timeout = 0`
      await sql`insert into users (login, password_hash) select 'many' || n || ${table}, '' from generate_series(1, 60) n`
      await sql`insert into ${sql(table)} ${table === 'ratings' ? sql`(user_id, film_id, value)` : sql`(user_id, film_id)`}
        select users.id, films.id ${table === 'ratings' ? sql`, 5` : sql``} from users, films
        where login like 'many%' and films.name like 'Ряд %' and films.id % 2 = 0 on conflict do nothing`
      await sql`vacuum analyze`
      const asked: { query: string; params: unknown[] }[] = []
      const db = drizzle(sql, { logger: { logQuery: (query, params) => asked.push({ query, params }) } })
      const batches =
        table === 'ratings' ? createRatingRepository(db).list(ann.id) : createListRepository(db, table).batches(ann.id)
      for await (const { items } of batches) expect(items.length).toBeGreaterThan(0)
      expect(asked).toHaveLength(4)
      for (const { query, params } of asked.slice(0, 3)) {
        const plan = (await sql.unsafe(`explain ${query}`, params as never[]).values()).flat().join('\n')
        expect(plan).toContain(`${table}_newest_idx`)
        expect(plan).not.toContain('Sort')
      }
    })
  })
})

describe('To a reader who takes their time', () => {
  let carl: TestUser
  const films = 1500

  beforeAll(async () => {
    carl = await testUser(service.app)
    await inDatabase(service.databaseUrl, async (sql) => {
      await sql`insert into films (name, description) select 'Большой ' || n, repeat('я', 9000)
        from generate_series(1, ${films}::int) n`
      await keepAll(sql, carl, 'Большой %')
    })
  })

  async function open(url: string): Promise<[IncomingMessage, ClientRequest]> {
    const request = httpGet(base + url, { headers: carl.headers, agent: false })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    return [response, request]
  }

  const underWay = async () => (await metricsOf(service.app)).get('http_streamed_answers')

  /** How many batches of the list have been read, as soon as no more are. */
  async function untilStalled(table: string, work: () => Promise<void>): Promise<number> {
    let asked = 0
    const { options } = service.app.database.sql
    const { debug } = options
    options.debug = (_connection, query) => {
      if (query.includes(`"${table}"."film_id" desc`)) asked += 1
    }
    await work()
    for (let seen = -1; seen < asked; ) {
      seen = asked
      await sleep(700)
    }
    options.debug = debug
    return asked
  }

  test.each([lists[0], lists[3], lists[4]])(
    '$url is not read ahead, no connection is held, and the rest comes whole',
    { tags: 'slow' },
    async ({ url, table }) => {
      let response: IncomingMessage | undefined
      const asked = await untilStalled(table, async () => {
        response = (await open(url))[0]
      })
      expect(asked).toBeGreaterThan(1)
      expect(asked).toBeLessThan(films / 100)
      expect(await underWay()).toBe(1)
      const busy = await service.app.database.sql`select pid from pg_stat_activity
      where datname = current_database() and state <> 'idle' and query ~ ${table} and pid <> pg_backend_pid()`
      expect(busy).toEqual([])
      let text = ''
      for await (const part of (response as IncomingMessage).setEncoding('utf8')) text += part
      expect(JSON.parse(text)).toHaveLength(films)
      await expect.poll(underWay).toBe(0)
    },
  )

  test.each(['/ratings', '/user/export', '/user/lists.csv'])(
    'who hangs up on %s is read for no longer, and leaves the place',
    async (url) => {
      const before = service.log().length
      const [response, request] = await open(url)
      await once(response, 'data')
      request.destroy()
      await expect.poll(underWay).toBe(0)
      expect(service.log().slice(before)).not.toContain('"level":50')
    },
  )

  test('a failure in the middle cuts the connection, so that a part is not taken for the whole', {
    tags: 'slow',
  }, async () => {
    const [response] = await open('/ratings')
    await sleep(300)
    const { sql } = service.app.database
    await sql`alter table ratings rename to ratings_away`
    let text = ''
    const reading = async () => {
      for await (const part of response.setEncoding('utf8')) text += part
    }
    await expect(reading()).rejects.toThrow()
    await sql`alter table ratings_away rename to ratings`
    expect(() => JSON.parse(text)).toThrow()
    await expect.poll(underWay).toBe(0)
  })

  test('a failure before anything was sent is a problem', async () => {
    const { sql } = service.app.database
    await sql`alter table ratings rename to ratings_away`
    const response = await get('/ratings', carl)
    await sql`alter table ratings_away rename to ratings`
    expectProblem(response, 500, 'internal_error')
  })
})

describe('Places for long answers', () => {
  const taken = async (
    places: ReturnType<typeof createPlaces>,
    reader: { user?: { id: number }; ip: string },
    count: number,
  ) => Promise.all(Array.from({ length: count }, () => places.acquire(reader)))

  test('are shared: a user who has too many is refused, and others are not', async () => {
    const places = createPlaces(new Registry())
    const [one, two] = [
      { user: { id: 1 }, ip: '192.0.2.1' },
      { user: { id: 2 }, ip: '192.0.2.1' },
    ]
    const releases = await taken(places, one, 32)
    await expect(places.acquire(one)).rejects.toMatchObject({
      code: 'overloaded',
      headers: { 'retry-after': expect.any(String) },
      message: expect.stringContaining('ask for pages'),
    })
    await taken(places, two, 32)
    releases[0]?.()
    releases[0]?.()
    await places.acquire(one)
    await expect(places.acquire(one)).rejects.toThrow('under way')
  })

  test('of an IPv6 network without a token are one share, however many addresses it has', async () => {
    const places = createPlaces(new Registry())
    for (let i = 0; i < 128; i++) await places.acquire({ ip: `2001:db8::${i.toString(16)}` })
    await expect(places.acquire({ ip: '2001:db8::ffff' })).rejects.toThrow('under way')
    await places.acquire({ ip: '2001:db8:0:1::1' })
  })

  test('take turns with reading: three at once, also after one that failed', async () => {
    const { inTurn } = createPlaces(new Registry())
    let [running, most] = [0, 0]
    const read = async (i: number) => {
      most = Math.max(most, ++running)
      await sleep(1)
      running--
      if (i % 5 === 0) throw new Error('gone')
      return i
    }
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => inTurn(() => read(i))))
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(4)
    expect([running, most]).toEqual([0, 3])
    expect(await inTurn(() => read(1))).toBe(1)
  })

  test('of an address without a token are more, and all together are bounded', async () => {
    const places = createPlaces(new Registry())
    await taken(places, { ip: '192.0.2.1' }, 128)
    await expect(places.acquire({ ip: '192.0.2.1' })).rejects.toMatchObject({ code: 'overloaded' })
    await taken(places, { ip: '192.0.2.2' }, 128)
    await expect(places.acquire({ user: { id: 1 }, ip: '192.0.2.3' })).rejects.toMatchObject({ code: 'overloaded' })
  })
})
