import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A Service of Kubernetes, as kube-proxy makes it. */
export interface ClusterService {
  address: string
  /** Gets new connections from now on. */
  add(address: string): void
  /** Gets no new ones; those that are open stay. */
  remove(address: string): void
  close(): Promise<void>
}

/** Gives connections, not requests, to its endpoints in turn: nothing is tried elsewhere. */
export async function startClusterService(): Promise<ClusterService> {
  const endpoints: string[] = []
  const sockets = new Set<Socket>()
  let turn = 0
  const server = createServer((client) => {
    const endpoint = endpoints[turn++ % endpoints.length]
    if (!endpoint) return void client.resetAndDestroy()
    const { hostname, port } = new URL(endpoint)
    const pod = connect(Number(port), hostname)
    for (const [from, to] of [
      [client, pod],
      [pod, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.resetAndDestroy()).on('close', () => sockets.delete(from))
      from.pipe(to)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (address) => void endpoints.push(address),
    remove: (address) => void endpoints.splice(endpoints.indexOf(address), 1),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
