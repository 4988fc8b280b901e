import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { Pool } from 'undici'

export interface Shot {
  method?: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  /** Sent as JSON. */
  payload?: object
}

/** How requests were answered. */
export interface Tally {
  requests: number
  statuses: Record<number, number>
  /** The share with status 200 or 201. */
  served: number
  p95Ms: number
}

/** So many clients, each with a connection of its own, that send one request after the other until they are stopped. */
export function crowd(base: string, clients: number, next: (client: number, i: number) => Shot) {
  const pool = new Pool(base, { connections: clients, pipelining: 1 })
  let isOver = false
  const running = Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let i = 0; !isOver; i++) await send(pool, next(client, i))
    }),
  )
  return {
    async stop(): Promise<void> {
      isOver = true
      await pool.destroy()
      await running
    },
  }
}

/** So many requests, `atOnce` at a time. */
export async function tally(base: string, requests: number, next: (i: number) => Shot, atOnce = 4): Promise<Tally> {
  const pool = new Pool(base, { connections: atOnce, pipelining: 1 })
  const statuses: Record<number, number> = {}
  const times: number[] = []
  let sent = 0
  const client = async () => {
    while (sent < requests) {
      const shot = next(sent++)
      const begun = performance.now()
      const status = await send(pool, shot)
      times.push(performance.now() - begun)
      statuses[status] = (statuses[status] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, client))
  await pool.close()
  const served = ((statuses[200] ?? 0) + (statuses[201] ?? 0)) / requests
  return { requests, statuses, served, p95Ms: times.toSorted((a, b) => a - b)[Math.floor(0.95 * times.length)] ?? 0 }
}

/** The status; 0 where there was no answer. */
async function send(pool: Pool, { method = 'GET', path, headers, payload }: Shot): Promise<number> {
  try {
    const answer = await pool.request({
      method,
      path,
      headers: { ...headers, ...(payload && { 'content-type': 'application/json' }) },
      body: payload ? JSON.stringify(payload) : null,
    })
    await answer.body.dump()
    return answer.statusCode
  } catch {
    return 0
  }
}

/** Uploads that come a few bytes a second, until they are stopped. */
export function slowUploads(base: string, uploads: number, path: string, headers: Record<string, string>) {
  const boundary = 'slow'
  const begin = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="lists.csv"\r\n\r\n`
  let answered = 0
  const all = Array.from({ length: uploads }, () => {
    const request = httpRequest(`${base}${path}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': `multipart/form-data; boundary=${boundary}`, 'content-length': 100_000 },
    })
    request.on('error', () => {})
    request.on('response', (response) => {
      answered++
      response.resume()
    })
    request.write(begin)
    return request
  })
  const timer = setInterval(() => {
    for (const request of all) if (!request.destroyed) request.write('x')
  }, 200)
  return {
    /** How many have an answer, so they were refused. */
    answered: () => answered,
    stop(): void {
      clearInterval(timer)
      for (const request of all) request.destroy()
    },
  }
}

/**
 * A download whose first bytes are read and no more. It has a connection of its own: over one whose window has grown the
 * system would take some ten megabytes more.
 */
export async function pausedReader(base: string, path: string, headers: Record<string, string>) {
  const request = httpRequest(`${base}${path}`, { headers, agent: false })
  request.on('error', () => {})
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  await once(response, 'readable')
  return response
}
