import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './support/app.ts'
import { risesDuring } from './support/metrics.ts'
import { expectProblem, inDatabase } from './support/movies.ts'

let service: TestApp
let request: ReturnType<typeof as>

beforeEach(async () => {
  service = await testApp({ KINOPOISK_TIMEOUT: '1m' }, { firstAdmin, connections: 10 })
  request = as(service.app, await testAdmin(service))
})
afterEach(() => service.close())

const get = (url: string) => request({ method: 'GET', url })
const search = () => request({ method: 'GET', url: '/movies/search', query: { query: 'матрица' } })
const notStored = (work: () => Promise<unknown>) => risesDuring(service.app, /not_stored/, work)

const refuse301 = () =>
  inDatabase(service.databaseUrl, (sql) => sql`alter table films add constraint no_301 check (id <> 301) not valid`)
const allow301 = () => inDatabase(service.databaseUrl, (sql) => sql`alter table films drop constraint no_301`)

/** The ids of the stored films, and how many responses are stored. */
const storedNow = () =>
  inDatabase(service.databaseUrl, async (sql) => ({
    films: (await sql`select id from films order by id`).map(({ id }) => id),
    responses: (await sql`select path from kinopoisk_answers`).length,
  }))

const warnings = () =>
  service
    .log()
    .split('\n')
    .filter((line) => line.includes('"level":40') && line.includes('could not be stored'))

describe('A film that cannot be stored', () => {
  test('leaves its response stored, is counted and warned of, and is stored when it is next asked for', {
    tags: 'slow',
  }, async () => {
    await refuse301()
    const rises = await notStored(async () => expectProblem(await get('/movies/301'), 500, 'internal_error'))
    expect(rises).toEqual({ kinopoisk_films_not_stored_total: 1 })
    expect(await storedNow()).toEqual({ films: [], responses: 1 })
    expect(warnings()).toEqual([expect.stringContaining('"constraint":"no_301"')])
    expect(service.log()).not.toMatch(/Матрица|The Matrix|tt0133093/)
    await allow301()
    expect((await get('/movies/301')).json()).toMatchObject({
      id: 301,
      title: 'Матрица',
      kinopoisk: { complete: true },
    })
    expect(await storedNow()).toEqual({ films: [301], responses: 1 })
    expect(service.calls).toHaveLength(1)
  })

  test('is stored by another replica from the response that was paid for', { tags: 'slow' }, async () => {
    await refuse301()
    await get('/movies/301')
    await allow301()
    const replica = as(await service.replica(), await testUser(service.app))
    expect((await replica({ method: 'POST', url: '/favorites/movies/301' })).statusCode).toBe(201)
    expect((await storedNow()).films).toEqual([301])
    expect(service.calls).toHaveLength(1)
  })

  test('spoils no search, whose films are counted', { tags: 'slow' }, async () => {
    await refuse301()
    const rises = await notStored(async () => expect((await search()).json().items[0]).toMatchObject({ id: 301 }))
    const { items } = (await search()).json()
    expect(rises).toEqual({ kinopoisk_films_not_stored_total: items.length })
    expect(await storedNow()).toEqual({ films: [], responses: 1 })
    expect(service.calls).toHaveLength(1)
    await allow301()
    expect((await get('/movies/301')).statusCode).toBe(200)
  })

  test('stays as it was known, and is refreshed by an administrator when it can be stored again', {
    tags: 'slow',
  }, async () => {
    const refresh = () => request({ method: 'POST', url: '/admin/kinopoisk/films/301/refresh' })
    await get('/movies/301')
    await refuse301()
    expectProblem(await refresh(), 500, 'internal_error')
    expect((await storedNow()).films).toEqual([301])
    await allow301()
    expect((await refresh()).json()).toMatchObject({ id: 301 })
    expect(await notStored(search)).toEqual({})
  })
})

describe('A response and its film', () => {
  test('are stored together or not at all, and asked for again when the transaction broke off', {
    tags: 'slow',
  }, async () => {
    await inDatabase(service.databaseUrl, (sql) =>
      sql.begin(async (other) => {
        await other`insert into films (id, name) values (301, 'Чужая')`
        const asked = get('/movies/301')
        const waiting = () =>
          inDatabase(
            service.databaseUrl,
            (sql) => sql`
          select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
          )
        await expect.poll(waiting, { timeout: 4_000 }).toHaveLength(1)
        expect(await storedNow()).toEqual({ films: [], responses: 0 })
        const [transaction] = await waiting()
        await inDatabase(service.databaseUrl, (sql) => sql`select pg_terminate_backend(${transaction?.pid})`)
        expectProblem(await asked, 503, 'database_unavailable')
        await other`delete from films`
      }),
    )
    expect(await storedNow()).toEqual({ films: [], responses: 0 })
    expect((await get('/movies/301')).json()).toMatchObject({ id: 301, title: 'Матрица' })
    expect(await storedNow()).toEqual({ films: [301], responses: 1 })
    expect(service.calls).toHaveLength(2)
  })
})
