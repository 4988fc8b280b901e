import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createCache } from '../src/cache/cache.ts'
import type { Change, ChangeFeed } from '../src/cache/change-feed.ts'
import { as, password, type TestUser, testUser } from './support/app.ts'
import { type Catalogue, catalogue } from './support/films.ts'
import { metricsOf, risesDuring } from './support/metrics.ts'
import { inDatabase } from './support/movies.ts'
import { until } from './support/process.ts'

let service: Catalogue
let other: FastifyInstance
let reader: TestUser

beforeAll(async () => {
  // Nobody helps: a request sees what the service by itself lets it see.
  service = await catalogue({}, { PUBLIC_CATALOGUE: 'true' }, true)
  other = await service.replica()
  reader = await testUser(service.app)
  for (const app of [service.app, other]) await until(() => app.changeFeed.isCurrent())
})
afterAll(() => service.close())

const read = async (url: string, app = service.app) => (await as(app, reader)({ url })).json()

/** What shows of a film, by where it shows. */
function views(id: number) {
  return {
    film: (app?: FastifyInstance) => read(`/films/${id}`, app),
    page: async (app?: FastifyInstance) => (await read(`/films?q=Film&limit=100`, app)).items.find(isIt),
    movie: (app?: FastifyInstance) => read(`/movies/${id}`, app),
    catalogue: async (app?: FastifyInstance) => (await read('/movies?page=1', app)).find(isIt),
    favourite: async (app?: FastifyInstance) => (await read('/movies/favorites', app)).find(isIt),
  }
  function isIt(film: { id: number }) {
    return film.id === id
  }
}

describe('A write shows in the next request of its process', () => {
  let id: number
  beforeEach(async () => {
    id = (await service.add()).id
    await as(service.app, reader)({ method: 'POST', url: `/favorites/movies/${id}` })
    for (const view of Object.values(views(id))) expect(await view()).toBeDefined()
  })
  const seen = async (of: (film: Record<string, unknown>) => unknown) =>
    Promise.all(Object.values(views(id)).map(async (view) => of(await view())))

  test('of a film', async () => {
    for (const year of [2001, 2002, 2003]) {
      await service.admin({ method: 'PATCH', url: `/films/${id}`, payload: { year } })
      expect(await seen((film) => film.year)).toEqual([year, year, year, year, year])
    }
  })

  test('of its director', async () => {
    await service.admin({ method: 'PATCH', url: `/directors/${service.directorId}`, payload: { name: 'Another' } })
    const director = { id: service.directorId, name: 'Another' }
    expect(await seen((film) => film.director)).toEqual(Array.from({ length: 5 }, () => director))
  })

  test('of its genre', async () => {
    const [genre] = await read('/genres')
    await service.admin({ method: 'PATCH', url: `/genres/${genre.id}`, payload: { name: 'мелодрама' } })
    const [first, ...others] = await seen((film) => film.genre)
    expect([first, others[0]]).toEqual(['мелодрама', 'мелодрама'])
    expect(others.slice(1)).toEqual(Array.from({ length: 3 }, () => ({ id: genre.id, name: 'мелодрама' })))
    expect((await read('/films?genre=драма')).total).toBe(0)
    expect((await read('/films?genre=Мелодрама')).total).toBeGreaterThan(0)
    await service.admin({ method: 'PATCH', url: `/genres/${genre.id}`, payload: { name: 'драма' } })
  })

  test('of scores and favourites', async () => {
    await as(service.app, reader)({ method: 'PUT', url: `/films/${id}/rating`, payload: { value: 9 } })
    expect(await seen((film) => film.user_rate)).toEqual([9, 9, 9, 9, 9])
    const ann = as(service.app, await testUser(service.app))
    await ann({ method: 'POST', url: `/favorites/movies/${id}` })
    expect((await views(id).movie()).favorites_count).toBe(2)
    await ann({ method: 'DELETE', url: `/favorites/movies/${id}` })
    expect((await views(id).movie()).favorites_count).toBe(1)
    await as(service.app, reader)({ method: 'DELETE', url: `/favorites/movies/${id}` })
    expect(await views(id).favourite()).toBeUndefined()
  })

  test('of totals', async () => {
    const before = (await read('/films')).total
    await service.add()
    expect((await read('/films')).total).toBe(before + 1)
    await service.admin({ method: 'DELETE', url: `/films/${id}` })
    expect((await read('/films')).total).toBe(before)
    expect((await service.app.inject(`/movies/${id}`)).statusCode).toBe(401)
  })

  test('of flags in a search', async () => {
    const mark = async () => (await read('/movies/search?query=матрица')).items[0].is_favorite
    const { items } = await read('/movies/search?query=матрица')
    expect(await mark()).toBe(false)
    await as(service.app, reader)({ method: 'POST', url: `/favorites/movies/${items[0].id}` })
    expect(await mark()).toBe(true)
    await as(service.app, reader)({ method: 'DELETE', url: `/favorites/movies/${items[0].id}` })
    expect(await mark()).toBe(false)
  })

  test.each([
    ['logging out', (user: TestUser) => as(service.app, user)({ method: 'POST', url: '/logout' })],
    [
      'a block',
      ({ id }: TestUser) => service.admin({ method: 'PATCH', url: `/users/${id}`, payload: { blocked: true } }),
    ],
    [
      'the end of the account',
      (user: TestUser) => as(service.app, user)({ method: 'DELETE', url: '/user', payload: { password } }),
    ],
  ])('of %s', async (_, end) => {
    const user = await testUser(service.app)
    const profile = async (app = service.app) => (await as(app, user)({ url: '/user' })).statusCode
    expect([await profile(), await profile(other)]).toEqual([200, 200])
    expect((await end(user)).statusCode).toBeLessThan(300)
    expect(await profile()).toBe(401)
    await until(async () => (await profile(other)) === 401)
  })
})

test('A write shows in other replicas, and one behind the back of all shows in all', { tags: 'slow' }, async () => {
  const { id } = await service.add()
  await as(service.app, reader)({ method: 'POST', url: `/favorites/movies/${id}` })
  const all = [service.app, other].flatMap((app) => Object.values(views(id)).map((view) => () => view(app)))
  await until(async () => (await Promise.all(all.map((view) => view()))).every((film) => film !== undefined))
  await service.admin({ method: 'PATCH', url: `/films/${id}`, payload: { year: 1977 } })
  await until(async () => (await Promise.all(all.map((view) => view()))).every((film) => film.year === 1977))
  await inDatabase(service.databaseUrl, (sql) => sql`update films set year = 1966 where id = ${id}`)
  await until(async () => (await Promise.all(all.map((view) => view()))).every((film) => film.year === 1966))
})

test('What is in the cache is not read again, and the metrics count it', async () => {
  const { id } = await service.add()
  await read(`/films/${id}`)
  const rises = await risesDuring(service.app, /^memory_cache_lookups_total.*"film"/, () => read(`/films/${id}`))
  expect(rises).toEqual({ 'memory_cache_lookups_total{kind="film",result="hit"}': 1 })
  const metrics = await metricsOf(service.app)
  expect(metrics.get('memory_cache_current')).toBe(1)
  expect(metrics.get('memory_cache_bytes')).toBeGreaterThan(0)
})

test('While changes cannot be followed everything is read from the database', { tags: 'slow' }, async () => {
  const { id } = await service.add()
  await read(`/films/${id}`)
  // For the triggers, but without what is looked for.
  await service.app.database.sql.unsafe(`
    alter table changes rename to changes_away;
    create table changes (topic text, key text)`)
  await until(() => !service.app.changeFeed.isCurrent())
  await inDatabase(service.databaseUrl, async (sql) => {
    await sql`set session_replication_role = replica`
    await sql`update films set year = 1955 where id = ${id}`
  })
  expect((await read(`/films/${id}`)).year).toBe(1955)
  expect((await metricsOf(service.app)).get('memory_cache_current')).toBe(0)
  // Said by its reason, without a stack.
  const [warning] = service.log().match(/^.*changes cannot be followed.*$/m) ?? []
  expect(warning).toMatch(/"level":40,.*"reason":"column changes\.xid does not exist"/)
  expect(warning).not.toContain('stack')
  await service.app.database.sql`drop table changes`
  await service.app.database.sql`alter table changes_away rename to changes`
  await until(() => service.app.changeFeed.isCurrent())
  expect((await read(`/films/${id}`)).year).toBe(1955)
})

describe('The cache', () => {
  /** A change feed that a test drives. */
  function changeFeed() {
    const listeners: Parameters<ChangeFeed['listen']>[0][] = []
    let isCurrent = true
    const feed: ChangeFeed = {
      isCurrent: () => isCurrent,
      listen: (listener) => void listeners.push(listener),
      waitUntilCaughtUp: async () => {},
      close: () => {},
    }
    return {
      feed,
      change: (change: Change) => {
        for (const listener of listeners) listener.changed(change)
      },
      reset: () => {
        for (const listener of listeners) listener.reset()
      },
      stop: () => {
        isCurrent = false
      },
    }
  }
  const films = (of: ReturnType<typeof changeFeed>, maxBytes = 1_000_000, scanResistant = false) => {
    const cache = createCache(of.feed, maxBytes)
    const region = cache.region<number, string>({
      name: 'film',
      sizeOf: (text) => text.length,
      invalidatedBy: { film: 'one' },
      scanResistant,
    })
    return { cache, region }
  }
  const change = { topic: 'film', key: '1' } as const

  test('reads a key once for all who ask at one time', async () => {
    const { region } = films(changeFeed())
    let reads = 0
    const found = await Promise.all(
      Array.from({ length: 100 }, async () => region.find(1, async () => `read ${++reads}`)),
    )
    expect(new Set(found)).toEqual(new Set(['read 1']))
  })

  test.each([
    ['changes', (of: ReturnType<typeof changeFeed>) => of.change(change)],
    ['may have changed, as changes were lost,', (of: ReturnType<typeof changeFeed>) => of.reset()],
    ['changes with all others', (of: ReturnType<typeof changeFeed>) => of.change({ topic: 'film', key: null })],
  ])('does not keep what %s while it is read, nor gives it to who comes after', async (_, happen) => {
    const of = changeFeed()
    const { region } = films(of)
    const reading = Promise.withResolvers<string>()
    const first = region.find(1, () => reading.promise)
    happen(of)
    expect(await region.find(1, async () => 'new')).toBe('new')
    reading.resolve('old')
    expect(await first).toBe('old')
    expect(region.get(1)).toBe('new')
  })

  test('reads many at once, but not what is known or is being read', async () => {
    const { region } = films(changeFeed())
    const asked: number[][] = []
    const many = (keys: number[]) =>
      region.findMany(keys, async (missing) => {
        asked.push(missing)
        return new Map(missing.filter((key) => key !== 9).map((key) => [key, `film ${key}`]))
      })
    await region.find(2, async () => 'film 2')
    const both = await Promise.all([many([3, 2, 1]), many([1, 4, 9])])
    expect(both).toEqual([
      ['film 3', 'film 2', 'film 1'],
      ['film 1', 'film 4', undefined],
    ])
    expect(asked).toEqual([
      [3, 1],
      [4, 9],
    ])
  })

  test('gives a failure to those who wait, and keeps nothing of it', async () => {
    const { region } = films(changeFeed())
    const fail = async () => {
      throw new Error('gone')
    }
    await expect(Promise.all([region.find(1, fail), region.find(1, fail)])).rejects.toThrow('gone')
    await expect(region.findMany([1, 2], fail)).rejects.toThrow('gone')
    expect(await region.find(1, async () => 'there')).toBe('there')
  })

  test('gives nothing that may be wrong, and joins nobody, while changes are not followed', async () => {
    const of = changeFeed()
    const { region } = films(of)
    await region.find(1, async () => 'old')
    const reading = Promise.withResolvers<string>()
    const slow = region.find(2, () => reading.promise)
    of.stop()
    expect(region.get(1)).toBeUndefined()
    expect(await region.find(1, async () => 'new')).toBe('new')
    expect(await region.find(2, async () => 'new')).toBe('new')
    reading.resolve('old')
    await slow
  })

  test('takes no more than it may, and drops what was longest unused', async () => {
    const { cache, region } = films(changeFeed(), 100_000)
    for (let key = 0; key < 200; key++) await region.find(key, async () => 'x'.repeat(1000))
    expect(cache.stats().bytes).toBeLessThanOrEqual(100_000)
    expect(cache.stats().bytes).toBeGreaterThan(90_000)
    expect([region.get(0), region.get(199)?.length]).toEqual([undefined, 1000])
  })

  test('loses nothing to who walks through all, and takes in what is asked for again', async () => {
    const { cache, region } = films(changeFeed(), 100_000, true)
    const read = async () => 'x'.repeat(1000)
    for (let key = 0; key < 1000; key++) await region.find(key, read)
    expect(cache.stats().bytes).toBeGreaterThan(90_000)
    expect([0, 10, 50].map((key) => region.get(key)?.length)).toEqual([1000, 1000, 1000])
    expect(region.get(999)).toBeUndefined()
    await region.find(999, read)
    expect(region.get(999)?.length).toBe(1000)
    for (let key = 900; key < 999; key++) await region.find(key, read)
    expect(cache.stats().bytes).toBeLessThanOrEqual(100_000)
    expect([50, 998].map((key) => region.get(key)?.length)).toEqual([undefined, 1000])
  })

  test('has room for all again when it was emptied', async () => {
    const of = changeFeed()
    const { cache, region } = films(of, 100_000, true)
    for (let key = 0; key < 1000; key++) await region.find(key, async () => 'x'.repeat(1000))
    of.change({ topic: 'film', key: null })
    expect(cache.stats().bytes).toBe(0)
    await region.find(1, async () => 'new')
    expect(region.get(1)).toBe('new')
  })

  test('of no size keeps nothing', async () => {
    const { region } = films(changeFeed(), 0)
    expect(await region.find(1, async () => 'one')).toBe('one')
    expect(await region.find(1, async () => 'two')).toBe('two')
  })

  test('keeps no longer than it may', async () => {
    const cache = createCache(changeFeed().feed, 1000)
    const region = cache.region<string, number>({ name: 'page', sizeOf: () => 1, invalidatedBy: {}, ttlMs: 1 })
    await region.find('a', async () => 1)
    await until(() => region.get('a') === undefined)
    expect(await region.find('a', async () => 2)).toBe(2)
  })
})
