import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { connect, type Database } from '../src/db/connect.ts'
import { createTransferRepository } from '../src/modules/lists/transfer/repository.ts'
import { createRatingRepository } from '../src/modules/ratings/repository.ts'
import { as, type TestApp, type TestUser, testApp, testUser } from './support/app.ts'
import { cloneDatabase } from './support/databases.ts'

let service: TestApp
let database: Database
let ann: TestUser
let asAnn: ReturnType<typeof as>
let asBob: ReturnType<typeof as>

beforeAll(async () => {
  // Not a kept one: what was in that counts in plans.
  service = await testApp({}, { databaseUrl: await cloneDatabase() })
  database = connect(service.databaseUrl, { max: 4 })
  ann = await testUser(service.app, 'ann')
  asAnn = as(service.app, ann)
  asBob = as(service.app, await testUser(service.app, 'bob'))
})
afterEach(() => service.sandbox.fail(null))
afterAll(async () => {
  await database.close()
  await service.close()
})

const rate = (by: typeof asAnn, id: number | string, value: unknown) =>
  by({ method: 'PUT', url: `/films/${id}/rating`, payload: { value } })
const unrate = (by: typeof asAnn, id: number | string) => by({ method: 'DELETE', url: `/films/${id}/rating` })
const own = (by: typeof asAnn, id: number | string) => by({ method: 'GET', url: `/films/${id}/rating` })

/** Films made here. */
async function addFilms(count: number): Promise<number[]> {
  const rows = await database.sql`
    insert into films (name) select 'Film ' || n from generate_series(1, ${count}) n returning id`
  return rows.map((row) => row.id)
}

const addFilm = async () => (await addFilms(1))[0] as number

/** Users who are logged in, without the cost of a password. */
async function addUsers(app: FastifyInstance, count: number): Promise<TestUser[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const login = `user${randomBytes(6).toString('hex')}`
      const [user] = await database.sql`insert into users (login, password_hash) values (${login}, '') returning id`
      const sessionId = randomUUID()
      await database.sql`
        insert into sessions (id, user_id, refresh_hash, expires_at)
        values (${sessionId}, ${user?.id}, ${randomBytes(32)}, now() + interval '1 day')`
      const access_token = app.accessTokens.sign({ userId: user?.id, sessionId })
      const tokens = { access_token, refresh_token: '' }
      return { id: user?.id as number, login, tokens, headers: { authorization: `Bearer ${access_token}` } }
    }),
  )
}

/** Films whose sum or count is not that of their ratings. */
const wrongFilms = () => database.sql`
  select f.id, v.rate_sum, v.votes, r.rate, r.count
  from films f left join film_votes v on v.film_id = f.id, lateral (
    select coalesce(sum(value), 0)::int as rate, count(*)::int as count from ratings where film_id = f.id) r
  where (coalesce(v.rate_sum, 0), coalesce(v.votes, 0)) <> (r.rate, r.count)`

describe('PUT /films/{id}/rating', () => {
  test('the first score is a 201 and another one a 200, by either kind of id', async () => {
    for (const id of [301, await addFilm()]) {
      const before = Date.now()
      const first = await rate(asAnn, id, 8)
      expect(first.statusCode).toBe(201)
      const { created_at, ...rest } = first.json()
      expect(rest).toEqual({ film_id: id, value: 8, updated_at: created_at, user_rate: 8, user_votes: 1 })
      expect(Date.parse(created_at)).toBeGreaterThanOrEqual(before)
      const second = await rate(asAnn, id, 10)
      expect(second.statusCode).toBe(200)
      expect(second.json()).toMatchObject({ film_id: id, value: 10, created_at, user_rate: 10, user_votes: 1 })
      expect(Date.parse(second.json().updated_at)).toBeGreaterThan(Date.parse(created_at))
    }
  })

  test('the same value again changes nothing', async () => {
    const id = await addFilm()
    await rate(asAnn, id, 7)
    const first = (await own(asAnn, id)).json()
    const [before] = await database.sql`select xmin, ctid from films where id = ${id}`
    const again = await rate(asAnn, id, 7)
    expect(again.statusCode).toBe(200)
    expect(again.json()).toEqual(first)
    expect(await database.sql`select xmin, ctid from films where id = ${id}`).toEqual([before])
  })

  test('the mean and the count of two users are seen at once in the film and in the lists', async () => {
    const id = 435
    await asAnn({ method: 'POST', url: `/favorites/movies/${id}` })
    await asAnn({ method: 'POST', url: `/wishlist/movies/${id}` })
    const seen = async () => {
      const urls = [`/movies/${id}`, '/movies/favorites', '/wishlist/movies']
      const bodies = await Promise.all(urls.map(async (url) => (await asAnn({ method: 'GET', url })).json()))
      return bodies.flat().map(({ user_rate, user_votes }) => [user_rate, user_votes])
    }
    await rate(asAnn, id, 8)
    expect((await rate(asBob, id, 5)).json()).toMatchObject({ value: 5, user_rate: 6.5, user_votes: 2 })
    expect(await seen()).toEqual(Array(3).fill([6.5, 2]))
    await rate(asBob, id, 6)
    expect(await seen()).toEqual(Array(3).fill([7, 2]))
    await unrate(asBob, id)
    expect(await seen()).toEqual(Array(3).fill([8, 1]))
    await unrate(asAnn, id)
    expect(await seen()).toEqual(Array(3).fill([null, 0]))
  })

  test('a mean is rounded to two digits', async () => {
    const id = await addFilm()
    const [carl] = await addUsers(service.app, 1)
    await rate(asAnn, id, 7)
    await rate(asBob, id, 8)
    expect((await rate(as(service.app, carl as TestUser), id, 8)).json().user_rate).toBe(7.67)
  })

  test.each([
    ['0', { value: 0 }, 'must be >= 1'],
    ['11', { value: 11 }, 'must be <= 10'],
    ['a fraction', { value: 5.5 }, 'must be integer'],
    ['text', { value: '5' }, 'must be integer'],
    ['NUL', { value: '\0' }, 'must be integer'],
    ['null', { value: null }, 'must be integer'],
    ['a number past all bounds', { value: 1e300 }, 'must be'],
    ['nothing', {}, 'is required'],
  ])('a value of %s is refused', async (_, payload, message) => {
    const id = await addFilm()
    const response = await asAnn({ method: 'PUT', url: `/films/${id}/rating`, payload })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ code: 'invalid_input', errors: [{ path: 'body.value' }] })
    expect(response.json().message).toContain(message)
    expect((await own(asAnn, id)).json().code).toBe('rating_not_found')
  })

  test('no body, and a body that is no object or no JSON, are refused', async () => {
    const url = `/films/${await addFilm()}/rating`
    expect((await asAnn({ method: 'PUT', url })).statusCode).toBe(400)
    expect((await asAnn({ method: 'PUT', url, payload: [5] })).json().code).toBe('invalid_input')
    const headers = { 'content-type': 'application/json' }
    expect((await asAnn({ method: 'PUT', url, headers, payload: '{"value":' })).json().code).toBe('malformed_json')
  })

  test('a film that nobody knows is a 404 and no row', async () => {
    for (const id of [9_999_999, 2_000_000_000]) {
      const response = await rate(asAnn, id, 5)
      expect(response.statusCode).toBe(404)
      expect(response.json().code).toBe('film_not_found')
    }
  })

  test.each(['0', '-1', 'x', '1.5', '%00', '9999999999'])('%s is no id', async (id) => {
    const response = await rate(asAnn, id, 5)
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({
      code: 'invalid_input',
      errors: [{ path: expect.stringMatching(/^(params\.)?id$/) }],
    })
  })

  test('upstream is asked about a film not yet known, once, and never about a known one', async () => {
    const asked = () => service.calls.filter((call) => call.path.endsWith('/films/326'))
    expect((await rate(asAnn, 326, 9)).statusCode).toBe(201)
    expect(asked()).toHaveLength(1)
    await database.sql`delete from kinopoisk_answers`
    for (const step of [() => rate(asAnn, 326, 8), () => rate(asBob, 326, 3), () => own(asAnn, 326)]) await step()
    await unrate(asAnn, 326)
    await asBob({ method: 'GET', url: '/ratings' })
    expect(asked()).toHaveLength(1)
  })

  test('with upstream down a known film is rated, and about another one the answer is 503', {
    tags: 'slow',
  }, async () => {
    await asAnn({ method: 'GET', url: '/movies/299' })
    service.sandbox.fail(503)
    expect((await rate(asAnn, 299, 6)).statusCode).toBe(201)
    const unknown = await rate(asAnn, 342, 6)
    expect(unknown.statusCode).toBe(503)
    expect(unknown.json().code).toBe('upstream_unavailable')
    expect(unknown.headers['retry-after']).toBeDefined()
    service.sandbox.fail(null)
    expect((await rate(asAnn, 342, 6)).statusCode).toBe(201)
  })

  test('a user who is erased while rating gets a 401', async () => {
    const [user] = await addUsers(service.app, 1)
    const id = await addFilm()
    const { sql } = database
    const pending = await sql.begin(async (tx) => {
      await tx`delete from users where id = ${user?.id as number}`
      const response = rate(as(service.app, user as TestUser), id, 5).then((response) => response)
      await waitForLock()
      return { response }
    })
    const response = await pending.response
    expect(response.statusCode).toBe(401)
    expect(response.json().code).toBe('invalid_token')
    expect(await wrongFilms()).toEqual([])
  })
})

describe('GET and DELETE /films/{id}/rating', () => {
  test('the own score, and nobody else’s', async () => {
    const id = await addFilm()
    await rate(asAnn, id, 8)
    await rate(asBob, id, 3)
    expect((await own(asAnn, id)).json()).toMatchObject({ film_id: id, value: 8, user_rate: 5.5, user_votes: 2 })
    expect((await own(asBob, id)).json()).toMatchObject({ film_id: id, value: 3 })
    expect((await unrate(asBob, id)).statusCode).toBe(204)
    expect((await own(asBob, id)).statusCode).toBe(404)
    expect((await own(asBob, id)).json().code).toBe('rating_not_found')
    expect((await own(asAnn, id)).json()).toMatchObject({ value: 8, user_rate: 8, user_votes: 1 })
  })

  test('removing is a 204 without a body, also when there was none', async () => {
    const id = await addFilm()
    await rate(asAnn, id, 8)
    for (let i = 0; i < 2; i++) {
      const response = await unrate(asAnn, id)
      expect(response.statusCode).toBe(204)
      expect(response.body).toBe('')
    }
    expect((await rate(asAnn, id, 2)).statusCode).toBe(201)
  })

  test('a film not known is a 404, and upstream is not asked', async () => {
    const before = service.calls.length
    for (const id of [7_777_777, 2_000_000_000, 500_000_000]) {
      for (const response of [await unrate(asAnn, id), await own(asAnn, id)]) {
        expect(response.statusCode).toBe(404)
        expect(response.json().code).toBe('film_not_found')
      }
    }
    expect(service.calls).toHaveLength(before)
  })

  test('what is no id is refused', async () => {
    for (const id of ['0', 'x', '%00']) {
      expect((await unrate(asAnn, id)).statusCode).toBe(400)
      expect((await own(asAnn, id)).statusCode).toBe(400)
    }
  })

  test('every call needs a token', async () => {
    for (const [method, url] of [
      ['PUT', '/films/301/rating'],
      ['GET', '/films/301/rating'],
      ['DELETE', '/films/301/rating'],
      ['GET', '/ratings'],
    ] as const) {
      const response = await service.app.inject({ method, url, ...(method === 'PUT' && { payload: { value: 5 } }) })
      expect(response.statusCode).toBe(401)
    }
    expect((await asAnn({ method: 'POST', url: '/films/301/rating' })).headers.allow).toBe('GET, HEAD, PUT, DELETE')
  })
})

describe('GET /ratings', () => {
  test('all or 12 a page, newest change first, each with its film', async () => {
    const [carl] = await addUsers(service.app, 1)
    const asCarl = as(service.app, carl as TestUser)
    const get = async (url: string) => (await asCarl({ method: 'GET', url })).json() as RatingOnWire[]
    expect(await get('/ratings')).toEqual([])
    const ids = await addFilms(14)
    for (const [i, id] of ids.entries()) await rate(asCarl, id, (i % 10) + 1)
    const newest = ids.toReversed()
    expect((await get('/ratings')).map((item) => item.film_id)).toEqual(newest)
    expect((await get('/ratings?page=1')).map((item) => item.film_id)).toEqual(newest.slice(0, 12))
    expect((await get('/ratings?page=2')).map((item) => item.film_id)).toEqual(newest.slice(12))
    expect(await get('/ratings?page=3')).toEqual([])

    const [first, second] = ids as [number, number]
    await rate(asCarl, second, 2)
    await rate(asCarl, first, 9)
    const [top, next] = await get('/ratings/?page=1')
    expect(next?.film_id).toBe(newest[0])
    const movie = (await asCarl({ method: 'GET', url: `/movies/${first}` })).json()
    const { user_rate, user_votes, ...rating } = (await own(asCarl, first)).json()
    expect(top).toEqual({ ...rating, value: 9, added_at: rating.created_at, movie })
    expect(movie).toMatchObject({ title: 'Film 1', director: null, description: '', user_rate, user_votes })

    await unrate(asCarl, first)
    expect((await get('/ratings')).map((item) => item.film_id)).toEqual(newest.slice(0, -1))
  })

  test('a page out of range or a parameter not known is refused', async () => {
    for (const query of [
      'page=0',
      'page=-1',
      'page=x',
      'page=1.5',
      'page=',
      'page=%00',
      'page=1000001',
      'limit=0',
      'limit=101',
      'size=5',
    ]) {
      const response = await asAnn({ method: 'GET', url: `/ratings?${query}` })
      expect([query, response.statusCode]).toEqual([query, 400])
    }
  })

  test('a page is read off the index in its order', { tags: 'slow' }, async () => {
    const { sql } = database
    await sql.begin(async (tx) => {
      await tx`insert into users (login, password_hash) select 'many' || n, '' from generate_series(1, 200) n`
      await tx`insert into films (name) select 'Many ' || n from generate_series(1, 200) n`
      await tx`
        insert into ratings (user_id, film_id, value) select u.id, f.id, 5 from users u, films f
        where u.login like 'many%' and f.name like 'Many %'`
      await tx`analyze ratings`
      const plan = await tx`
        explain select film_id from ratings where user_id = (select min(id) from users where login like 'many%')
        order by updated_at desc, film_id desc limit 12`
      const text = plan.map((row) => row['QUERY PLAN']).join('\n')
      expect(text).toContain('ratings_newest_idx')
      expect(text).not.toContain('Sort')
      await tx`delete from users where login like 'many%'`
      await tx`delete from films where name like 'Many %'`
    })
    expect(await wrongFilms()).toEqual([])
  })
})

describe('sums and counts of the films', () => {
  test('are exact after 200 parallel changes by 40 users over two replicas', { tags: 'slow' }, async () => {
    const apps = [service.app, await service.replica()]
    const users = await addUsers(service.app, 40)
    // The second is a film that nobody knows yet: removals that come before it is stored get a 404.
    const ids = [await addFilm(), 251733]
    const responses = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const by = as(apps[i % 2] as FastifyInstance, users[(i * 7) % 40] as TestUser)
        const id = ids[(i + Math.floor(i / 40)) % 2] as number
        const response = await (i % 3 === 2 ? unrate(by, id) : rate(by, id, (i % 10) + 1))
        return { id, status: response.statusCode }
      }),
    )
    for (const { id, status } of responses) expect([200, 201, 204, ...(id === 251733 ? [404] : [])]).toContain(status)
    expect(await wrongFilms()).toEqual([])
    const recounted = await database.sql`
      select film_id, round(avg(value), 2)::float8 as mean, count(*)::int as votes from ratings
      where film_id = any(${ids}) group by film_id order by film_id`
    expect(recounted.length).toBe(2)
    for (const { film_id, mean, votes } of recounted) {
      const movie = (await asAnn({ method: 'GET', url: `/movies/${film_id}` })).json()
      expect(movie).toMatchObject({ user_rate: mean, user_votes: votes })
    }
  })

  test('are exact when one user changes one score in parallel, and one of the firsts is a 201', async () => {
    const [user] = await addUsers(service.app, 1)
    const by = as(service.app, user as TestUser)
    const id = await addFilm()
    const firsts = await Promise.all(Array.from({ length: 20 }, (_, i) => rate(by, id, (i % 10) + 1)))
    expect(firsts.map((response) => response.statusCode).toSorted()).toEqual([...Array(19).fill(200), 201])
    await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 ? unrate(by, id) : rate(by, id, (i % 10) + 1))))
    expect(await wrongFilms()).toEqual([])
  })

  test('lose the scores of users who are deleted by SQL, one or many, and keep the others’', async () => {
    const users = await addUsers(service.app, 4)
    const ids = await addFilms(3)
    for (const [u, user] of users.entries()) {
      for (const [f, id] of ids.entries()) await rate(as(service.app, user), id, u + f + 1)
    }
    const [first, second, third, last] = users.map((user) => user.id)
    await database.sql`delete from users where id = ${first as number}`
    expect(await wrongFilms()).toEqual([])
    await database.sql`delete from users where id in (${second as number}, ${third as number})`
    expect(await wrongFilms()).toEqual([])
    const left = await database.sql`
      select rate_sum, votes from film_votes where film_id = any(${ids}) order by film_id`
    expect([...left]).toEqual([4, 5, 6].map((rate_sum) => ({ rate_sum, votes: 1 })))
    await database.sql`delete from users where id = ${last as number}`
    expect(await wrongFilms()).toEqual([])
    expect((await asAnn({ method: 'GET', url: `/movies/${ids[0]}` })).json()).toMatchObject({ user_votes: 0 })
  })

  test('are exact, without a deadlock, while users who rated the same films are deleted in parallel', async () => {
    const users = await addUsers(service.app, 20)
    const ids = await addFilms(30)
    // Every other user's rows lie in the opposite order, for deletions that follow it to meet.
    for (const [u, user] of users.entries()) {
      const order = database.sql.unsafe(u % 2 ? 'asc' : 'desc')
      await database.sql`
        insert into ratings (user_id, film_id, value)
        select ${user.id}, id, 1 + id % 10 from films where id = any(${ids}) order by id ${order}`
    }
    const rater = as(service.app, ann)
    await Promise.all([
      ...users.map((user) => database.sql`delete from users where id = ${user.id}`),
      ...ids.map((id, i) => rate(rater, id, (i % 10) + 1)),
    ])
    expect(await wrongFilms()).toEqual([])
    const [counted] = await database.sql`select sum(votes)::int as votes from film_votes where film_id = any(${ids})`
    expect(counted?.votes).toBe(30)
  })

  test('are exact, without a deadlock, while imports replace scores and add others, each where the other one does not', {
    tags: 'slow',
  }, async () => {
    const users = await addUsers(service.app, 2)
    const ids = (await addFilms(400)).toSorted((a, b) => a - b)
    const transfer = createTransferRepository(database.db)
    for (const round of [1, 2, 3, 4, 5]) {
      for (const [u, user] of users.entries()) {
        await database.sql`delete from ratings where user_id = ${user.id}`
        const half = u === 0 ? ids.slice(0, 200) : ids.slice(200)
        await database.sql`
          insert into ratings (user_id, film_id, value, created_at, updated_at)
          select ${user.id}, id, 1, '2001-01-01', '2001-01-01' from unnest(${half}::int[]) id`
      }
      const items = ids.map((film_id) => ({ film_id, value: 1 + round, added_at: null, updated_at: null }))
      const changes = await Promise.all(users.map((user) => transfer.rate(user.id, items)))
      for (const { created, updated, older, refused } of changes) {
        expect([created.length, updated.length, older.length, refused.length]).toEqual([200, 200, 0, 0])
      }
    }
    expect(await wrongFilms()).toEqual([])
  })

  test('of an import with the same score and a newer date keeps what is older from replacing it', async () => {
    const [user] = await addUsers(service.app, 1)
    const userId = user?.id as number
    const film_id = await addFilm()
    const transfer = createTransferRepository(database.db)
    const given = (value: number, added_at: string) =>
      transfer.rate(userId, [{ film_id, value, added_at, updated_at: null }])
    expect(await given(9, '2020-01-01T00:00:00Z')).toMatchObject({ created: [film_id] })
    expect(await given(9, '2024-01-01T00:00:00Z')).toEqual({ created: [], updated: [], older: [], refused: [] })
    expect(await given(4, '2022-01-01T00:00:00Z')).toMatchObject({ updated: [], older: [film_id] })
    expect(await given(5, '2024-02-01T00:00:00Z')).toMatchObject({ updated: [film_id], older: [] })
  })

  test('a change is never older than the score, though its transaction began before', async () => {
    const id = await addFilm()
    const { sql, db } = database
    await db.transaction(async (tx) => {
      await tx.execute('select now()')
      await rate(asAnn, id, 3)
      const put = await createRatingRepository(tx).put(ann.id, id, 4)
      expect(put?.added).toBe(false)
      expect(put?.updated_at.getTime()).toBeGreaterThanOrEqual(put?.created_at.getTime() ?? Number.POSITIVE_INFINITY)
    })
    const [row] = await sql`select updated_at > created_at as later from ratings where film_id = ${id}`
    expect(row?.later).toBe(true)
  })

  test('follow whatever SQL does to the ratings, and roll back with it', async () => {
    const [carl] = await addUsers(service.app, 1)
    const userId = carl?.id as number
    const [one, two] = (await addFilms(2)) as [number, number]
    const { sql, db } = database
    await sql`insert into ratings (user_id, film_id, value) values (${userId}, ${one}, 4)`
    await sql`update ratings set film_id = ${two}, value = 9 where user_id = ${userId}`
    const sums = await sql`select rate_sum, votes from film_votes where film_id in (${one}, ${two}) order by film_id`
    expect([...sums]).toEqual([
      { rate_sum: 0, votes: 0 },
      { rate_sum: 9, votes: 1 },
    ])
    const failed = db.transaction(async (tx) => {
      await createRatingRepository(tx).put(userId, one, 3)
      await createRatingRepository(tx).remove(userId, two)
      throw new Error('undo')
    })
    await expect(failed).rejects.toThrow('undo')
    expect(await wrongFilms()).toEqual([])
    expect(await createRatingRepository(db).find(userId, two)).toMatchObject({ value: 9, user_votes: 1 })
  })
})

interface RatingOnWire {
  film_id: number
  value: number
  movie: Record<string, unknown>
}

/** Until some statement of this database waits for a lock. */
async function waitForLock(): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const [row] = await database.sql`
      select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`
    if (row?.waiting > 0) return
    await sleep(10)
  }
  throw new Error('nobody waits for a lock')
}
