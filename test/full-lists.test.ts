import type { LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type TestApp, type TestUser, testApp, testUser } from './support/app.ts'
import { collector } from './support/lists.ts'
import { expectProblem, inDatabase } from './support/movies.ts'

const max = 20_000
let service: TestApp
let replica: TestApp['app']
/** More than a list can hold. */
let films: number[]

beforeAll(async () => {
  service = await testApp()
  replica = await service.replica()
  films = await inDatabase(service.databaseUrl, async (sql) => {
    await sql`set statement_timeout = 0`
    const rows = await sql`insert into films (name)
      select 'Много ' || n from generate_series(1, ${max + 50}::int) n returning id`
    await sql`insert into films (id, name)
      select 5000000 + n, 'Ещё ' || n from generate_series(1, 1500) n`
    await sql`insert into film_votes (film_id, rate_sum, votes) select id, 500, 100 from films on conflict do nothing`
    return rows.map((row) => row.id)
  })
})
afterAll(() => service.close())

type Add = (user: TestUser, id: number, app?: TestApp['app']) => Promise<LightMyRequestResponse>
interface List {
  table: 'favourites' | 'wishlist' | 'ratings'
  name: string
  add: Add
  remove: Add
}

const call =
  (method: 'POST' | 'PUT' | 'DELETE', url: (id: number) => string, payload?: (id: number) => object): Add =>
  (user, id, app = service.app) =>
    as(app, user)({ method, url: url(id), ...(payload && { payload: payload(id) }) })

const lists: List[] = [
  {
    table: 'favourites',
    name: 'favorites',
    add: call('POST', (id) => `/favorites/movies/${id}`),
    remove: call('DELETE', (id) => `/favorites/movies/${id}`),
  },
  {
    table: 'wishlist',
    name: 'wishlist',
    add: call(
      'POST',
      () => '/movies/wishlist',
      (id) => ({ id }),
    ),
    remove: call('DELETE', (id) => `/movies/wishlist/${id}`),
  },
  {
    table: 'ratings',
    name: 'ratings',
    add: call(
      'PUT',
      (id) => `/films/${id}/rating`,
      () => ({ value: 7 }),
    ),
    remove: call('DELETE', (id) => `/films/${id}/rating`),
  },
]

/** A user with the first so many films in the list. */
async function keeper({ table }: Pick<List, 'table'>, count: number): Promise<TestUser> {
  const user = await testUser(service.app)
  await keep(user.id, table, films.slice(0, count))
  return user
}

/** Without triggers and foreign keys: 20,000 at once would take their time. The films have votes enough to lose some. */
function keep(userId: number, table: List['table'], ids: number[]): Promise<void> {
  return inDatabase(service.databaseUrl, async (sql) => {
    await sql`set session_replication_role = replica`
    await sql`set statement_timeout = 0`
    if (table === 'ratings')
      await sql`insert into ratings (user_id, film_id, value) select ${userId}, id, 5 from unnest(${ids}::int[]) id`
    else await sql`insert into ${sql(table)} (user_id, film_id) select ${userId}, id from unnest(${ids}::int[]) id`
  })
}

async function countOf({ table }: List, user: TestUser): Promise<number> {
  const { sql } = service.app.database
  const [row] = await sql`select count(*)::int as count from ${sql(table)} where user_id = ${user.id}`
  return row?.count
}

const film = (index: number) => films[index] as number
const statuses = (answers: LightMyRequestResponse[]) => answers.map((answer) => answer.statusCode).toSorted()

describe.each(lists)('A list of 20,000: the $name', (list) => {
  const { name, add, remove } = list

  test('takes no more, but what is there; what goes makes room', { tags: 'slow' }, async () => {
    const ann = await keeper(list, max - 1)
    expect((await add(ann, film(max - 1))).statusCode).toBe(201)
    const { detail } = expectProblem(await add(ann, film(max)), 409, 'list_full')
    expect(detail).toBe(`A list holds up to 20000 films: remove some from your ${name} before you add others`)
    expect((await add(ann, film(0))).statusCode).toBe(200)
    expect((await add(ann, film(max - 1))).statusCode).toBe(200)
    expect(await countOf(list, ann)).toBe(max)
    expect((await remove(ann, film(5))).statusCode).toBe(204)
    expect((await add(ann, film(max))).statusCode).toBe(201)
    expectProblem(await add(ann, film(5)), 409, 'list_full')
  })

  test('takes as many of twenty at once, over two processes, as there is room for', { tags: 'slow' }, async () => {
    const ann = await keeper(list, max - 3)
    const adding = Array.from({ length: 20 }, (_, i) => add(ann, film(max + i), i % 2 ? replica : service.app))
    expect(statuses(await Promise.all(adding))).toEqual([201, 201, 201, ...Array(17).fill(409)])
    expect(await countOf(list, ann)).toBe(max)
  })

  test('takes one film once, by twenty at once, also as the last', { tags: 'slow' }, async () => {
    const ann = await keeper(list, max - 1)
    const adding = Array.from({ length: 20 }, (_, i) => add(ann, film(max), i % 2 ? replica : service.app))
    expect(statuses(await Promise.all(adding))).toEqual([...Array(19).fill(200), 201])
    expect(await countOf(list, ann)).toBe(max)
  })

  test('of somebody who has more already stays as it is', async () => {
    const ann = await keeper(list, max + 5)
    expectProblem(await add(ann, film(max + 6)), 409, 'list_full')
    expect((await add(ann, film(max + 4))).statusCode).toBe(200)
    await remove(ann, film(0))
    expectProblem(await add(ann, film(0)), 409, 'list_full')
    expect(await countOf(list, ann)).toBe(max + 4)
  })
})

test('A score can be changed though no other film can be rated', async () => {
  const ann = await keeper({ table: 'ratings' }, max)
  const rate = (value: number) =>
    as(service.app, ann)({ method: 'PUT', url: `/films/${film(3)}/rating`, payload: { value } })
  expect((await rate(9)).json()).toMatchObject({ value: 9, film_id: film(3) })
  expect((await rate(9)).statusCode).toBe(200)
})

describe('An import into a list that becomes full', () => {
  const fault = (row: number, name: string) => ({
    row,
    code: 'list_full',
    message: `A list holds up to 20000 films: remove some from your ${name} before you add others`,
  })

  test('adds the first rows, changes scores, and reports the others; a dry run tells the same', async () => {
    const ann = await collector(service)
    await keep(ann.id, 'favourites', films.slice(0, max - 2))
    await keep(ann.id, 'ratings', [...films.slice(0, max - 2), 5_000_001])
    const file = [
      'list,film_id,title,rating',
      ...[9, 3, 7, 1].map((n) => `favorites,500000${n},,`),
      ...[1, 2, 4].map((n) => `ratings,500000${n},,8`),
    ].join('\n')
    const report = {
      ...{ rows: 7, created: 3, updated: 1, skipped: 0 },
      errors: [fault(4, 'favorites'), fault(5, 'favorites'), fault(8, 'ratings')],
    }
    expect(await ann.upload(file, { query: '?dry_run=true' })).toMatchObject({ ...report, dry_run: true })
    expect(await ann.upload(file)).toMatchObject({ ...report, dry_run: false })
    const { sql } = service.app.database
    const added = await sql`select film_id from favourites where user_id = ${ann.id} and film_id < 10000000 order by 1`
    expect(added.map((row) => row.film_id)).toEqual([5_000_003, 5_000_009])
    const rated =
      await sql`select film_id, value from ratings where user_id = ${ann.id} and film_id < 10000000 order by 1`
    expect(rated.map((row) => [row.film_id, row.value])).toEqual([
      [5_000_001, 8],
      [5_000_002, 8],
    ])
    expect(await ann.upload(file)).toMatchObject({ ...report, created: 0, updated: 0, skipped: 4 })
  })

  test('of more than a thousand rows is bounded as a whole', { tags: 'slow' }, async () => {
    const ann = await collector(service)
    await keep(ann.id, 'wishlist', films.slice(0, max - 1200))
    const rows = Array.from({ length: 1500 }, (_, i) => `wishlist,${5_000_001 + i},`)
    const file = ['list,film_id,title', ...rows].join('\n')
    const faults = rows.slice(1200, 1300).map((_, i) => fault(1202 + i, 'wishlist'))
    for (const query of ['?dry_run=true', '']) {
      expect(await ann.upload(file, { query })).toMatchObject({
        rows: 1500,
        created: 1200,
        skipped: 0,
        failed: 300,
        errors: faults,
      })
    }
    expect((await ann.upload(file)).created).toBe(0)
  })

  test('by two files at once does not exceed it', async () => {
    const ann = await collector(service)
    await keep(ann.id, 'favourites', films.slice(0, max - 100))
    const file = (from: number) =>
      ['list,film_id,title', ...Array.from({ length: 500 }, (_, i) => `favorites,${from + i},`)].join('\n')
    const reports = await Promise.all([ann.upload(file(5_000_001)), ann.upload(file(5_000_601))])
    expect(reports[0].created + reports[1].created).toBe(100)
    expect(reports[0].failed + reports[1].failed).toBe(900)
  })
})
