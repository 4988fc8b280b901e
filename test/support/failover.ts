import { execFileSync } from 'node:child_process'
import { chown, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import postgres from 'postgres'
import type { EmbeddedPostgres } from '../../src/embedded/postgres.ts'
import { freshFolder, startServer } from './process.ts'

/** A cluster of its own: a primary, and a standby that can be promoted. What is written to one does not get to the other. */
export interface Pair {
  primary: EmbeddedPostgres
  standby: EmbeddedPostgres
  promote(): Promise<void>
}

/** With an empty table `marks(mark text)`. */
export async function startPair(): Promise<Pair> {
  const [one, other] = [await freshFolder(), await freshFolder()]
  const first = await startServer(one)
  await ask(first.url, 'create table marks (mark text)')
  await first.stop()
  execFileSync('cp', ['-a', join(one, 'postgres'), other])
  await beStandby(join(other, 'postgres'))
  const [primary, standby] = [await startServer(one), await startServer(other)]
  const promote = async () => {
    await ask(standby.url, 'select pg_promote()')
  }
  return { primary, standby, promote }
}

async function beStandby(folder: string): Promise<void> {
  const { uid, gid } = await stat(folder)
  const file = join(folder, 'standby.signal')
  await writeFile(file, '')
  await chown(file, uid, gid)
}

/** By a driver of its own: whatever our pools refuse. */
export async function ask(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const { hostname: host, username, pathname, searchParams } = new URL(url)
  const options = { user: username, database: pathname.slice(1), max: 1, fetch_types: false }
  const sql = postgres({ ...options, host: searchParams.get('host') ?? host })
  try {
    return await sql.unsafe(text)
  } finally {
    await sql.end({ timeout: 0 })
  }
}

export async function marksAt({ url }: { url: string }): Promise<unknown[]> {
  return (await ask(url, 'select mark from marks order by mark')).map(({ mark }) => mark)
}

/** The hosts of several URLs of one database, in one URL. */
export function severalHosts(...urls: string[]): string {
  const [first] = urls.map((url) => new URL(url))
  const hosts = urls.map((url) => {
    const { host, searchParams } = new URL(url)
    return encodeURIComponent(searchParams.get('host') ?? '') || host
  })
  return `postgres://${first?.username}@${hosts.join()}${first?.pathname}`
}

/** A machine that takes connections and says nothing: frozen, or gone without a word. */
export async function silentServer() {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `postgres://kinoteka@127.0.0.1:${port}/postgres`,
    connections: () => connections,
    close: () => server.close(),
  }
}
