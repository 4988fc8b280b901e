import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { testApp, testUser } from '../support/app.ts'
import { cleanUp, freePort, freshFolder, repository, runNode, runProgram, until } from '../support/process.ts'

// deploy/haproxy.cfg under the real HAProxy (Debian: haproxy), with replicas on this machine in place of Docker's names.

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
  await cleanUp()
})

/** Where the proxy listens, when it has seen that `ready` of its replicas are. */
async function startHaproxy(replicas: string[]): Promise<number> {
  const [port, status] = [await freePort(), await freePort()]
  const servers = (options: string) =>
    replicas.map((address, i) => `server app${i} ${new URL(address).host} ${options}`).join('\n  ')
  const file = join(await freshFolder(), 'haproxy.cfg')
  const config = (await readFile(join(repository, 'deploy/haproxy.cfg'), 'utf8'))
    .replace(/server-template app 10 app:3000 resolvers docker(.*)/g, (_, options) => servers(options))
    .replace('bind :8080', `bind 127.0.0.1:${port}`)
    .replace('bind 127.0.0.1:8081', `bind 127.0.0.1:${status}`)
  await writeFile(file, config)
  runProgram('haproxy', ['-db', '-f', file], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } })
  await until(() =>
    fetch(`http://127.0.0.1:${status}/health`).then(
      (answer) => answer.ok,
      () => false,
    ),
  )
  return port
}

interface Options {
  method?: string
  headers?: Record<string, string>
  /** Of the client: a source of its own. */
  localAddress?: string
  agent?: Agent
}

/** The request, to be ended, and its answer. */
function open(port: number, path: string, options: Options = {}) {
  const request = httpRequest({ port, host: '127.0.0.1', path, localAddress: '127.0.0.9', ...options })
  const answer = new Promise<{ status: number | undefined; headers: IncomingMessage['headers']; body: string }>(
    (resolve, reject) => {
      request.on('error', reject).on('response', async (response) => {
        const body = (await response.toArray().catch(reject))?.join('') ?? ''
        resolve({ status: response.statusCode, headers: response.headers, body })
      })
    },
  )
  return { request, answer }
}

function ask(port: number, path: string, options?: Options) {
  const { request, answer } = open(port, path, options)
  request.end()
  return answer
}

const body = JSON.stringify({ name: 'Ann' })
const half = {
  method: 'PATCH',
  headers: { 'content-type': 'application/json', 'content-length': String(body.length) },
}

describe('HAProxy', () => {
  test('lets a draining replica end what it has begun, and gives it nothing new', async () => {
    const service = await testApp()
    closers.push(service.close)
    const { headers } = await testUser(service.app)
    const port = await startHaproxy([await service.app.listen({ host: '127.0.0.1', port: 0 })])
    const begun = once(service.app.server, 'request')
    const { request, answer } = open(port, '/user', { ...half, headers: { ...half.headers, ...headers } })
    request.write(body.slice(0, 5))
    await begun
    service.app.draining.begin()
    await expect.poll(async () => (await ask(port, '/user', { headers })).status).toBe(503)
    const refused = await ask(port, '/user', { headers })
    expect(refused.headers).toMatchObject({ 'content-type': 'application/problem+json', 'retry-after': '5' })
    expect(JSON.parse(refused.body)).toMatchObject({ status: 503, code: 'overloaded' })
    expect((await ask(port, '/livez')).status).toBe(200)
    request.end(body.slice(5))
    expect((await answer).status).toBe(200)
  })

  test('ends at once what a replica holds that does not answer any more', async () => {
    const jwtSecret = 'x'.repeat(32)
    const service = await testApp({}, { jwtSecrets: [jwtSecret] })
    closers.push(service.close)
    const { headers } = await testUser(service.app)
    const entry = ['--import', join(repository, 'src/instrument.ts'), join(repository, 'src/server.ts')]
    const env = { PORT: '0', DATABASE_URL: service.databaseUrl, DATA_DIR: service.dataDir, JWT_SECRET: jwtSecret }
    const replica = runNode(entry, { env })
    const port = await startHaproxy([await replica.printed(/listening at (http:\/\/[^"]+)"/)])
    expect((await ask(port, '/user', { headers })).status).toBe(200)
    replica.child.kill('SIGSTOP')
    const end = await ask(port, '/user', { headers }).then(
      ({ status }) => status,
      ({ code }) => code,
    )
    // Not 504, which is for the minute that an answer may take.
    expect(['ECONNRESET', 503]).toContain(end)
    replica.child.kill('SIGCONT')
    await expect.poll(async () => (await ask(port, '/user', { headers })).status).toBe(200)
  })

  test('gives one source its share of connections, so that others are served', async () => {
    const service = await testApp()
    closers.push(service.close)
    const port = await startHaproxy([await service.app.listen({ host: '127.0.0.1', port: 0 })])
    let ended = 0
    const sockets = Array.from({ length: 1000 }, () =>
      connect({ port, host: '127.0.0.1', localAddress: '127.0.0.7' })
        .on('error', () => {})
        .on('close', () => ended++),
    )
    closers.push(() => sockets.map((socket) => socket.destroy()))
    for (const socket of sockets) socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n')
    await expect.poll(() => ended).toBeGreaterThanOrEqual(800)
    for (const path of ['/livez', '/readyz', '/openapi.json']) expect((await ask(port, path)).status).toBe(200)
  })

  test('gives one source its share of requests, with a problem that says how long to wait', async () => {
    const service = await testApp()
    closers.push(service.close)
    const port = await startHaproxy([await service.app.listen({ host: '127.0.0.1', port: 0 })])
    const agent = new Agent({ keepAlive: true, maxSockets: 50 })
    closers.push(() => agent.destroy())
    const crowd = () =>
      Promise.all(Array.from({ length: 500 }, () => ask(port, '/livez', { localAddress: '127.0.0.7', agent })))
    const refused = async () => (await crowd()).find(({ status }) => status === 429)
    await expect.poll(refused, { timeout: 60_000 }).toMatchObject({ headers: { 'retry-after': '10' } })
    expect(JSON.parse((await refused())?.body ?? '{}')).toMatchObject({ code: 'too_many_requests', status: 429 })
    expect((await ask(port, '/livez')).status).toBe(200)
  })

  test('keeps the metrics for Prometheus', async () => {
    const service = await testApp()
    closers.push(service.close)
    const port = await startHaproxy([await service.app.listen({ host: '127.0.0.1', port: 0 })])
    for (const path of ['/metrics', '//metrics', '/metrics/', '/%6detrics']) {
      expect((await ask(port, path)).status).toBe(404)
    }
  })
})
