import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { Pool } from 'undici'
import { type TestApp, testApp, testUser } from './app.ts'
import { serve } from './movies.ts'
import { until } from './process.ts'

export const apiKey = 'a-key-that-nobody-may-see'

export interface Answered {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

export interface Client {
  /** As a user who is logged in. */
  get(path: string): Promise<Answered>
  close(): Promise<void>
}

export interface Replicas {
  service: TestApp
  apps: [FastifyInstance, FastifyInstance]
  clients: [Client, Client]
  /** How many callers wait in their own process for another one's call. */
  joined(): Promise<number>
  close(): Promise<void>
}

/** Two replicas that listen, over one database and the upstream at `url`. */
export async function twoReplicas(url: string, env: Record<string, string> = {}): Promise<Replicas> {
  const service = await testApp({ KINOPOISK_TIMEOUT: '1m', ...env }, { kinopoisk: { url, apiKey, sandbox: false } })
  const apps: Replicas['apps'] = [service.app, await service.replica()]
  const { headers } = await testUser(service.app)
  const listen = async (app: FastifyInstance) => client(await app.listen({ port: 0, host: '127.0.0.1' }), headers)
  const clients: Replicas['clients'] = [await listen(apps[0]), await listen(apps[1])]
  return {
    service,
    apps,
    clients,
    async joined() {
      const texts = await Promise.all(apps.map((app) => app.metrics.metrics()))
      const counts = texts.flatMap((text) => [...text.matchAll(/^kinopoisk_flights_joined_total{.*process.*} (\d+)/gm)])
      return counts.reduce((sum, [, count]) => sum + Number(count), 0)
    },
    async close() {
      for (const each of clients) await each.close()
      await service.close()
    },
  }
}

/** As many connections as requests. */
export function client(address: string, headers: Record<string, string>): Client {
  const pool = new Pool(address, { connections: 500 })
  return {
    async get(path) {
      const answer = await pool.request({ method: 'GET', path, headers })
      return { status: answer.statusCode, headers: answer.headers, body: await answer.body.text() }
    },
    close: () => pool.destroy(),
  }
}

const account = { totalQuota: { value: -1, used: 0 }, dailyQuota: { value: 500, used: 0 }, accountType: 'FREE' }

/** An upstream that keeps every film waiting until it is let to answer. */
export async function patientUpstream() {
  const waiting: (() => void)[] = []
  const asked: string[] = []
  let status: number | undefined
  const answer = (path: string, response: ServerResponse) => {
    response.statusCode = status ?? 200
    response.end(JSON.stringify({ kinopoiskId: Number(path.split('/').pop()), nameRu: 'Фильм' }))
  }
  const { url, close } = await serve(({ url: path = '' }, response) => {
    if (path.includes('/api_keys/')) return void response.end(JSON.stringify(account))
    asked.push(path)
    if (status === undefined) waiting.push(() => answer(path, response))
    else answer(path, response)
  })
  return {
    url,
    close,
    asked,
    /** From now on, and to waiting callers. */
    answer(by: number) {
      status = by
      for (const release of waiting.splice(0)) release()
    },
    /** Until so many films have been asked about. */
    wasAsked: (times: number) => until(() => asked.length >= times),
  }
}
