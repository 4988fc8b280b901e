import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { connect } from '../../src/db/connect.ts'
import { password } from '../support/app.ts'
import { cloneDatabase } from '../support/databases.ts'
import { readMetrics } from '../support/metrics.ts'
import { cleanUp, freshFolder, type Program, repository, runNode, until } from '../support/process.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await cleanUp()
})

interface SentryEvent {
  release: string
  tags: { request_id?: string }
  exception: { values: { type: string; value: string; stacktrace: { frames: { filename: string }[] } }[] }
}

/** As much of Sentry as the service sees: takes envelopes, after `slowMs`. */
async function sink(slowMs = 0) {
  const envelopes: string[] = []
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('')
    setTimeout(() => {
      envelopes.push(body)
      response.end('{}')
    }, slowMs)
  }).listen(0, '127.0.0.1')
  closers.push(() => server.close())
  await once(server, 'listening')
  const events = () =>
    envelopes
      .flatMap((envelope) => envelope.split('\n').slice(1))
      .flatMap((line, i, lines) => (lines[i - 1]?.startsWith('{"type":"event"') ? [JSON.parse(line)] : []))
  const { port } = server.address() as AddressInfo
  return {
    dsn: `http://key@127.0.0.1:${port}/1`,
    port,
    text: () => envelopes.join('\n'),
    events: events as () => SentryEvent[],
  }
}

async function start(env: Record<string, string>, before: string[] = []) {
  const url = await cloneDatabase()
  const entry = [...before, '--import', './src/instrument.ts', './src/server.ts']
  const needed = { PORT: '0', DRAIN_DELAY: '0s', DATA_DIR: await freshFolder(), JWT_SECRET: 'x'.repeat(32) }
  const service = runNode(entry, { env: { ...needed, DATABASE_URL: url, ...env }, cwd: repository })
  const address = await service.printed(/listening at (http:\/\/[^"]+)"/)
  const { sql } = connect(url, { max: 1 })
  closers.push(() => sql.end({ timeout: 0 }))
  return { service, address, sql }
}

const post = (address: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(address + path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })

async function stopped({ child, ended }: Program) {
  child.kill('SIGTERM')
  return ended()
}

describe('Sentry', () => {
  test('is told once of an internal error, by request and release, and of nobody', { tags: 'slow' }, async () => {
    const sentry = await sink()
    const { service, address, sql } = await start({ SENTRY_DSN: sentry.dsn })
    const login = 'ann.secret@example.org'
    await post(address, '/register', { login, password, name: 'Surprising Name' })
    await sql`drop table sessions cascade`
    const headers = {
      'x-request-id': 'broken-1',
      cookie: 'crumb=1',
      'user-agent': 'agent-007',
      'x-forwarded-for': '9.8.7.6',
    }
    expect((await post(address, '/login', { login, password }, headers)).status).toBe(500)
    const metrics = readMetrics(await (await fetch(`${address}/metrics`)).text())
    expect(metrics.get('sentry_events_total')).toBe(1)
    expect(await stopped(service)).toBe(0)

    expect(sentry.events()).toHaveLength(1)
    const [event] = sentry.events()
    expect(event).toMatchObject({ release: `kinoteka@${packageJson.version}`, tags: { request_id: 'broken-1' } })
    expect(event).not.toHaveProperty('user')
    expect(event).not.toHaveProperty('request')
    expect(event).not.toHaveProperty('breadcrumbs')
    const { values = [] } = event?.exception ?? {}
    expect(values.map(({ value }) => value).join()).toContain('relation "sessions" does not exist')
    expect(
      values.some(({ stacktrace }) => stacktrace.frames.some(({ filename }) => filename.endsWith('repository.ts'))),
    ).toBe(true)
    expect(sentry.text()).not.toMatch(
      /ann\.secret|Surprising|correct horse|argon2|crumb|agent-007|9\.8\.7\.6|127\.0\.0\.1/,
    )
  })

  test('is not told of what a client did wrong, nor of what is known to be down', { tags: 'slow' }, async () => {
    const sentry = await sink()
    const dead = createTcpServer().listen(0, '127.0.0.1')
    await once(dead, 'listening')
    const { port } = dead.address() as AddressInfo
    await new Promise((resolve) => dead.close(resolve))
    const kinopoisk = { KINOPOISK_API_KEY: 'key', KINOPOISK_URL: `http://127.0.0.1:${port}` }
    const { service, address } = await start({ SENTRY_DSN: sentry.dsn, ...kinopoisk })
    await post(address, '/register', { login: 'ann', password })
    const tokens = await (await post(address, '/login', { login: 'ann', password })).json()
    const authorization = `Bearer ${(tokens as { access_token: string }).access_token}`
    const status = async (path: string) => (await fetch(address + path, { headers: { authorization } })).status
    expect([await status('/nowhere'), await status('/movies/x'), await status('/movies/301')]).toEqual([404, 400, 503])
    expect((await post(address, '/login', '{')).status).toBe(400)
    expect(await stopped(service)).toBe(0)
    expect(sentry.text()).toBe('')
  })

  test('gets what was told just before the end: the service waits for a slow Sentry', { tags: 'slow' }, async () => {
    const slow = await sink(500)
    const { service, address, sql } = await start({ SENTRY_DSN: slow.dsn })
    await sql`drop table users cascade`
    expect((await post(address, '/login', { login: 'ann', password })).status).toBe(500)
    expect(await stopped(service)).toBe(0)
    expect(slow.events()).toHaveLength(1)
  })

  test('that never answers does not keep the service from its end', { tags: 'slow' }, async () => {
    const never = await sink(60_000)
    const other = await start({ SENTRY_DSN: never.dsn })
    await other.sql`drop table users cascade`
    expect((await post(other.address, '/login', { login: 'ann', password })).status).toBe(500)
    expect(await stopped(other.service)).toBe(0)
  })

  test.each([
    ['thrown', 'throw error'],
    ['rejected', 'Promise.reject(error)'],
  ])(
    'is told once of an error that nobody caught, and the service ends with 1: %s',
    { tags: 'slow' },
    async (_name, fail) => {
      const sentry = await sink()
      const code = `process.once('SIGWINCH', () => { const error = new Error('nobody caught it'); ${fail} })`
      const { service } = await start({ SENTRY_DSN: sentry.dsn }, [
        '--import',
        `data:text/javascript,${encodeURIComponent(code)}`,
      ])
      service.child.kill('SIGWINCH')
      expect(await service.ended()).toBe(1)
      expect(service.stderr()).toMatch(/^Error: nobody caught it\n {4}at /)
      await until(() => sentry.events().length > 0)
      expect(sentry.events().map((event) => event.exception.values.map(({ value }) => value))).toEqual([
        ['nobody caught it'],
      ])
    },
  )

  test('does not exist without a DSN: nothing is loaded, nothing sent', { tags: 'slow' }, async () => {
    const { service, address, sql } = await start({})
    await sql`drop table users cascade`
    expect((await post(address, '/login', { login: 'ann', password })).status).toBe(500)
    expect(readMetrics(await (await fetch(`${address}/metrics`)).text()).get('sentry_events_total')).toBe(0)
    expect(await stopped(service)).toBe(0)
    expect(service.stderr()).toBe('')
  })
})
