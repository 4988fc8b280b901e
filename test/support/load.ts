import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { password } from './database.ts'
import { send } from './replica.ts'

export interface Load {
  answers(): number
  /** What was not answered as it should be. */
  stop(): Promise<string[]>
}

const calls = [
  ['GET', '/user', 200],
  ['POST', '/favorites/movies/301', 200],
  ['GET', '/movies/favorites', 200],
  ['PUT', '/films/301/rating', 200],
  ['GET', '/films?limit=20', 200],
] as const

/** Users that read and write, each as fast as it is answered or with a pause in between, until they are stopped. */
export async function drive(address: string, pauseMs = 0): Promise<Load> {
  const agent = new Agent({ keepAlive: true })
  const login = `driver${process.pid}`
  await send(agent, 'POST', `${address}/register`, {}, JSON.stringify({ login, password }))
  const { body } = await send(agent, 'POST', `${address}/login`, {}, JSON.stringify({ login, password }))
  const headers = { authorization: `Bearer ${(JSON.parse(body) as { access_token: string }).access_token}` }
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
        failures.push(`${method} ${path}: ${'status' in answer ? JSON.stringify(answer) : answer.message}`)
      answers++
      if (pauseMs > 0) await sleep(pauseMs)
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
