import type { LightMyRequestResponse } from 'fastify'
import { expect, test } from 'vitest'
import { type Fault, type SandboxCall, startSandbox } from '../src/embedded/sandbox/server.ts'
import type { ErrorCode } from '../src/errors.ts'
import { as, testApp, testUser } from './support/app.ts'
import { expectProblem, inDatabase } from './support/movies.ts'
import { until } from './support/process.ts'
import { apiKey } from './support/replicas.ts'

/** What upstream may do, and what the reader of an unknown film is told. The slow to recover first. */
const faults: [Fault, number, ErrorCode][] = [
  [402, 503, 'upstream_quota_exhausted'],
  [401, 502, 'upstream_rejected_key'],
  ['hang', 504, 'upstream_timeout'],
  ['drip', 504, 'upstream_timeout'],
  ['reset', 503, 'upstream_unavailable'],
  [429, 503, 'upstream_rate_limited'],
  [500, 503, 'upstream_unavailable'],
  ['bad_json', 502, 'upstream_bad_response'],
  ['wrong_shape', 502, 'upstream_bad_response'],
  ['truncated', 503, 'upstream_unavailable'],
  ['huge', 502, 'upstream_bad_response'],
  ['redirect', 502, 'upstream_bad_response'],
  ['html_404', 502, 'upstream_bad_response'],
  ['path_404', 502, 'upstream_bad_response'],
  ['quota_text', 503, 'upstream_quota_exhausted'],
  ['key_text', 502, 'upstream_rejected_key'],
  ['rate_text', 503, 'upstream_rate_limited'],
]
/** Films that the sandbox knows. */
const known = 301
const unknown = [326, 328, 329, 342, 361, 370, 435]
const search = '/movies/search?query=%D0%BC%D0%B0%D1%82%D1%80%D0%B8%D1%86%D0%B0'
const localSearch = '/movies/search?query=the%20matrix'

// A circuit, a failed request and a probe try again soon, and a block is looked after often.
const quick = {
  circuitPauses: { firstMs: 300, maxMs: 1_500 },
  failurePauses: { firstMs: 300, maxMs: 1_500 },
  probeEveryMs: 500,
  accountEveryMs: 300,
}

/** A service that has been asked about one film and one search, and of whom everything that it gives out is kept. */
async function start(timeout = '20s', pauses: object = quick) {
  const calls: SandboxCall[] = []
  const sandbox = await startSandbox({ onCall: (call) => calls.push(call) })
  const service = await testApp(
    { KINOPOISK_TIMEOUT: timeout, KINOPOISK_PATIENCE: timeout === '20s' ? '30s' : '6s', LOG_LEVEL: 'trace' },
    { kinopoisk: { url: sandbox.url, apiKey, sandbox: false, ...pauses } },
  )
  const request = as(service.app, await testUser(service.app))
  const given: string[] = []
  const get = async (url: string) => {
    const response = await request({ method: 'GET', url })
    given.push(JSON.stringify(response.headers), response.body)
    return response
  }
  const film = await get(`/movies/${known}`)
  const found = await get(search)
  expect([film.statusCode, found.statusCode]).toEqual([200, 200])
  return {
    sandbox,
    calls: () => calls.filter(({ endpoint }) => endpoint !== 'api_key').length,
    get,
    film,
    found,
    expire: () => inDatabase(service.databaseUrl, (sql) => sql`update kinopoisk_answers set expires_at = fetched_at`),
    /** Whatever left the service so far: log, metrics, headers and bodies. */
    async everything() {
      await get('/metrics')
      return [service.log(), ...given].join('\n')
    },
    idle: () => service.app.kinopoisk.idle(),
    async close() {
      await service.close()
      await sandbox.close()
    },
  }
}

type Service = Awaited<ReturnType<typeof start>>

test.concurrent.each(faults)(
  'upstream gives %s: what is known is served, the rest is told why not, and it is soon over',
  { tags: 'slow' },
  async (fault, status, code) => {
    const service = await start(status === 504 ? '3s' : '20s')
    await service.expire()
    service.sandbox.fail(fault)

    let answered = false
    const waiting = service.get(`/movies/${unknown[0]}`).finally(() => {
      answered = true
    })
    await expectStale(service)
    // What takes all of the time that a caller waits keeps only those waiting who need upstream.
    if (status === 504) expect(answered).toBe(false)
    expectFailure(await waiting, status, code)
    const local = await service.get(localSearch)
    expect(local.json()).toMatchObject({ source: 'local', complete: false })
    expect(local.json().items[0]).toMatchObject({ id: known, title: 'Матрица', year: 1999 })

    // By now the circuit is open, Kinopoisk is not believed, or the quota or the key known to be refused.
    await Promise.all(unknown.slice(1, -1).map((id) => service.get(`/movies/${id}`)))
    if (code !== 'upstream_rate_limited') {
      const expected = code === 'upstream_timeout' ? 'upstream_unavailable' : code
      // Now and then a call tries whether it is over, but ever more rarely.
      await until(async () => {
        const calls = service.calls()
        await expectStale(service)
        const refused = await service.get(`/movies/${unknown[0]}`)
        return refused.json().code === expected && service.calls() === calls
      })
    }

    service.sandbox.fail(null)
    await until(async () => (await service.get(`/movies/${unknown.at(-1)}`)).statusCode === 200)
    await until(async () => isFresh(await service.get(`/movies/${known}`)) && isFresh(await service.get(search)))
    expect(await service.everything()).not.toContain(apiKey)
    await service.close()
  },
)

/** The known film and search are there, and say that they are old. */
async function expectStale({ get, film, found }: Service): Promise<void> {
  const old = await get(`/movies/${known}`)
  expect(old.statusCode).toBe(200)
  expect(old.json()).toEqual(film.json())
  const page = await get(search)
  expect(page.statusCode).toBe(200)
  expect(page.json()).toEqual({ ...found.json(), source: 'cache' })
  for (const { headers } of [old, page]) {
    expect(headers['cache-status']).toMatch(/^kinoteka; hit; ttl=-\d+; detail="(refreshing|upstream_[a-z_]+)"$/)
    expect(headers.age).toMatch(/^\d+$/)
  }
}

function expectFailure(response: LightMyRequestResponse, status: number, code: ErrorCode): void {
  expectProblem(response, status, code)
  if (status === 503) expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/)
}

function isFresh({ statusCode, headers }: LightMyRequestResponse): boolean {
  return statusCode === 200 && !String(headers['cache-status']).includes('ttl=-')
}

test('while the circuit is open, an old answer comes without asking', { tags: 'slow' }, async () => {
  const service = await start('2s', { circuitPauses: { firstMs: 60_000, maxMs: 60_000 } })
  await service.expire()
  service.sandbox.fail('hang')
  await Promise.all(unknown.map((id) => service.get(`/movies/${id}`)))
  // A probe has looked whether only these films are slow.
  await service.idle()
  const before = service.calls()
  for (let time = 0; time < 25; time += 1) expect((await service.get(`/movies/${known}`)).statusCode).toBe(200)
  expect(service.calls()).toBe(before)
  await service.close()
})
