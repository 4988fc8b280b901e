import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { as, testApp, testUser } from './support/app.ts'
import { metricsOf } from './support/metrics.ts'
import { expectProblem, inDatabase, serve } from './support/movies.ts'
import { patient } from './support/patience.ts'
import { apiKey } from './support/replicas.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

const account = { totalQuota: { value: -1, used: 0 }, dailyQuota: { value: 500, used: 0 }, accountType: 'FREE' }
const filmText = (path: string) =>
  JSON.stringify({ kinopoiskId: Number(path.split('/').pop()), nameRu: 'Долгий фильм' })

/** An upstream whose answers wait for `release` while it holds them. */
async function slowUpstream() {
  const calls: string[] = []
  let cut = 0
  let isHeld = true
  let respond = (path: string, response: ServerResponse): unknown => response.end(filmText(path))
  const waiting: (() => void)[] = []
  const upstream = await serve(({ url: path = '' }, response) => {
    if (path.includes('/api_keys/')) return void response.end(JSON.stringify(account))
    calls.push(path)
    // A body that has begun is as slow as one that has not.
    if (path.endsWith('/7')) response.write(' ')
    response.on('close', () => {
      if (!response.writableFinished) cut += 1
    })
    if (isHeld) waiting.push(() => respond(path, response))
    else respond(path, response)
  })
  closers.push(upstream.close)
  return {
    url: upstream.url,
    calls,
    /** How many calls were ended by us. */
    cut: () => cut,
    hold() {
      isHeld = true
    },
    release(by = respond) {
      respond = by
      isHeld = false
      for (const release of waiting.splice(0)) release()
    },
  }
}

async function start(env: Record<string, string> = {}, pauses: object = {}) {
  const upstream = await slowUpstream()
  const service = await testApp(
    { KINOPOISK_TIMEOUT: '1500ms', KINOPOISK_PATIENCE: '10m', ...env },
    { kinopoisk: { url: upstream.url, apiKey, sandbox: false, ...pauses } },
  )
  closers.push(service.close)
  const reader = async (app = service.app) => {
    const request = as(app, await testUser(service.app))
    return (id: number) => request({ method: 'GET', url: `/movies/${id}` })
  }
  return { upstream, service, reader, get: await reader(), metrics: () => metricsOf(service.app) }
}

const isHit = { 'cache-status': expect.stringMatching(/^kinoteka; hit; ttl=[1-9]/) }

describe('A call that takes longer than its reader waits', { tags: 'slow' }, () => {
  test.each([
    ['headers', 5],
    ['body', 7],
  ])(
    'goes on while its %s is late: one call is made, and the next one who asks is served',
    { tags: 'slow' },
    async (_, id) => {
      const { upstream, get, metrics } = await start()
      const first = await get(id)
      expectProblem(first, 504, 'upstream_timeout')
      expect(first.headers['retry-after']).toMatch(/^[1-9]\d*$/)
      // Who comes meanwhile waits for the same call.
      expectProblem(await get(id), 504, 'upstream_timeout')
      upstream.release()
      await vi.waitFor(async () => {
        const response = await get(id)
        expect(response.json()).toMatchObject({ id, title: 'Долгий фильм' })
        expect(response.headers).toMatchObject(isHit)
      }, patient)
      expect(upstream.calls).toHaveLength(1)
      const counted = await metrics()
      expect(counted.get('kinopoisk_requests_total{endpoint="film",outcome="ok"}')).toBe(1)
      expect(counted.get('kinopoisk_requests_total{endpoint="film",outcome="timeout"}')).toBe(0)
      expect(counted.get('kinopoisk_overdue_calls_total{endpoint="film",outcome="response"}')).toBe(1)
      expect(counted.get('kinopoisk_quota_spent{purpose="interactive"}')).toBe(1)
    },
  )

  test('serves whoever waits when it ends, here and in another replica', { tags: 'slow' }, async () => {
    // The lease, of a third of it, would be over by then.
    const { upstream, service, get, reader, metrics } = await start({ KINOPOISK_TIMEOUT: '5s' })
    const other = await reader(await service.replica())
    expectProblem(await get(5), 504, 'upstream_timeout')
    const waiting = [get(5), other(5)]
    await vi.waitFor(async () => {
      const joined = (await metrics()).get('kinopoisk_flights_joined_total{endpoint="film",scope="process"}')
      expect(joined).toBe(1)
    }, patient)
    upstream.release()
    for (const response of await Promise.all(waiting)) {
      expect(response.json()).toMatchObject({ id: 5 })
      expect(response.headers['cache-status']).toBe('kinoteka; fwd=miss; stored; collapsed')
    }
    expect(upstream.calls).toHaveLength(1)
  })

  test('renews an expired film too', { tags: 'slow' }, async () => {
    const { upstream, service, get, metrics } = await start()
    upstream.release()
    await get(5)
    await inDatabase(service.databaseUrl, (sql) => sql`update kinopoisk_answers set expires_at = fetched_at`)
    upstream.hold()
    const stale = { 'cache-status': expect.stringMatching(/^kinoteka; hit; ttl=-\d+; detail="\w+"$/) }
    expect((await get(5)).headers).toMatchObject(stale)
    const failures = 'kinopoisk_refreshes_total{outcome="failed",trigger="expired"}'
    await vi.waitFor(async () => expect((await metrics()).get(failures)).toBe(1), patient)
    expect((await get(5)).headers).toMatchObject(stale)
    upstream.release()
    await vi.waitFor(async () => expect((await get(5)).headers).toMatchObject(isHit), patient)
    expect(upstream.calls).toHaveLength(2)
  })

  test('is taken at its word: a 404 is one, and a 402 stops further calls', { tags: 'slow' }, async () => {
    const { upstream, get } = await start()
    expectProblem(await get(5), 504, 'upstream_timeout')
    upstream.release((_, response) => response.writeHead(404).end('{"message":"no such film"}'))
    await vi.waitFor(async () => expectProblem(await get(5), 404, 'movie_not_found'), patient)
    upstream.hold()
    expectProblem(await get(6), 504, 'upstream_timeout')
    upstream.release((_, response) => response.writeHead(402).end())
    await vi.waitFor(async () => expectProblem(await get(8), 503, 'upstream_quota_exhausted'), patient)
    expect(upstream.calls.filter((path) => /[56]$/.test(path))).toHaveLength(2)
  })

  test('ends when patience does, and is made again by the next one who asks', { tags: 'slow' }, async () => {
    const { upstream, get, metrics } = await start({ KINOPOISK_PATIENCE: '3s' })
    expectProblem(await get(5), 504, 'upstream_timeout')
    await vi.waitFor(() => expect(upstream.cut()).toBe(1), patient)
    const counted = await metrics()
    expect(counted.get('kinopoisk_requests_total{endpoint="film",outcome="timeout"}')).toBe(1)
    expect(counted.get('kinopoisk_overdue_calls_total{endpoint="film",outcome="failed"}')).toBe(1)
    upstream.release()
    await vi.waitFor(async () => expect((await get(5)).statusCode).toBe(200), patient)
    expect(upstream.calls).toHaveLength(2)
  })

  test('is one of twenty: others are ended at the timeout', { tags: 'slow' }, async () => {
    const { upstream, service, reader } = await start({ KINOPOISK_TIMEOUT: '6s' })
    const readers = await Promise.all(Array.from({ length: 22 }, () => reader()))
    // Every film by another user: one user has a share of the places.
    const responses = await Promise.all(readers.map((get, i) => get(100 + i)))
    for (const response of responses) expectProblem(response, 504, 'upstream_timeout')
    await vi.waitFor(() => expect(upstream.cut()).toBe(2), patient)
    upstream.release()
    const stored = () => inDatabase(service.databaseUrl, (sql) => sql`select from kinopoisk_answers`)
    await vi.waitFor(async () => expect(await stored()).toHaveLength(20), patient)
    expect([upstream.calls.length, upstream.cut()]).toEqual([22, 2])
  })

  test('does not hold up the end of the service, and another replica makes it again', { tags: 'slow' }, async () => {
    const { upstream, service, get, reader } = await start()
    const other = await reader(await service.replica())
    expectProblem(await get(5), 504, 'upstream_timeout')
    const closing = service.app.close()
    await vi.waitFor(() => expect(upstream.cut()).toBe(1), patient)
    await closing
    upstream.release()
    expect((await other(5)).json()).toMatchObject({ id: 5 })
    expect(upstream.calls).toHaveLength(2)
  })
})
