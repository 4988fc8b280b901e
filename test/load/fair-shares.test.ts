import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../src/db/connect.ts'
import { as, password, type TestApp, type TestUser, testApp, testUser } from '../support/app.ts'
import { crowd, pausedReader, type Shot, slowUploads, tally } from '../support/crowds.ts'
import { form } from '../support/lists.ts'

let service: TestApp
let base: string
let loud: TestUser
let others: TestUser[]

beforeAll(async () => {
  service = await testApp({ TRUST_PROXY: 'true', LOG_LEVEL: 'silent' })
  base = await service.app.listen({ port: 0, host: '127.0.0.1' })
  loud = await testUser(service.app)
  others = await Promise.all(Array.from({ length: 5 }, () => testUser(service.app)))
  // A busy machine may take its time for this.
  const { sql, close } = connect(service.databaseUrl, { max: 1, deadlineMs: Number.POSITIVE_INFINITY })
  await sql`set statement_timeout = 0`
  await sql`insert into directors (name) values ('d')`
  await sql`insert into genres (name) values ('g')`
  await sql`
    insert into films (listed, name, director_id, rate, year, minutes, description)
    select true, 'Фильм ' || md5(n::text) || ' ' || n, 1, 5, 2000, 90, repeat('описание ', 180)
    from generate_series(1, 8000) n`
  await sql`insert into film_genres select id, 1, 0 from films`
  await close()
})
afterAll(() => service?.close())

const other = (i: number) => others[i % others.length] as TestUser
const csv =
  'list,film_id,kinopoisk_id,imdb_id,title,original_title,year,rating,added_at,updated_at\nfavorites,301,,,,,,,,\n'

describe('One client leaves others their share', () => {
  test('100 connections that register: others log in from where they are known', async () => {
    // An address for every login: the harm is done by the load, not by the count of one address.
    const login = (i: number): Shot => ({
      method: 'POST',
      path: '/login',
      headers: { 'x-forwarded-for': '127.0.0.1' },
      payload: { login: other(i).login, password },
    })
    const idle = await tally(base, 20, login, 2)
    const attack = crowd(base, 100, (client, i) => ({
      method: 'POST',
      path: '/register',
      headers: { 'x-forwarded-for': '203.0.113.66' },
      payload: { login: `crowd-${client}-${i}`, password },
    }))
    await sleep(2_000)
    const during = await tally(base, 50, login, 2).finally(attack.stop)
    expect(during.statuses).toEqual({ 200: 50 })
    expect(during.p95Ms).toBeLessThanOrEqual(Math.max(10 * idle.p95Ms, 2_000))
  })

  test('10 slow uploads of one account: others import', async () => {
    const attack = slowUploads(base, 10, '/user/lists/import', loud.headers)
    await sleep(500)
    const answers = await Promise.all(
      [0, 1, 2, 3, 4].map((i) =>
        as(service.app, other(i))({ method: 'POST', url: '/user/lists/import', ...form(csv) }),
      ),
    )
    attack.stop()
    expect(answers.map((answer) => answer.statusCode)).toEqual([200, 200, 200, 200, 200])
  })

  test('two paused readers of one account, and one of each other: all export, and no snapshot is held', async () => {
    const { sql } = service.app.database
    const sessions = async () => {
      const [row] = await sql`select count(*)::int as n from pg_stat_activity
        where application_name = 'kinoteka-csv' and datname = current_database()`
      return row?.n
    }
    const paused = [pausedReader(base, '/films/export.csv', loud.headers)]
    const second = pausedReader(base, '/films/export.csv', loud.headers)
    for (const user of others.slice(0, 4)) paused.push(pausedReader(base, '/films/export.csv', user.headers))
    await Promise.all(paused)
    await expect.poll(sessions).toBe(0)
    const last = other(4)
    const answer = await fetch(`${base}/films/export.csv`, { headers: last.headers })
    expect([answer.status, (await answer.text()).split('\r\n').length]).toEqual([200, 8_002])
    const lists = await as(service.app, last)({ method: 'GET', url: '/user/lists.csv' })
    expect(lists.statusCode).toBe(200)
    for (const reader of await Promise.all([...paused, second])) reader.destroy()
  })

  test('60 connections of one account that search for what is not there: others search', async () => {
    const letters = 'абвгдежзиклмнопрстуфхцчшэюя'
    const word = (n: number) =>
      Array.from({ length: 9 }, (_, i) => letters[(n * 7 + i * i * (3 + (n % 11))) % letters.length]).join('')
    const nonsense = (n: number) => encodeURIComponent(`${word(n)} ${word(n + 1)} ${word(n + 2)}`)
    const attack = crowd(base, 60, (client, i) => ({
      path: `/films?q=${nonsense(client * 100_003 + i)}`,
      headers: loud.headers,
    }))
    await sleep(2_000)
    const during = await tally(
      base,
      40,
      (i) => ({ path: `/films?q=${nonsense(900_000_001 + i)}`, headers: other(i).headers }),
      2,
    )
    await attack.stop()
    expect(during.served, JSON.stringify(during.statuses)).toBeGreaterThanOrEqual(0.95)
  })
})
