import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { as, type TestApp, type TestUser, testApp, testUser } from './support/app.ts'
import { array, filmWith, nested } from './support/excess.ts'
import { adminUser } from './support/operations.ts'
import { expectProblem, expectProblemBody } from './support/problems.ts'
import { readAnswer, speak } from './support/raw.ts'

const mebibyte = 1024 * 1024

describe('What is too much', () => {
  let service: TestApp
  let asAdmin: ReturnType<typeof as>
  beforeAll(async () => {
    service = await testApp()
    asAdmin = as(service.app, await adminUser(service.app))
  })
  afterAll(() => service.close())

  const headers = { 'content-type': 'application/json' }
  const post = (url: string, payload: string) => asAdmin({ method: 'POST', url, headers, payload })

  test.each([
    ['an array 10,000 deep', '/films', nested(10_000), 400, 'invalid_input'],
    ['an array 500,000 deep', '/films', nested(500_000), 400, 'invalid_input'],
    ['a member 10,000 deep', '/films', filmWith(nested(10_000)), 400, 'invalid_input'],
    ['an object 10,000 deep', '/films', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, 400, 'invalid_input'],
    ['a member with 400,000 items', '/films', filmWith(array(400_000)), 400, 'invalid_input'],
    ['an array of a million items', '/films', array(1_000_000), 413, 'payload_too_large'],
    ['a body of 10 MiB', '/register', `"${'a'.repeat(10 * mebibyte)}"`, 413, 'payload_too_large'],
  ] as const)('%s is refused', async (_, url, payload, status, code) => {
    const response = await post(url, payload)
    expectProblem(response, status, code)
    expect(response.body.length).toBeLessThan(10_000)
  })

  test.each(['limit=1e9', 'limit=1000000000', 'limit=-1', 'page=999999999999', `q=${'a'.repeat(10_240)}`])(
    'the query %.40s is refused',
    async (query) => {
      for (const url of ['/films', '/users']) {
        expectProblem(await asAdmin({ url: `${url}?${query}` }), 400, 'invalid_input')
      }
    },
  )

  test('more than 100 headers are 431', async () => {
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, '1']))
    expectProblem(await service.app.inject({ url: '/livez', headers: many(200) }), 431, 'headers_too_large')
    expect((await service.app.inject({ url: '/livez', headers: many(90) })).statusCode).toBe(200)
  })
})

describe('Slow clients', () => {
  let service: TestApp | undefined
  const sockets: Socket[] = []
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await service?.close()
  })

  /** Listens with limits that a test can wait for; only their size is another than usual. */
  async function listen(timeouts: Partial<Record<'headersTimeout' | 'timeout', number>> = {}) {
    service = await testApp({}, { limits: { bodyGraceMs: 400 } })
    const { app } = service
    Object.assign(app.server, { connectionsCheckingInterval: 50, ...timeouts })
    return { app, address: await app.listen({ host: '127.0.0.1', port: 0 }) }
  }

  /** Sends the head at once and then, as long as it may, a byte at a time. */
  async function trickle(address: string, head: string, byte: string) {
    const { socket, text } = open(address)
    socket.write(head)
    const timer = setInterval(() => socket.writable && socket.write(byte), 20)
    await closed(socket)
    clearInterval(timer)
    return readAnswer(text())
  }

  function open(address: string) {
    const { hostname, port } = new URL(address)
    const socket = connect(Number(port), hostname).setEncoding('utf8')
    sockets.push(socket)
    let text = ''
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        text += chunk
      })
    return { socket, text: () => text }
  }

  test('the usual limits: a head in 10 s, a request in an hour, an idle connection 72 s, a stalled one 5 min', async () => {
    service = await testApp()
    expect(service.app.server).toMatchObject({
      headersTimeout: 10_000,
      requestTimeout: 3_600_000,
      keepAliveTimeout: 72_000,
      timeout: 300_000,
      maxConnections: 5000,
    })
  })

  test('a head that comes byte by byte is 408, and others are served meanwhile', async () => {
    const { address } = await listen({ headersTimeout: 500 })
    const head = 'GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: '
    const slow = Promise.all(Array.from({ length: 20 }, () => trickle(address, head, 'a')))
    expect((await fetch(`${address}/livez`)).status).toBe(200)
    for (const answer of await slow) {
      expectProblemBody(answer, 408, 'request_timeout')
      expect(answer.headers.connection).toBe('close')
    }
    expect((await fetch(`${address}/livez`)).status).toBe(200)
  })

  test.each([
    ['garbage', 'garbage\r\n\r\n'],
    ['half a head', 'GET /livez HTTP/1.1\r\nhost: x\r\n'],
    ['two headers Host', 'GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n'],
  ])('a client that sends %s and neither reads nor closes holds no connection', { tags: 'slow' }, async (_, bytes) => {
    const { app, address } = await listen({ headersTimeout: 300 })
    const { hostname, port } = new URL(address)
    let taken = 0
    app.server.on('connection', () => taken++)
    for (let i = 0; i < 20; i++) {
      const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true }).on('error', () => {})
      sockets.push(socket.pause())
      socket.write(bytes)
    }
    const count = () => new Promise<number>((resolve) => app.server.getConnections((_error, found) => resolve(found)))
    await expect.poll(() => taken).toBe(20)
    await expect.poll(count).toBe(0)
  })

  test('a connection that says nothing is closed', async () => {
    const { address } = await listen({ headersTimeout: 300 })
    await closed(open(address).socket)
  })

  const login = 'POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'
  test.each([
    ['of a known length', `${login}content-length: 100000\r\n\r\n`, ' '],
    ['in chunks', `${login}transfer-encoding: chunked\r\n\r\n`, '1\r\n \r\n'],
  ])('a body %s that comes byte by byte is 408', async (_, head, byte) => {
    const { address } = await listen()
    const answer = await trickle(address, head, byte)
    expectProblemBody(answer, 408, 'request_timeout')
    expect(answer.headers.connection).toBe('close')
  })

  test('a body that nobody reads holds its connection no longer', { tags: 'slow' }, async () => {
    const { address } = await listen()
    const answer = await trickle(address, 'POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n', ' ')
    expect(answer.status).toBe(404)
  })

  const upload = (user: TestUser, length: number) =>
    `POST /user/lists/import HTTP/1.1\r\nhost: x\r\nauthorization: ${user.headers.authorization}\r\n` +
    `content-type: multipart/form-data; boundary=b\r\ncontent-length: ${length}\r\n\r\n`
  const part = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'

  test('an upload that comes byte by byte is cut off', async () => {
    const { app, address } = await listen()
    const head = upload(await testUser(app), 100_000)
    expect((await trickle(address, head + part, 'a')).status).not.toBe(200)
  })

  test('an upload that takes longer than the grace, at a fair pace, is read', { tags: 'slow' }, async () => {
    const { app, address } = await listen()
    const user = await testUser(app)
    const rows = `list,film_id,title\r\n${'favorites,301,x\r\n'.repeat(2000)}`
    const body = `${part}${rows}\r\n--b--\r\n`
    const { socket, text } = open(address)
    socket.write(upload(user, body.length))
    for (let at = 0; at < body.length; at += 3000) {
      await sleep(100)
      socket.write(body.slice(at, at + 3000))
    }
    await expect.poll(text, { timeout: 45_000 }).toContain('"rows":2000')
  })

  test('what becomes of an upload may take longer than a connection may be silent', { tags: 'slow' }, async () => {
    const { app, address } = await listen({ timeout: 300 })
    const user = await testUser(app)
    const { sql } = app.database
    const answer = sql.begin(async (tx) => {
      await tx`lock table favourites`
      const body = `${part}list,film_id,title\r\nfavorites,301,x\r\n\r\n--b--\r\n`
      const { text, socket } = open(address)
      socket.write(upload(user, body.length) + body)
      await sleep(1200)
      expect(socket.closed).toBe(false)
      return text
    })
    await expect.poll(await answer, { timeout: 45_000 }).toContain('"created":1')
  })

  describe('that read an answer', () => {
    const films = 1500
    async function catalogueAt(timeout: number) {
      const { app, address } = await listen({ timeout })
      await app.database.sql`with d as (insert into directors (name) values ('D') returning id)
        insert into films (name, listed, director_id, year, rate, minutes, description)
        select 'Film ' || i, true, d.id, 2000, 5, 90, repeat('описание ', 1000) from d, generate_series(1, ${films}) i`
      const user = await testUser(app)
      const get = (url: string) =>
        `GET ${url} HTTP/1.0\r\nhost: x\r\nauthorization: ${user.headers.authorization}\r\n\r\n`
      return { app, address, get }
    }

    test.each(['/movies', '/films/export.csv'])('slowly get all of %s', { tags: 'slow' }, async (url) => {
      const { address, get } = await catalogueAt(4000)
      const { socket, text } = open(address)
      socket.write(get(url))
      const begun = Date.now()
      // Ever again a pause, until it has taken longer in all than a connection may be silent.
      for (let paused = 0; paused < 10; paused++) {
        await once(socket, 'data')
        socket.pause()
        await sleep(500)
        socket.resume()
      }
      await closed(socket)
      expect(Date.now() - begun).toBeGreaterThan(4000)
      expect(text().match(/Film \d+/g)?.length).toBe(films)
    })

    test('no more are cut off', { tags: 'slow' }, async () => {
      const { app, address, get } = await catalogueAt(2000)
      const { socket } = open(address)
      socket.write(get('/movies'))
      await once(socket, 'data')
      socket.pause()
      const connections = () => new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)))
      await expect.poll(connections, { timeout: 45_000 }).toBe(0)
    })
  })

  test('no more connections than may be are taken; one that ends makes room', async () => {
    const { app, address } = await listen()
    app.server.maxConnections = 3
    const held = [open(address), open(address), open(address)]
    await Promise.all(held.map(({ socket }) => once(socket, 'connect')))
    const fourth = open(address)
    await closed(fourth.socket)
    held[0]?.socket.destroy()
    const ask = () => speak(address, 'GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    await expect.poll(async () => (await ask()).status).toBe(200)
  })
})

describe('Overload', () => {
  let service: TestApp | undefined
  afterEach(() => service?.close())

  const statusOf = (app: FastifyInstance, url: string) => app.inject({ url }).then(({ statusCode }) => statusCode)

  test('what would wait in too long a queue is refused at once; health and metrics are not', {
    tags: 'slow',
  }, async () => {
    service = await testApp({}, { connections: 10, limits: { maxInFlight: 3 } })
    const { app } = service
    const user = as(app, await testUser(app))
    // Of one user the list is read once for all who wait.
    const readers = await Promise.all([1, 2, 3].map(async () => as(app, await testUser(app))))
    const { sql } = app.database
    let waiting: ReturnType<typeof user>[] = []
    await sql.begin(async (tx) => {
      await tx`lock table ratings`
      waiting = readers.map((reader) => reader({ url: '/ratings' }))
      await expect
        .poll(() => tx`select from pg_locks where not granted and relation = 'ratings'::regclass`)
        .toHaveLength(3)
      const refused = await user({ url: '/genres' })
      expectProblem(refused, 503, 'overloaded')
      expect(refused.headers['retry-after']).toMatch(/^\d+$/)
      const withBody = await user({ method: 'PATCH', url: '/user', payload: { name: 'Ann' } })
      expectProblem(withBody, 503, 'overloaded')
      for (const url of ['/livez', '/readyz', '/metrics']) expect(await statusOf(app, url)).toBe(200)
    })
    for (const response of await Promise.all(waiting)) expect(response.statusCode).toBe(200)
    expect((await user({ url: '/genres' })).statusCode).toBe(200)
  })

  test('requests that are done, refused or given up leave nothing behind', async () => {
    service = await testApp({}, { limits: { maxInFlight: 2 } })
    const { app } = service
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    const [user, other] = [await testUser(app), await testUser(app)]
    const { sql } = app.database
    await sql.begin(async (tx) => {
      await tx`lock table ratings`
      const { signal, abort } = givenUp()
      const lost = [user, other].map(({ headers }) => fetch(`${address}/ratings`, { signal, headers }))
      const settled = Promise.allSettled(lost)
      await expect
        .poll(() => tx`select from pg_locks where not granted and relation = 'ratings'::regclass`)
        .toHaveLength(2)
      abort()
      await settled
    })
    for (const url of ['/nothing', '/films?x=1', '/user', '/livez', '/nothing']) await app.inject({ url })
    const free = () => Promise.all([1, 2].map(() => as(app, user)({ url: '/ratings' })))
    await expect.poll(async () => (await free()).map(({ statusCode }) => statusCode)).toEqual([200, 200])
  })

  test('a lagging event loop refuses with 503 and Retry-After, and serves again when it is free', {
    tags: 'slow',
  }, async () => {
    service = await testApp({}, { limits: { maxLagMs: 1000 } })
    const { app } = service
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    const ask = (url: string) => fetch(address + url)
    let refused = await ask('/films')
    for (let i = 0; i < 30 && refused.status !== 503; i++) {
      await blockFor(2500)
      refused = await ask('/films')
    }
    const answer = { status: refused.status, headers: Object.fromEntries(refused.headers), body: await refused.text() }
    expectProblemBody(answer, 503, 'overloaded')
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
    expect((await ask('/livez')).status).toBe(200)
    await expect.poll(async () => (await ask('/films')).status, { timeout: 45_000 }).toBe(401)
  })
})

/** Not `once` of node:events: that would fail with a connection that is reset. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

function givenUp() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}

/** Keeps the event loop busy, and lets it breathe once. */
async function blockFor(ms: number): Promise<void> {
  const until = Date.now() + ms
  while (Date.now() < until);
  await sleep(1)
}
