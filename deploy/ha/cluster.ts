import { existsSync, readdirSync } from 'node:fs'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { stringify } from 'yaml'
import { freePort } from '../../test/support/process.ts'
import { endAll, family, launch, postgresAccount, serverOn, signal } from './processes.ts'

/** One machine of the cluster: a Patroni with its PostgreSQL. */
export interface Node {
  name: string
  port: number
  rest: number
  /** Where the others get its WAL, through our hands. */
  relay: Relay
  folder: string
  pid: number | undefined
}

export type Cluster = Awaited<ReturnType<typeof openCluster>>

const account = postgresAccount()
const programs = '/usr/lib/postgresql'

/** What Debian's packages etcd-server, patroni and postgresql would bring and is not there. */
export function missingTools(): string[] {
  const tools = ['/usr/bin/etcd', '/usr/bin/patroni'].filter((tool) => !existsSync(tool))
  return binaries() ? tools : [...tools, `${programs}/*/bin/postgres`]
}

function binaries(): string | undefined {
  const versions = existsSync(programs) ? readdirSync(programs).map(Number) : []
  const folder = `${programs}/${Math.max(...versions)}/bin`
  return existsSync(`${folder}/postgres`) ? folder : undefined
}

/** Three nodes under Patroni, with etcd; the first one leads at the beginning. */
export async function openCluster(isSynchronous: boolean) {
  const folder = await mkdtemp(join(tmpdir(), 'kinoteka-ha-'))
  await chmod(folder, 0o755)
  if (account) await chown(folder, account.uid, account.gid)
  const environment = { PATH: `${binaries()}:/usr/bin:/bin`, HOME: folder, LC_ALL: 'C.UTF-8' }
  const options = { ...account, cwd: folder, env: environment }
  const etcd = await startEtcd(folder, options)
  const nodes = await Promise.all(['p1', 'p2', 'p3'].map((name) => createNode(name, folder)))
  for (const node of nodes)
    await writeFile(`${node.folder}.yml`, configuration(node, etcd, isSynchronous), { mode: 0o644 })

  const start = (node: Node) => {
    node.pid = launch('/usr/bin/patroni', [`${node.folder}.yml`], `${node.folder}.log`, options)
  }
  const stateOf = async ({ rest }: Node): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${rest}/patroni`, { signal: AbortSignal.timeout(1000) }).catch(
      () => undefined,
    )
    const {
      role = '',
      state = '',
      sync_standby: sync,
    } = ((await answer?.json().catch(() => undefined)) ?? {}) as Record<string, unknown>
    return `${role === 'master' ? 'primary' : role} ${state}${sync ? ' sync' : ''}`
  }
  const leader = async () => {
    const states = await Promise.all(nodes.map(stateOf))
    return nodes.find((_, i) => states[i]?.startsWith('primary running'))
  }
  const whole = async () => {
    const states = await Promise.all(nodes.map(stateOf))
    const standbys = states.filter((state) => /^replica (running|streaming)/.test(state))
    const isSettled = !isSynchronous || states.some((state) => state.endsWith('sync'))
    return standbys.length === nodes.length - 1 && isSettled
  }
  const all = (node: Node) => [...(node.pid ? family(node.pid) : []), ...serverOn(node.folder)]

  const [first, ...others] = nodes as [Node, ...Node[]]
  start(first)
  await until('the first node leads', async () => (await leader()) === first)
  for (const node of others) start(node)
  await until('the cluster is whole', whole)
  return {
    nodes,
    leader,
    query: (node: Node, text: string, database = 'kinoteka') => query(node.port, text, database),
    untilWhole: () => until('the cluster is whole', whole),
    async switchover(from: Node, to: Node) {
      const body = JSON.stringify({ leader: from.name, candidate: to.name })
      const answer = await fetch(`http://127.0.0.1:${from.rest}/switchover`, { method: 'POST', body })
      if (!answer.ok) throw new Error(`Patroni refuses the switchover: ${await answer.text()}`)
    },
    /** The machine is gone: neither Patroni nor PostgreSQL have a last word. */
    kill: (node: Node) => signal(all(node), 'SIGKILL'),
    freeze: (node: Node) => signal(all(node), 'SIGSTOP'),
    thaw: (node: Node) => signal(all(node).toReversed(), 'SIGCONT'),
    start,
    async close() {
      for (const node of nodes) {
        signal(all(node), 'SIGCONT')
        signal(all(node), 'SIGKILL')
        node.relay.close()
      }
      endAll()
      await sleep(300)
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

async function startEtcd(folder: string, options: object): Promise<string> {
  const [client, peer] = [await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`)
  const urls = ['--listen-client-urls', '--advertise-client-urls'].flatMap((name) => [name, `http://${client}`])
  const peers = ['--listen-peer-urls', '--initial-advertise-peer-urls'].flatMap((name) => [name, `http://${peer}`])
  // Patroni 3.0.2 may overwrite the leader's key by etcd's newer API (mended in 3.0.3).
  const others = ['--initial-cluster', `default=http://${peer}`, '--enable-v2=true']
  launch(
    '/usr/bin/etcd',
    ['--data-dir', join(folder, 'etcd'), ...urls, ...peers, ...others],
    join(folder, 'etcd.log'),
    options,
  )
  await until('etcd answers', () =>
    fetch(`http://${client}/health`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  return client ?? ''
}

async function createNode(name: string, folder: string): Promise<Node> {
  const [port, rest] = [await freePort(), await freePort()]
  return { name, port, rest, relay: await openRelay(port), folder: join(folder, name), pid: undefined }
}

function configuration({ name, port, rest, relay, folder }: Node, etcd: string, isSynchronous: boolean): string {
  const login = (username: string) => ({ username, password: 'x' })
  return stringify({
    scope: 'kinoteka',
    name,
    restapi: { listen: `127.0.0.1:${rest}`, connect_address: `127.0.0.1:${rest}` },
    etcd: { host: etcd },
    bootstrap: {
      dcs: {
        ...{ ttl: 20, loop_wait: 5, retry_timeout: 5, synchronous_mode: isSynchronous },
        postgresql: { use_pg_rewind: true, parameters: { max_connections: 100, shared_buffers: '64MB' } },
      },
      initdb: [{ encoding: 'UTF8' }, { locale: 'C.UTF-8' }, 'data-checksums'],
      pg_hba: ['local all all trust', 'host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust'],
    },
    postgresql: {
      listen: `127.0.0.1:${port}`,
      connect_address: `127.0.0.1:${relay.port}`,
      data_dir: folder,
      bin_dir: binaries(),
      pgpass: `${folder}.pgpass`,
      authentication: { superuser: login('postgres'), replication: login('replicator'), rewind: login('postgres') },
      parameters: { unix_socket_directories: join(folder, '..') },
    },
  })
}

/** A way to a port that can be cut. */
interface Relay {
  port: number
  cut(): void
  mend(): void
  close(): void
}

async function openRelay(target: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer((client) => {
    if (isCut) return void client.destroy()
    const upstream = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from
        .on('error', () => {})
        .on('close', () => sockets.delete(from) && to.destroy())
        .pipe(to)
    }
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const cut = () => {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  return {
    port,
    cut,
    mend: () => {
      isCut = false
    },
    close() {
      cut()
      server.close()
    },
  }
}

async function query(port: number, text: string, database: string): Promise<readonly Record<string, unknown>[]> {
  const options = {
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database,
    max: 1,
    fetch_types: false,
    connect_timeout: 5,
  }
  const sql = postgres({ ...options, onnotice: () => {} })
  try {
    return await sql.unsafe(text)
  } finally {
    await sql.end({ timeout: 0 })
  }
}

/** @throws when it has not come about within two minutes */
export async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`In two minutes it did not come about that ${what}`)
    await sleep(100)
  }
}
