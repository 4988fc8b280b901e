import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Sessions {
  /** The URL of a database, by way of the kept sessions. */
  urlOf(database: string): string
  /** Waits until no client is connected to a database; false when one still is, or one broke off in the middle. */
  isAtRest(database: string): Promise<boolean>
  /** Ends what is kept of a database. */
  leave(database: string): void
}

/** Of the PostgreSQL protocol: requests that come in place of a start. */
const requests = { cancel: 80877102, tls: 80877103, gss: 80877104 }
const socketName = '.s.PGSQL.5432'
const keptPerDatabase = 12
const restMs = 1_000

/**
 * Stands between the apps of a worker and PostgreSQL, and gives a new client the session of one that has ended, after
 * DISCARD ALL: a new backend has to read the catalogue of every table that it is asked for. As PgBouncer does in its
 * session mode, on machines without one.
 */
export async function openSessions(serverUrl: string): Promise<Sessions> {
  const url = new URL(serverUrl)
  const host = url.searchParams.get('host') as string
  const serverPath = join(host, socketName)
  // Gone with the server's own.
  const folder = await mkdtemp(join(host, 'sessions-'))
  url.searchParams.set('host', folder)
  const databases = new Map<string, { kept: Session[]; lent: Set<Promise<void>>; isBroken: boolean }>()

  function stateOf(database: string) {
    const state = databases.get(database) ?? { kept: [], lent: new Set(), isBroken: false }
    databases.set(database, state)
    return state
  }

  function serve(client: Socket, start: Buffer): void {
    const state = stateOf(/\0database\0([^\0]+)/.exec(start.toString('latin1'))?.[1] ?? '')
    const kept = state.kept.find((each) => each.start.equals(start) && each.isIdle())
    state.kept = state.kept.filter((each) => each !== kept && each.isIdle())
    const session = kept ?? createSession(connect(serverPath), start)
    if (kept) client.write(kept.greeting())
    const lent = session.lend(client).then((isIdle) => {
      state.lent.delete(lent)
      if (!isIdle || state.kept.length >= keptPerDatabase) {
        state.isBroken ||= !isIdle
        return session.end()
      }
      state.kept.push(session)
    })
    state.lent.add(lent)
  }

  function begin(client: Socket, data: Buffer): void {
    const [length, code] = data.length < 8 ? [8, 0] : [data.readInt32BE(0), data.readInt32BE(4)]
    if (data.length < length) client.once('data', (more: Buffer) => begin(client, Buffer.concat([data, more])))
    else if (code === requests.cancel) {
      const other = connect(serverPath).on('error', () => {})
      other.once('close', () => client.destroy()).end(data)
    } else if (code === requests.tls || code === requests.gss) {
      client.write('N')
      client.once('data', (next: Buffer) => begin(client, next))
    } else serve(client, data)
  }

  const server = createServer((client) => {
    client.on('error', () => {})
    client.once('data', (data: Buffer) => begin(client, data))
  })
  server.listen(join(folder, socketName)).unref()
  await once(server, 'listening')
  return {
    urlOf(database) {
      const own = new URL(url)
      own.pathname = `/${database}`
      return own.href
    },
    async isAtRest(database) {
      const state = stateOf(database)
      await Promise.race([Promise.all(state.lent), sleep(restMs)])
      return state.lent.size === 0 && !state.isBroken
    },
    leave(database) {
      for (const session of stateOf(database).kept) session.end()
      databases.delete(database)
    },
  }
}

type Session = ReturnType<typeof createSession>

/** A backend, which has one client after another. */
function createSession(socket: Socket, start: Buffer) {
  const parts: Buffer[] = []
  let isGreeted = false
  /** Requests that the backend has not ended with ReadyForQuery; the start is one. */
  let open = 1
  /** Behind the last Sync there is more. */
  let isUnsynced = false
  let status = ''
  let client: Socket | undefined
  let onReply = () => {}

  const readReplies = reader((type, first) => {
    if (type !== 'Z') return
    open -= 1
    status = first
    if (open === 0) onReply()
  })
  let isWhole = true
  const isIdle = () => isGreeted && isWhole && open === 0 && !isUnsynced && status === 'I' && !socket.destroyed

  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    if (!isGreeted) parts.push(chunk)
    readReplies(chunk)
    isGreeted ||= open === 0
    if (client && !client.destroyed && !client.write(chunk)) socket.pause()
  })
  socket.on('drain', () => client?.resume())
  socket.on('close', () => {
    onReply()
    client?.end()
  })
  socket.write(start)

  /** True when the backend is as it was at its start. */
  async function reset(): Promise<boolean> {
    if (!isIdle()) return false
    open += 1
    const { promise, resolve } = Promise.withResolvers<void>()
    onReply = resolve
    socket.write(discardAll)
    await promise
    onReply = () => {}
    return isIdle()
  }

  return {
    start,
    isIdle,
    greeting: () => Buffer.concat(parts),
    /** Until the client has ended; whether the backend can serve another one. */
    lend(borrower: Socket): Promise<boolean> {
      client = borrower
      const { promise, resolve } = Promise.withResolvers<boolean>()
      let isOver = false
      const end = () => {
        if (isOver) return
        isOver = true
        client = undefined
        socket.resume()
        borrower.end()
        resolve(reset())
      }
      let endAt = -1
      const read = reader((type, _first, at) => {
        if (type === 'X') endAt = at
        else if ('QSF'.includes(type)) {
          open += 1
          isUnsynced = false
        } else if ('PBDECH'.includes(type)) isUnsynced = true
      })
      borrower.on('drain', () => socket.resume())
      borrower.on('data', (chunk: Buffer) => {
        if (isOver) return
        isWhole = read(chunk)
        const sent = endAt < 0 ? chunk : chunk.subarray(0, endAt)
        if (sent.length > 0 && !socket.write(sent)) borrower.pause()
        if (endAt >= 0) end()
      })
      borrower.once('close', end)
      return promise
    },
    end: () => void socket.destroy(),
  }
}

const query = 'discard all\0'
const discardAll = Buffer.alloc(5 + query.length)
discardAll.write('Q')
discardAll.writeInt32BE(4 + query.length, 1)
discardAll.write(query, 5)

/**
 * Reads messages of the protocol, a letter and a length each, from chunks that end anywhere: `note` gets the letter, the
 * first byte of what follows, and where in the chunk the message began. Returns whether the chunk ended with a message.
 */
function reader(note: (type: string, first: string, at: number) => void): (chunk: Buffer) => boolean {
  const head = Buffer.alloc(6)
  let have = 0
  let skip = 0
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (skip > 0) {
        const some = Math.min(skip, chunk.length - at)
        skip -= some
        at += some
        continue
      }
      head[have++] = chunk[at++] as number
      const body = have < 5 ? 1 : head.readInt32BE(1) - 4
      if (have < Math.min(6, 5 + body)) continue
      note(String.fromCharCode(head[0] as number), String.fromCharCode(head[5] as number), at - have)
      skip = Math.max(0, body - 1)
      have = 0
    }
    return have === 0 && skip === 0
  }
}
