import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { startSandbox } from '../../src/embedded/sandbox/server.ts'
import { zoneOfHour } from '../support/clock.ts'
import { inDatabase } from '../support/movies.ts'
import { cleanUp, repository, runNode, until } from '../support/process.ts'
import { type Answered, apiKey, client, patientUpstream, type Replicas, twoReplicas } from '../support/replicas.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await cleanUp()
})

type Upstream = Awaited<ReturnType<typeof patientUpstream>>

async function start(): Promise<Replicas & { upstream: Upstream }> {
  const upstream = await patientUpstream()
  closers.push(upstream.close)
  const replicas = await twoReplicas(upstream.url)
  closers.push(replicas.close)
  return { ...replicas, upstream }
}

/** A number of requests at once, to both replicas in turn. */
function askBoth({ clients }: Pick<Replicas, 'clients'>, times: number, path: (index: number) => string) {
  return Promise.all(Array.from({ length: times }, (_, index) => clients[index % 2 === 0 ? 0 : 1].get(path(index))))
}

/** Until a number of callers wait for another one's call; a thousand take their time on a busy machine. */
const haveJoined = (replicas: Pick<Replicas, 'joined'>, times: number) =>
  vi.waitFor(async () => expect(await replicas.joined()).toBe(times), { timeout: 50_000, interval: 50 })

const distinct = (answers: Answered[], of: (answer: Answered) => unknown) => [...new Set(answers.map(of))]
const statuses = (answers: Answered[]) => distinct(answers, ({ status }) => status)
const codeOf = ({ body }: Answered) => JSON.parse(body).code

test('a thousand equal cold requests to two replicas are one call of upstream, and one answer', {
  timeout: 60_000,
}, async () => {
  const { upstream, ...replicas } = await start()
  const asking = askBoth(replicas, 1000, () => '/movies/301')
  await haveJoined(replicas, 998)
  upstream.answer(200)
  const answers = await asking
  expect(statuses(answers)).toEqual([200])
  expect(distinct(answers, ({ body }) => body)).toHaveLength(1)
  expect(upstream.asked).toHaveLength(1)
})

test('its failure reaches all of them, after one retry at most, and the next request calls again', {
  timeout: 60_000,
}, async () => {
  const { upstream, ...replicas } = await start()
  const asking = askBoth(replicas, 1000, () => '/movies/301')
  await haveJoined(replicas, 998)
  upstream.answer(500)
  const answers = await asking
  expect(statuses(answers)).toEqual([503])
  expect(distinct(answers, codeOf)).toEqual(['upstream_unavailable'])
  const asked = upstream.asked.length
  expect(asked).toBeLessThanOrEqual(2)
  upstream.answer(200)
  expect((await replicas.clients[1].get('/movies/301')).status).toBe(200)
  expect(upstream.asked).toHaveLength(asked + 1)
})

test('the replica that asks is killed: everybody at the other one is answered, by a second call', async () => {
  const { upstream, clients, ...replicas } = await start()
  const leader = runNode([join(repository, 'src/server.ts')], {
    env: {
      PORT: '0',
      DATABASE_URL: replicas.service.databaseUrl,
      DATA_DIR: replicas.service.dataDir,
      JWT_SECRET: 'x'.repeat(32),
      KINOPOISK_URL: upstream.url,
      KINOPOISK_API_KEY: apiKey,
      KINOPOISK_TIMEOUT: '20s',
    },
  })
  const address = await leader.printed(/listening at (http:\/\/[^"]+)"/)
  const visitor = client(address, await headersOf(address))
  closers.push(visitor.close)
  const lost = visitor.get('/movies/301').catch(() => 'lost')
  await upstream.wasAsked(1)

  const asking = Promise.all(Array.from({ length: 50 }, () => clients[1].get('/movies/301')))
  await haveJoined(replicas, 49)
  leader.child.kill('SIGKILL')
  await leader.ended()
  upstream.answer(200)

  expect(statuses(await asking)).toEqual([200])
  expect(upstream.asked).toHaveLength(2)
  expect(await lost).toBe('lost')
  expect(leader.stdout() + leader.stderr()).not.toContain(apiKey)
})

test('notifications are lost: everybody is answered nevertheless, without another call', async () => {
  const { upstream, service, ...replicas } = await start()
  const asking = askBoth(replicas, 20, () => '/movies/301')
  await haveJoined(replicas, 18)
  let cut = 0
  await inDatabase(service.databaseUrl, async (sql) => {
    const listeners = async () => {
      const killed = await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and query ilike 'listen%'`
      cut += killed.length
    }
    await until(async () => {
      await listeners()
      return cut >= 2
    })
    let answered = false
    void asking.finally(() => {
      answered = true
    })
    upstream.answer(200)
    while (!answered) {
      await listeners()
      await sleep(5)
    }
  })
  expect(statuses(await asking)).toEqual([200])
  expect(upstream.asked).toHaveLength(1)
})

test('nobody who waits for upstream keeps a connection to the database', async () => {
  const { upstream, service, ...replicas } = await start()
  // Of 20 films, which may be asked about in one second; those who ask, lead and follow are many more than connections.
  let waiting = 200
  const asking = askBoth(replicas, waiting, (index) => `/movies/${301 + (Math.floor(index / 2) % 20)}`)
  void asking.finally(() => {
    waiting = 0
  })
  await upstream.wasAsked(20)
  await haveJoined(replicas, 160)
  for (const each of replicas.clients) expect((await each.get('/films')).status).toBe(200)
  await inDatabase(service.databaseUrl, (sql) =>
    until(async () => {
      const [row] = await sql`select count(*)::int as busy from pg_stat_activity
        where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()`
      return row?.busy === 0
    }),
  )
  expect(waiting).toBe(200)
  upstream.answer(200)
  expect(statuses(await asking)).toEqual([200])
  expect(upstream.asked).toHaveLength(20)
})

test('of 400 films, a quota of 50 a day buys no more than 50, and the others get a Retry-After', async () => {
  const seen: (number | string)[] = []
  const sandbox = await startSandbox({
    films: [],
    dailyQuota: 50,
    rateLimits: true,
    onCall: ({ endpoint, status }) => endpoint === 'film' && seen.push(status),
  })
  closers.push(sandbox.close)
  const replicas = await twoReplicas(sandbox.url, {
    KINOPOISK_DAILY_QUOTA: '50',
    KINOPOISK_TIMEOUT: '2s',
    // The later it is in the quota's day, the more of it is for who waits.
    KINOPOISK_QUOTA_RESET_TZ: zoneOfHour(22),
  })
  closers.push(replicas.close)
  const answers: Answered[] = []
  const round = async (times: number) => {
    const first = 1 + answers.length
    answers.push(...(await askBoth(replicas, times, (index) => `/movies/${first + index}`)))
  }
  await round(400)
  // The rates allow some twenty calls in the time that a caller waits: it takes some rounds to use up those 40 of the 50
  // that are always for who waits.
  await until(async () => {
    await round(60)
    return seen.length >= 40
  })
  await round(60)
  // The sandbox knows none of them: each call is answered with 404, and none is refused for the quota. On a busy machine one
  // may come so late that it meets those of the next second, and another may take longer than its caller waits.
  const made = seen.filter((status) => status !== 429)
  expect(distinctOf(made)).toEqual([404])
  expect(seen.length - made.length).toBeLessThanOrEqual(2)
  expect(seen.length).toBeLessThanOrEqual(50)
  const late = answers.filter(({ status }) => status === 504)
  const others = answers.filter(({ status }) => status !== 404 && status !== 504)
  expect(late.length + answers.filter(({ status }) => status === 404).length).toBe(made.length)
  expect(others).toHaveLength(answers.length - made.length)
  expect(statuses(others)).toEqual([503])
  for (const { headers } of others) expect(headers['retry-after']).toMatch(/^[1-9]\d*$/)
})

const distinctOf = <T>(values: T[]) => [...new Set(values)]

/** Of a user who has registered there. */
async function headersOf(address: string): Promise<{ authorization: string }> {
  const post = (path: string) =>
    fetch(address + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ login: 'visitor', password: 'correct horse battery staple' }),
    })
  await post('/register')
  const { access_token } = (await (await post('/login')).json()) as { access_token: string }
  return { authorization: `Bearer ${access_token}` }
}
