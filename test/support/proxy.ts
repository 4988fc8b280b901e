import { once } from 'node:events'
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A round-robin proxy over HTTP/1.1, as nginx and HAProxy are by default. */
export interface Proxy {
  address: string
  /** Where each replica is; what is ready gets requests. */
  replicas: { address: string; ready: boolean }[]
  /** Requests that no replica could be given, or whose answer broke off. */
  failures: string[]
  close(): Promise<void>
}

/** Asks `/readyz` ten times a second. A request is given to another replica only when its connection is refused. */
export async function startProxy(addresses: string[]): Promise<Proxy> {
  const replicas = addresses.map((address) => ({ address, ready: true }))
  const agent = new Agent({ keepAlive: true })
  const failures: string[] = []
  let turn = 0

  const forward = (request: IncomingMessage, response: ServerResponse, tries: number) => {
    const ready = replicas.filter((replica) => replica.ready)
    const replica = ready[turn++ % ready.length]
    const fail = (why: string) => {
      failures.push(`${request.method} ${request.url}: ${why}`)
      response.headersSent ? response.destroy() : response.writeHead(502).end()
    }
    if (!replica) return fail('nobody is ready')
    const headers = { ...request.headers, connection: 'keep-alive' }
    const passed = httpRequest(replica.address + request.url, { method: request.method ?? 'GET', headers, agent })
    passed.on('response', (answer) => {
      delete answer.headers.connection
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('error', (error) => fail(error.message)).pipe(response)
    })
    passed.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNREFUSED' || tries === 0) return fail(error.message)
      replica.ready = false
      forward(request, response, tries - 1)
    })
    request.pipe(passed)
  }

  const server = createServer((request, response) => forward(request, response, addresses.length)).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  const checks = setInterval(async () => {
    for (const replica of replicas) {
      const { address } = replica
      const answer = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
      await answer?.text()
      if (replica.address === address) replica.ready = answer?.status === 200
    }
  }, 100)
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    replicas,
    failures,
    async close() {
      clearInterval(checks)
      agent.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
