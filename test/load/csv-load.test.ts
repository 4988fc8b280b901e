import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, type Database } from '../../src/db/connect.ts'
import { as, firstAdmin, type TestApp, type TestUser, testAdmin, testApp, testUser } from '../support/app.ts'
import { pausedReader } from '../support/crowds.ts'

let service: TestApp
let database: Database
let user: TestUser
let admin: TestUser
let base: string

beforeAll(async () => {
  service = await testApp({}, { firstAdmin })
  base = await service.app.listen({ port: 0 })
  database = connect(service.databaseUrl, { max: 2 })
  user = await testUser(service.app)
  admin = await testAdmin(service)
})
afterAll(async () => {
  await database?.close()
  await service?.close()
})

const short = 'name,genre,director,rate,year,minutes'

describe('exports of many films', () => {
  beforeAll(async () => {
    await database.sql`insert into directors (name) values ('d')`
    await database.sql`insert into genres (name) values ('g')`
    await database.sql`insert into films (listed, name, director_id, rate, year, minutes, description)
      select true, 'film ' || n, 1, 5, 2000, 90, repeat('описание ', 40) from generate_series(1, 30000) n`
    await database.sql`insert into film_genres select id, 1, 0 from films`
  })
  const get = (who = user) => fetch(`${base}/films/export.csv`, { headers: who.headers })
  /** As soon as there is a place: on a busy machine others hold theirs for long, and one who has gone is seen late. */
  const getAgain = async (who = user) => {
    let response = await get(who)
    for (; response.status === 503; response = await get(who)) await sleep(100)
    return response
  }
  const sessions = async () => {
    const [row] = await database.sql`select count(*)::int as n from pg_stat_activity
      where application_name = 'kinoteka-csv' and datname = current_database()`
    return row?.n
  }

  test('come whole, several at a time, while other requests are answered', async () => {
    const readers = [user, admin, ...(await Promise.all([1, 2, 3].map(() => testUser(service.app))))]
    const bodies = Promise.all(readers.map(async (reader) => (await getAgain(reader)).text()))
    for (let i = 0; i < 20; i++) {
      expect((await as(service.app, user)({ method: 'GET', url: '/user' })).statusCode).toBe(200)
      // Two, and those whose server process has not seen yet that they are over.
      expect(await sessions()).toBeLessThanOrEqual(4)
    }
    const [first, ...others] = await bodies
    expect(first?.split('\r\n')).toHaveLength(30_002)
    for (const other of others) expect(other).toBe(first)
  })

  test('free their connection when the reader takes nothing, or goes away', async () => {
    const paused = await slowReader()
    await expect.poll(sessions, { timeout: 45_000 }).toBe(0)
    let [bytes, last] = [0, '']
    for await (const chunk of paused) {
      bytes += chunk.length
      last = `${last}${chunk}`.slice(-2)
    }
    expect([bytes > 20_000_000, last]).toEqual([true, '\r\n'])
    for (let i = 0; i < 4; i++) await (await getAgain()).body?.cancel()
    expect((await (await getAgain()).text()).split('\r\n')).toHaveLength(30_002)
    await expect.poll(sessions, { timeout: 45_000 }).toBe(0)
  })

  test('of one user come one after the other: the second is refused while the first is not read', async () => {
    const paused = await slowReader()
    const second = await get()
    expect(second.status).toBe(503)
    expect(second.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    const problem = (await second.json()) as { code: string; detail: string }
    expect(problem).toMatchObject({ code: 'overloaded' })
    expect(problem.detail).toMatch(/^Other downloads of yours are under way/)
    expect((await fetch(`${base}/films/export.csv`, { headers: admin.headers, method: 'HEAD' })).status).toBe(200)
    paused.destroy()
    await (await getAgain()).body?.cancel()
  })

  test('are cut when the database fails under way, or whole when all had come by then', async () => {
    const reader = await slowReader()
    await database.sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'kinoteka-csv' and datname = current_database()`
    const lines = text(reader).then(
      (csv) => csv.split('\r\n').length,
      () => 'cut',
    )
    expect(['cut', 30_002]).toContain(await lines)
  })

  /** Reads the first bytes and no more, as soon as there is a place. */
  async function slowReader(): Promise<IncomingMessage> {
    const response = await pausedReader(base, '/films/export.csv', user.headers)
    if (response.statusCode !== 503) return response
    response.resume()
    await sleep(100)
    return slowReader()
  }
})

describe('the import of many films', () => {
  beforeAll(() => database.sql`delete from films`)

  test('stops when its client goes away, and frees the lock', async () => {
    const lines = Array.from({ length: 60_000 }, (_, i) => `film ${i},g,d,5,2000,90`).join('\n')
    const boundary = 'xxxx'
    const body = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n${short}\n${lines}\r\n--${boundary}--\r\n`
    const { port } = service.app.server.address() as AddressInfo
    const post = (length: number) => {
      const headers = {
        ...admin.headers,
        'content-type': `multipart/form-data; boundary=${boundary}`,
        'content-length': length,
      }
      return httpRequest({ port, host: '127.0.0.1', method: 'POST', path: '/films/import', headers }).on(
        'error',
        () => {},
      )
    }
    const running = async () => {
      const [row] =
        await database.sql`select exists (select from pg_locks where locktype = 'advisory' and objid = 7300159) as held`
      return row?.held
    }
    const count = async () => (await database.sql`select count(*)::int as n from films`)[0]?.n

    // While it sends.
    const sending = post(Buffer.byteLength(body))
    sending.write(body.slice(0, 500_000))
    await sleep(200)
    sending.destroy()
    // While it waits for the answer.
    const waiting = post(Buffer.byteLength(body))
    waiting.end(body)
    await expect.poll(count, { timeout: 60_000, interval: 20 }).toBeGreaterThan(0)
    waiting.destroy()
    await expect.poll(running, { timeout: 45_000 }).toBe(false)
    const taken = await count()
    expect(taken).toBeLessThan(60_000)
    await sleep(300)
    expect(await count()).toBe(taken)
    const form = new FormData()
    form.set('file', new File([`${short}\n${lines}`], 'films.csv', { type: 'text/csv' }))
    const rest = await as(service.app, admin)({ method: 'POST', url: '/films/import', payload: form })
    expect(rest.json()).toMatchObject({ created: 60_000 - taken, skipped: taken, errors_total: 0 })
  }, 180_000)
})
