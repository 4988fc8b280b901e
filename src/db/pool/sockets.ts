import { connect, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from './address.ts'
import { counted } from './open-connections.ts'
import { afterOwnTime, silence } from './own-time.ts'

const windowMs = 200
const silenceMs = 5_000
const lookMs = 250

/**
 * The sockets of a pool, all to the server that `primary` names, with a bound on attempts. By itself the driver tries
 * again at once and for ever where a connection is accepted and closed (a proxy without a server behind it).
 */
export function createSockets(primary: () => Promise<Pick<Address, 'host' | 'port'>>, max: number) {
  const made = new Set<Socket>()
  let closed = false
  let left = 0
  let windowEnd = 0

  async function attempt(): Promise<void> {
    for (let now = performance.now(); left === 0 || now > windowEnd; now = performance.now()) {
      if (now <= windowEnd) await sleep(windowEnd - now + 1)
      else {
        left = max
        windowEnd = now + windowMs
      }
    }
    left--
  }

  function dial({ host, port }: Pick<Address, 'host' | 'port'>): Socket {
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
    for (const old of made) if (old.destroyed) made.delete(old)
    made.add(counted(socket, 'pool'))
    endInSilence(socket, silenceMs)
    // For the name in the certificate, and for messages.
    return Object.assign(socket, { host, port })
  }

  return {
    async open(): Promise<Socket> {
      await attempt()
      const server = await primary().catch((error: Error) => error)
      // The driver may still try for a pool that has ended: it gets nothing.
      if (closed) return new Promise(() => {})
      return server instanceof Error ? brokenSocket(server) : dial(server)
    },
    /** Connections on which the server has sent something. */
    count: () => [...made].filter((socket) => !socket.destroyed && socket.bytesRead > 0).length,
    close() {
      closed = true
      for (const socket of made) socket.destroy()
    },
  }
}

/** To the driver a failed connection; one that it never gets would stay a gap in its pool. */
function brokenSocket(error: Error): Socket {
  const socket = new Socket()
  setImmediate(() => socket.destroy(error))
  return socket
}

/** The driver's own limit would count the time in which our event loop stood still. */
function endInSilence(socket: Socket, ms: number): void {
  afterOwnTime(lookMs, () => {
    if (socket.bytesRead > 0 || socket.destroyed) return
    if (ms <= lookMs) socket.destroy(silence())
    else endInSilence(socket, ms - lookMs)
  })
}
