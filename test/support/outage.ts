import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The way to a database, in our hands. */
export interface Outage {
  /** The same database by this way. */
  url: string
  /** Connections break, and new ones are refused. */
  cut(): Promise<void>
  /** Connections stay, but nothing comes back. */
  freeze(): void
  /** Connections break, and new ones are taken and closed at once. */
  slam(): void
  restore(): Promise<void>
  close(): Promise<void>
}

/** Puts a relay before the database at `url` (a Unix socket, as of the tests' server). */
export async function outageOf(url: string): Promise<Outage> {
  const target = new URL(url)
  const file = `.s.PGSQL.${target.port || 5432}`
  const origin = join(target.searchParams.get('host') ?? '', file)
  const folder = await mkdtemp(join(tmpdir(), 'outage-'))
  target.searchParams.set('host', folder)
  const sockets = new Set<Socket>()
  let frozen = false
  let slamming = false
  let server: Server | undefined

  const relay = (client: Socket) => {
    if (slamming) {
      client.destroy()
      return
    }
    const upstream = connect(origin)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(from)
          to.destroy()
        })
      from.pipe(to)
      if (frozen) from.pause()
    }
  }
  const open = async () => {
    server = createServer(relay).listen(join(folder, file))
    await once(server, 'listening')
  }
  const cut = async () => {
    const closed = new Promise((resolve) => server?.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
    server = undefined
  }
  await open()
  return {
    url: target.href,
    cut,
    freeze() {
      frozen = true
      for (const socket of sockets) socket.pause()
    },
    slam() {
      slamming = true
      for (const socket of sockets) socket.destroy()
    },
    async restore() {
      frozen = false
      slamming = false
      for (const socket of sockets) socket.resume()
      if (!server) await open()
    },
    async close() {
      if (server) await cut()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
