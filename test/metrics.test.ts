import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { password, testApp } from './support/app.ts'
import { cloneDatabase } from './support/databases.ts'
import { type Catalogue, catalogue } from './support/films.ts'
import { form } from './support/lists.ts'
import { metricsOf, readMetrics, risesDuring } from './support/metrics.ts'
import { outageOf } from './support/outage.ts'
import { photo, picture } from './support/pictures.ts'

let service: Catalogue

beforeAll(async () => {
  service = await catalogue()
})
afterAll(() => service.close())

const rises = (name: RegExp, work: () => Promise<unknown>) => risesDuring(service.app, name, work)

describe('Requests', () => {
  test('that nobody could foresee grow no series: 1,000 random paths and methods', { tags: 'slow' }, async () => {
    const { app, log, close } = await testApp({ LOG_LEVEL: 'silent' })
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE'] as const
    const wild = (i: number) =>
      `${['', '/movies', '/films', '/genres', '/problems', '/docs'][i % 6]}/${crypto.randomUUID()}`
    const ask = async (from: number, to: number) => {
      for (let i = from; i < to; i++) {
        const method = methods[i % methods.length] as 'GET'
        await app.inject({ method, url: i % 7 === 0 ? `/%ff${i}` : wild(i), headers: { 'x-request-id': `r${i}` } })
      }
    }
    await ask(0, 420) // every combination of method, beginning and fault
    await metricsOf(app)
    const before = await metricsOf(app)
    await ask(420, 1420)
    const after = await metricsOf(app)
    const grown = [...after.keys()].filter((series) => series.startsWith('http_') && !before.has(series))
    expect(grown).toEqual([])
    expect([...after.keys()].join()).not.toMatch(/PROPFIND|TRACE|[\da-f]{8}-[\da-f]{4}/)
    expect(log()).toBe('')
    await close()
  })

  test('are counted by operation and class of status, from 0 on for every operation', { tags: 'slow' }, async () => {
    const document = (await service.get('/openapi.json')).body
    const operations = [...document.matchAll(/"operationId":"(\w+)"/g)].map(([, operation]) => operation)
    expect(operations.length).toBeGreaterThan(40)
    const metrics = await metricsOf(service.app)
    for (const operation of operations) {
      for (const each of ['2xx', '4xx', '5xx']) {
        expect(metrics.has(`http_operations_total{operation="${operation}",status_class="${each}"}`)).toBe(true)
      }
    }
    const counted = await rises(/^http_operations_total\{operation="(listGenres|getGenre)"/, async () => {
      await service.get('/genres')
      await service.get('/genres/999')
      await service.get('/genres/998')
    })
    expect(counted).toEqual({
      'http_operations_total{operation="listGenres",status_class="2xx"}': 1,
      'http_operations_total{operation="getGenre",status_class="4xx"}': 2,
    })
  })

  test('are in one bucket for each, and below all that follow', async () => {
    await service.get('/genres')
    const series = /^(http_request_duration_seconds)_bucket\{le="([^"]+)",(.*)\}$/
    const found = new Map<string, number[]>()
    const metrics = await metricsOf(service.app)
    for (const [name, value] of metrics) {
      const [, , , labels] = series.exec(name) ?? []
      if (labels) found.set(labels, [...(found.get(labels) ?? []), value])
    }
    expect(found.size).toBeGreaterThan(0)
    for (const [labels, values] of found) {
      expect(values, labels).toHaveLength(15)
      expect(values, labels).toEqual(values.toSorted((a, b) => a - b))
      expect(values.at(-1), labels).toBe(metrics.get(`http_request_duration_seconds_count{${labels}}`))
      expect(metrics.get(`http_request_duration_seconds_sum{${labels}}`), labels).toBeGreaterThan(0)
    }
  })

  test('count their bytes on the wire in both directions, and are in flight meanwhile', { tags: 'slow' }, async () => {
    const { app, close } = await testApp()
    const address = await app.listen({ port: 0 })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const send = (size: number) => {
      const request = httpRequest(`${address}/login`, {
        agent,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      })
      request.write('{"login":"')
      return { request, answer: once(request, 'response'), rest: `${'x'.repeat(size)}"}` }
    }
    for (const size of [50_000, 100]) {
      const { request, answer, rest } = send(size)
      await expect.poll(async () => (await metricsOf(app)).get('http_requests_in_flight')).toBe(2) // and the metrics' own
      request.end(rest)
      const [response] = await answer
      expect(response.statusCode).toBe(400)
      await response.toArray()
    }
    agent.destroy()
    const metrics = await metricsOf(app)
    const labels = '{method="POST",route="/login"}'
    expect(metrics.get(`http_request_size_bytes_count${labels}`)).toBe(2)
    expect(metrics.get(`http_request_size_bytes_sum${labels}`)).toBeGreaterThan(50_100)
    expect(metrics.get(`http_request_size_bytes_sum${labels}`)).toBeLessThan(51_500)
    expect(metrics.get(`http_response_size_bytes_sum${labels}`)).toBeGreaterThan(600)
    expect(metrics.get(`http_response_size_bytes_bucket{le="256",method="POST",route="/login"}`)).toBe(0)
    expect(metrics.get('http_requests_in_flight')).toBe(1)
    await close()
  })

  test('of clients that went away are 499, and no longer in flight', async () => {
    const { app, close } = await testApp()
    const address = await app.listen({ port: 0 })
    const request = httpRequest(`${address}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '10' },
    })
    request.on('error', () => {})
    request.flushHeaders()
    await expect.poll(async () => (await metricsOf(app)).get('http_requests_in_flight')).toBe(2)
    request.destroy()
    await expect.poll(async () => (await metricsOf(app)).get('http_requests_in_flight')).toBe(1)
    const metrics = await metricsOf(app)
    const aborted = 'http_request_duration_seconds_count{method="POST",route="/login",status_code="499"}'
    expect(metrics.get(aborted)).toBe(1)
    expect(metrics.get('http_operations_total{operation="loginAlias",status_class="4xx"}')).toBe(1)
    await close()
  })
})

describe('The process', () => {
  test('tells its version, its memory, its processor time and the lag of its event loop', async () => {
    const metrics = await metricsOf(service.app)
    expect(metrics.get(`build_info{node_version="${process.versions.node}",version="0.0.0-test"}`)).toBe(1)
    for (const name of [
      'process_resident_memory_bytes',
      'process_cpu_seconds_total',
      'nodejs_eventloop_lag_p99_seconds',
    ]) {
      expect(metrics.get(name)).toBeGreaterThan(0)
    }
  })
})

describe('Reports to Sentry', () => {
  test.each([
    ['are counted where there is a Sentry', true, 1],
    ['are not where there is none', false, 0],
  ])('%s', { tags: 'slow' }, async (_name, sent, times) => {
    const { app, close } = await testApp({}, { report: () => sent })
    await app.database.sql`drop table users cascade`
    const payload = { login: 'ann', password }
    expect((await app.inject({ method: 'POST', url: '/login', payload })).statusCode).toBe(500)
    expect((await metricsOf(app)).get('sentry_events_total')).toBe(times)
    await close()
  })
})

describe('What users do', () => {
  const none = (series: string[]) => Object.fromEntries(series.map((each) => [each, 0]))

  test('has its counters at 0 before anybody did anything', async () => {
    const { app, close } = await testApp()
    const metrics = Object.fromEntries(await metricsOf(app))
    await close()
    expect(metrics).toMatchObject(
      none([
        ...['favorites', 'wishlist'].flatMap((list) =>
          ['add', 'remove'].map((change) => `list_changes_total{change="${change}",list="${list}"}`),
        ),
        ...['add', 'change', 'remove'].map((change) => `rating_changes_total{change="${change}"}`),
        ...['films', 'lists'].flatMap((kind) => [
          ...['ok', 'refused', 'failed', 'aborted', 'dry_run'].map(
            (outcome) => `imports_total{kind="${kind}",outcome="${outcome}"}`,
          ),
          ...['created', 'updated', 'skipped', 'failed'].map(
            (result) => `import_rows_total{kind="${kind}",result="${result}"}`,
          ),
          ...['ok', 'refused', 'failed', 'aborted'].map(
            (outcome) => `exports_total{kind="${kind}",outcome="${outcome}"}`,
          ),
        ]),
        ...['ok', 'refused', 'failed', 'aborted'].map((outcome) => `photo_uploads_total{outcome="${outcome}"}`),
        'sentry_events_total',
      ]),
    )
  })

  test('to their lists is counted where it changed something, under both addresses', async () => {
    const { id } = await service.add()
    const counted = await rises(/^list_changes/, async () => {
      await service.reader({ method: 'POST', url: `/favorites/movies/${id}` })
      await service.reader({ method: 'POST', url: '/movies/favorites', payload: { id } })
      await service.reader({ method: 'POST', url: '/movies/wishlist', payload: { id } })
      await service.reader({ method: 'POST', url: '/wishlist/movies/999999998' })
      await service.reader({ method: 'DELETE', url: `/movies/favorites/${id}` })
    })
    expect(counted).toEqual({
      'list_changes_total{change="add",list="favorites"}': 1,
      'list_changes_total{change="add",list="wishlist"}': 1,
      'list_changes_total{change="remove",list="favorites"}': 1,
    })
  })

  test('to their ratings is counted as given, changed or removed', async () => {
    const { id } = await service.add()
    const url = `/films/${id}/rating`
    const counted = await rises(/^rating_changes/, async () => {
      for (const value of [7, 8, 9]) await service.reader({ method: 'PUT', url, payload: { value } })
      await service.reader({ method: 'PUT', url, payload: { value: 11 } })
      await service.reader({ method: 'DELETE', url })
    })
    expect(counted).toEqual({
      'rating_changes_total{change="add"}': 1,
      'rating_changes_total{change="change"}': 2,
      'rating_changes_total{change="remove"}': 1,
    })
  })

  test('by imports is counted in imports and in rows, a dry run without rows', { tags: 'slow' }, async () => {
    const csv =
      'name,genre,director,rate,year,minutes\nImported,драма,Someone,7,2001,100\nBad,драма,Someone,x,2001,100\n'
    const send = (url: string, content: string, call = service.admin) => call({ method: 'POST', url, ...form(content) })
    const counted = await rises(/^import/, async () => {
      await send('/films/import?dry_run=true', csv)
      await send('/films/import', csv)
      await send('/films/import', csv)
      await send('/films/import', 'nonsense')
      await send('/user/lists/import', 'list,film_id,title\nfavorites,301,x\nfavorites,77777,y\n', service.reader)
    })
    expect(counted).toEqual({
      'imports_total{kind="films",outcome="dry_run"}': 1,
      'imports_total{kind="films",outcome="ok"}': 2,
      'imports_total{kind="films",outcome="refused"}': 1,
      'imports_total{kind="lists",outcome="ok"}': 1,
      'import_rows_total{kind="films",result="created"}': 1,
      'import_rows_total{kind="films",result="skipped"}': 1,
      'import_rows_total{kind="films",result="failed"}': 2,
      'import_rows_total{kind="lists",result="created"}': 1,
      'import_rows_total{kind="lists",result="failed"}': 1,
    })
  })

  test('by exports and photos is counted by outcome', async () => {
    const url = `/directors/${service.directorId}/photo`
    const counted = await rises(/^(exports|photo)/, async () => {
      await service.get('/films/export.csv')
      await service.reader({ method: 'HEAD', url: '/films/export.csv' })
      await service.get('/films/export.csv?bom=x')
      await service.get('/user/lists.csv')
      await service.admin({ method: 'PUT', url, ...photo(await picture('png')) })
      await service.admin({ method: 'PUT', url, ...photo(Buffer.from('no picture')) })
    })
    expect(counted).toEqual({
      'exports_total{kind="films",outcome="ok"}': 1,
      'exports_total{kind="films",outcome="refused"}': 1,
      'exports_total{kind="lists",outcome="ok"}': 1,
      'photo_uploads_total{outcome="ok"}': 1,
      'photo_uploads_total{outcome="refused"}': 1,
    })
  })
})

describe('Users', () => {
  test('are counted once a minute, and by when they were last seen', async () => {
    let now = new Date()
    const { app, close } = await testApp({}, { clock: { now: () => now, random: Math.random } })
    const users = async () => {
      const metrics = await metricsOf(app)
      return ['users_registered', ...['1h', '1d', '7d', '30d'].map((each) => `users_active{window="${each}"}`)].map(
        (series) => metrics.get(series),
      )
    }
    const add = async (name: string, age: string) => {
      const { sql } = app.database
      const [user] = await sql`insert into users (login, password_hash) values (${name}, 'h') returning id`
      await sql`insert into sessions (id, user_id, refresh_hash, expires_at, last_used_at)
        values (gen_random_uuid(), ${user?.id}, decode(repeat('00', 32), 'hex'), now(), now() - ${age}::interval)`
    }
    await add('new', '1 minute')
    await add('daily', '20 hours')
    await add('rare', '20 days')
    await add('gone', '40 days')
    await expect.poll(users).toEqual([4, 1, 2, 2, 3])
    await add('weekly', '3 days')
    expect(await users()).toEqual([4, 1, 2, 2, 3])
    now = new Date(now.getTime() + 60_000)
    await expect.poll(users).toEqual([5, 1, 2, 3, 4])
    await close()
  })

  test('keep no reading waiting while the database says nothing: the figures are absent, then the last ones', {
    tags: 'slow',
  }, async () => {
    let now = new Date()
    const outage = await outageOf(await cloneDatabase())
    const { app, close } = await testApp(
      {},
      { connections: 10, databaseUrl: outage.url, clock: { now: () => now, random: Math.random } },
    )
    outage.freeze()
    const metrics = await metricsOf(app)
    expect(metrics.has('users_registered')).toBe(false)
    expect([...metrics.keys()].filter((series) => series.startsWith('users_active'))).toEqual([])
    await outage.restore()
    // The first reading may still fail, and is not tried again within the minute.
    const aMinuteLater = () => {
      now = new Date(now.getTime() + 60_000)
      return metricsOf(app)
    }
    await expect.poll(async () => (await aMinuteLater()).get('users_registered')).toBe(0)
    outage.freeze()
    now = new Date(now.getTime() + 60_000)
    expect((await metricsOf(app)).get('users_registered')).toBe(0)
    await outage.restore()
    await close()
    await outage.close()
  })
})

test('What is read is what is written', () => {
  expect([...readMetrics('# HELP x\nx{b="1",a="2"} 3\ny 4e-3\n')]).toEqual([
    ['x{a="2",b="1"}', 3],
    ['y', 0.004],
  ])
})
