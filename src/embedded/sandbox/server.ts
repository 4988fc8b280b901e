import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createFaults, type Fault, type FaultScope, type Faults, faultStatus, misbehave } from './faults.ts'
import type { FilmFact } from './films.ts'
import { createLimits } from './limits.ts'
import { createReplies } from './replies.ts'
import { send } from './reply.ts'
import { type Endpoint, readRequest } from './request.ts'

export type { Fault, FaultScope } from './faults.ts'

export interface SandboxOptions {
  /** 0, the default, takes any free one. */
  port?: number
  films?: FilmFact[]
  /** Absent: any key that is not empty. */
  apiKeys?: string[]
  /** Calls of a key in a Moscow day; -1, the default: no end to them. */
  dailyQuota?: number
  rateLimits?: boolean
  /** The clock of quota and limits, in ms. */
  now?: () => number
  /** Called for every call before its reply. */
  onCall?: (call: SandboxCall) => void
}

export interface SandboxCall {
  at: number
  /** With the query, as received. */
  path: string
  endpoint: Endpoint
  status: number | 'cut'
  apiKey: string | undefined
}

export interface Sandbox {
  url: string
  fail(fault: Fault | null, scope?: FaultScope): void
  close(): Promise<void>
}

/** Starts an imitation of the unofficial Kinopoisk API on 127.0.0.1; rejects when the port is taken. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  // Imported on demand: with films of the caller's own the large file is not needed.
  const films = options.films ?? (await import('./films.ts')).films
  const faults = createFaults()
  const server = createServer(createListener(options, films, faults))
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    fail: faults.fail,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function createListener(options: SandboxOptions, films: FilmFact[], faults: Faults): RequestListener {
  const { apiKeys, dailyQuota = -1, rateLimits = false, now = Date.now, onCall } = options
  const limits = createLimits({ apiKeys, dailyQuota, rateLimits, now })
  const replies = createReplies(films, limits.usage)
  return (req, res) => {
    const path = String(req.url)
    const request = readRequest(String(req.method), path)
    const { endpoint, argument } = request
    const apiKey = endpoint === 'api_key' ? argument : req.headersDistinct['x-api-key']?.[0]
    // Decided before any fault: a call that goes wrong has cost its quota all the same.
    const reply = limits.refuse(endpoint, apiKey) ?? replies[endpoint](request)
    const fault = faults.next(path)
    onCall?.({ at: now(), path, endpoint, status: fault === null ? reply.status : faultStatus(fault, reply), apiKey })
    if (fault === null) send(res, reply)
    else misbehave(res, fault, reply)
  }
}
