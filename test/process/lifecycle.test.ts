import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { password, testApp } from '../support/app.ts'
import { cloneDatabase } from '../support/databases.ts'
import { serve } from '../support/movies.ts'
import { expectProblem } from '../support/problems.ts'
import { cleanUp, freshFolder, runProgram, until } from '../support/process.ts'
import { addressOf, entry, replicaEnvironment, send, startReplica } from '../support/replica.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await cleanUp()
})

const statusOf = (url: string) =>
  fetch(url).then(
    (answer) => answer.text().then(() => answer.status),
    () => 'refused' as const,
  )

/** On a connection that is kept; tells the status and what the answer says of its connection. */
function ask(url: string, agent: Agent): Promise<{ status: number | undefined; connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { agent }, (answer) => {
      answer.resume().on('end', () => resolve({ status: answer.statusCode, connection: answer.headers.connection }))
    })
      .on('error', reject)
      .end()
  })
}

describe('On SIGTERM', () => {
  test('it is unready at once, serves on for a while and asks for connections to be closed, and ends with 0', {
    tags: 'slow',
  }, async () => {
    const replica = startReplica(await cloneDatabase(), await freshFolder(), { DRAIN_DELAY: '2s' })
    const address = await addressOf(replica)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    closers.push(() => agent.destroy())
    expect(await ask(`${address}/livez`, agent)).toEqual({ status: 200, connection: 'keep-alive' })
    replica.child.kill('SIGTERM')
    await until(async () => (await statusOf(`${address}/readyz`)) === 503)
    expect(await ask(`${address}/livez`, agent)).toEqual({ status: 200, connection: 'close' })
    await until(async () => (await statusOf(`${address}/livez`)) === 'refused')
    expect(await replica.ended()).toBe(0)
    expect(replica.stderr()).toBe('')
  })

  test('a request that never ends is cut, so that all else is closed in order within 10 s', {
    tags: 'slow',
  }, async () => {
    const url = await cloneDatabase()
    const replica = startReplica(url, await freshFolder(), { DRAIN_DELAY: '0s' })
    const address = await addressOf(replica)
    const headers = { 'content-type': 'application/json', 'content-length': '10', expect: '100-continue' }
    const endless = httpRequest(`${address}/login`, { method: 'POST', headers })
    const cut = new Promise((resolve) => endless.on('error', resolve))
    // So that it has been taken for certain.
    await once(endless, 'continue')
    endless.write('{')
    replica.child.kill('SIGTERM')
    // 0 and not 1: it was not the last resort of 9.9 s that ended it.
    expect(await replica.ended()).toBe(0)
    expect(await cut).toMatchObject({ code: 'ECONNRESET' })
    const line = replica
      .stdout()
      .split('\n')
      .find((each) => each.includes('"aborted":true'))
    expect(line).toContain('"status":499')
  })

  test('a call of Kinopoisk that goes on behind its reader does not hold it up', { tags: 'slow' }, async () => {
    const upstream = await serve(() => {})
    closers.push(upstream.close)
    const replica = startReplica(await cloneDatabase(), await freshFolder(), {
      DRAIN_DELAY: '0s',
      KINOPOISK_URL: upstream.url,
      KINOPOISK_API_KEY: 'key',
      KINOPOISK_TIMEOUT: '2s',
      KINOPOISK_PATIENCE: '10m',
    })
    const address = await addressOf(replica)
    const agent = new Agent()
    const account = JSON.stringify({ login: 'reader', password })
    await send(agent, 'POST', `${address}/register`, {}, account)
    const { body } = await send(agent, 'POST', `${address}/login`, {}, account)
    const headers = { authorization: `Bearer ${JSON.parse(body).access_token}` }
    expect((await send(agent, 'GET', `${address}/movies/301`, headers, '')).status).toBe(504)
    agent.destroy()
    replica.child.kill('SIGTERM')
    expect(await replica.ended()).toBe(0)
  })

  test('a second one ends it at once', { tags: 'slow' }, async () => {
    const replica = startReplica(await cloneDatabase(), await freshFolder(), { DRAIN_DELAY: '5s' })
    const address = await addressOf(replica)
    replica.child.kill('SIGTERM')
    await until(async () => (await statusOf(`${address}/readyz`)) === 503)
    replica.child.kill('SIGTERM')
    expect(await replica.ended()).toBe(1)
  })
})

describe.runIf(process.platform === 'linux')('With few files to open', () => {
  test('more connections than files do not end it', { tags: 'slow' }, async () => {
    const limited = ['-c', 'ulimit -n 200 && exec "$0" "$@"', process.execPath, ...entry]
    const replica = runProgram('sh', limited, { env: replicaEnvironment(await cloneDatabase(), await freshFolder()) })
    const address = await addressOf(replica)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const alive = () => ask(`${address}/livez`, agent)
    await alive()
    const { hostname, port } = new URL(address)
    const sockets = Array.from({ length: 300 }, () => connect(Number(port), hostname).on('error', () => {}))
    closers.push(() => [agent, ...sockets].map((each) => each.destroy()))
    // A few times as long as the load is measured for.
    for (let i = 0; i < 15; i++) {
      expect(await alive()).toMatchObject({ status: 200 })
      await sleep(200)
    }
    for (const socket of sockets) socket.destroy()
    await until(async () => (await statusOf(`${address}/readyz`)) === 200)
    replica.child.kill('SIGTERM')
    expect(await replica.ended()).toBe(0)
  })
})

describe('Draining', () => {
  test('turns /readyz into a problem of its own, and nothing else; the log is silent about it', {
    tags: 'slow',
  }, async () => {
    const { app, close, log } = await testApp()
    app.draining.begin()
    expectProblem(await app.inject({ method: 'GET', url: '/readyz' }), 503, 'shutting_down')
    expect(log()).not.toContain('readyz')
    expect((await app.inject({ method: 'GET', url: '/livez' })).statusCode).toBe(200)
    expect((await app.inject({ method: 'GET', url: '/nothing' })).headers.connection).toBe('close')
    await close()
  })
})
