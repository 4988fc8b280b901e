import { type Agent, request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { type Program, repository, runNode } from './process.ts'

/** How `npm start` runs the service, without npm. */
export const entry = ['--import', join(repository, 'src/instrument.ts'), join(repository, 'src/server.ts')]

/** The service as a process of its own, on a database that others may share. */
export function startReplica(databaseUrl: string, dataDir: string, env: Record<string, string> = {}): Program {
  return runNode(entry, { env: { ...replicaEnvironment(databaseUrl, dataDir), ...env } })
}

export function replicaEnvironment(databaseUrl: string, dataDir: string): Record<string, string> {
  return { PORT: '0', DATABASE_URL: databaseUrl, DATA_DIR: dataDir, JWT_SECRET: 'x'.repeat(32), LOG_LEVEL: 'info' }
}

/** Where it listens, as soon as it does. */
export const addressOf = (replica: Program) => replica.printed(/listening at (http:\/\/[^"]+)"/)

/** A request on the agent's connections; `json` goes along where the method has a body. */
export function send(agent: Agent, method: string, url: string, headers: Record<string, string>, json: string) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const withBody = method === 'POST' || method === 'PUT'
    const type = withBody ? { 'content-type': 'application/json' } : {}
    httpRequest(url, { agent, method, headers: { ...headers, ...type } }, async (answer) => {
      const body = (await answer.toArray().catch(reject))?.join('') ?? ''
      resolve({ status: answer.statusCode ?? 0, body })
    })
      .on('error', reject)
      .end(withBody ? json : undefined)
  })
}
