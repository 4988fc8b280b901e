import { Agent } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { cloneDatabase, password } from '../support/app.ts'
import { cleanUp, freshFolder, until } from '../support/process.ts'
import { startProxy } from '../support/proxy.ts'
import { addressOf, send, startReplica } from '../support/replica.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await cleanUp()
})

describe('Two replicas behind a proxy', () => {
  test('are restarted one after the other under load, and no request is lost', { timeout: 120_000 }, async () => {
    const url = await cloneDatabase()
    const folder = await freshFolder()
    let replicas = [startReplica(url, folder), startReplica(url, folder)]
    const proxy = await startProxy(await Promise.all(replicas.map(addressOf)))
    closers.push(proxy.close)
    const load = await drive(proxy.address)
    for (const i of [0, 1]) {
      const [old, slot] = [replicas[i], proxy.replicas[i]]
      if (!old || !slot) throw new Error('There are two')
      old.child.kill('SIGTERM')
      expect(await old.ended()).toBe(0)
      expect(slot.ready).toBe(false)
      const fresh = startReplica(url, folder)
      slot.address = await addressOf(fresh)
      replicas = replicas.with(i, fresh)
      await until(() => slot.ready)
      const before = load.answers()
      await until(() => load.answers() > before + 1000)
    }
    const failures = await load.stop()
    expect(proxy.failures).toEqual([])
    expect(failures).toEqual([])
    const served = replicas.map((replica) => replica.stdout().split('"msg":"request"').length - 1)
    expect(Math.min(...served)).toBeGreaterThan(200)
  })
})

/** Users that read and write as fast as they are answered, until they are stopped. */
async function drive(address: string): Promise<{ answers(): number; stop(): Promise<string[]> }> {
  const agent = new Agent({ keepAlive: true })
  const login = `driver${process.pid}`
  await send(agent, 'POST', `${address}/register`, {}, JSON.stringify({ login, password }))
  const { body } = await send(agent, 'POST', `${address}/login`, {}, JSON.stringify({ login, password }))
  const headers = { authorization: `Bearer ${(JSON.parse(body) as { access_token: string }).access_token}` }
  const calls = [
    ['GET', '/user', 200],
    ['POST', '/favorites/movies/301', 200],
    ['GET', '/movies/favorites', 200],
    ['PUT', '/films/301/rating', 200],
    ['GET', '/films?limit=20', 200],
  ] as const
  // The first of them make what the others find.
  for (const [method, path] of calls) await send(agent, method, address + path, headers, '{"value": 7}')
  const failures: string[] = []
  let answers = 0
  let going = true
  const users = Array.from({ length: 24 }, async (_, user) => {
    for (let i = user; going; i++) {
      const [method, path, wanted] = calls[i % calls.length] ?? calls[0]
      const answer = await send(agent, method, address + path, headers, '{"value": 8}').catch((error: Error) => error)
      if (!('status' in answer) || answer.status !== wanted)
        failures.push(`${method} ${path}: ${JSON.stringify(answer)}`)
      answers++
    }
  })
  return {
    answers: () => answers,
    async stop() {
      going = false
      await Promise.all(users)
      agent.destroy()
      return failures
    },
  }
}
