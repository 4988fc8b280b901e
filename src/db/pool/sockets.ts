import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from './address.ts'
import { counted, type Use } from './open-connections.ts'

const windowMs = 200

/**
 * The sockets of a pool: the hosts in turn, with a bound on attempts. By itself the driver tries again at once and for
 * ever where a connection is accepted and closed (a proxy without a server behind it), or where all of several hosts
 * refuse.
 */
export function createSockets(addresses: Pick<Address, 'host' | 'port'>[], max: number, use: Use = 'pool') {
  const made = new Set<Socket>()
  let closed = false
  let turn = 0
  let left = 0
  let windowEnd = 0

  async function attempt(): Promise<void> {
    for (let now = performance.now(); left === 0 || now > windowEnd; now = performance.now()) {
      if (now <= windowEnd) await sleep(windowEnd - now + 1)
      else {
        left = max * addresses.length
        windowEnd = now + windowMs
      }
    }
    left--
  }

  return {
    async open(): Promise<Socket> {
      await attempt()
      // The driver may still try for a pool that has ended: it gets nothing.
      if (closed) return new Promise(() => {})
      const { host = 'localhost', port = 5432 } = addresses[turn++ % addresses.length] ?? {}
      const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
      for (const old of made) if (old.destroyed) made.delete(old)
      made.add(counted(socket, use))
      // For the name in the certificate, and for messages.
      return Object.assign(socket, { host, port })
    },
    /** Connections on which the server has sent something. */
    count: () => [...made].filter((socket) => !socket.destroyed && socket.bytesRead > 0).length,
    close() {
      closed = true
      for (const socket of made) socket.destroy()
    },
  }
}
