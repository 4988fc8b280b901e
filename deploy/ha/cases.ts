import { setTimeout as sleep } from 'node:timers/promises'
import { freshFolder, type Program } from '../../test/support/process.ts'
import { addressOf, startReplica } from '../../test/support/replica.ts'
import { type Cluster, type Node, until } from './cluster.ts'
import { type Client, createClient, startWriters, type User, type Writers } from './load.ts'

export type Fault = 'switchover' | 'kill' | 'freeze' | 'cut' | 'cut and kill'

/** One failover, as its clients noticed it. Times in seconds. */
export interface Outcome {
  fault: Fault
  isSynchronous: boolean
  /** From the fault to the new leader. */
  leaderAfter: number
  /** From the new leader to the first write at both replicas. */
  firstWrite: number
  /** The longest time without an acknowledged write. */
  gap: number
  acknowledged: number
  lost: number
  /** What clients got instead of an acknowledgement. */
  answers: Map<string, number>
  /** Lists that differ from the database afterwards, of 100 users at two replicas. */
  different: number
  ended: number
}

export interface Stage {
  cluster: Cluster
  replicas: Program[]
  clients: Client[]
  users: User[]
  films: number[]
  /** How many cases have been run: each has writers of its own. */
  cases: number
}

const writersCount = 6
const cutMs = 3_000

/** Brings the fault about under load, waits until all is well, and counts. */
export async function runCase(stage: Stage, fault: Fault, isSynchronous: boolean): Promise<Outcome> {
  const { cluster, users, films } = stage
  await cluster.untilWhole()
  const old = (await cluster.leader()) as Node
  await startReplicas(stage, old)
  const from = stage.cases++ * writersCount
  const writers = startWriters(stage.clients, users.slice(from, from + writersCount), films)
  await sleep(3000)
  if (fault.startsWith('cut')) {
    old.relay.cut()
    await sleep(cutMs)
    if (fault === 'cut') old.relay.mend()
  }
  const at = performance.now()
  // Patroni answers only when a switchover is done.
  const [{ leader, leadsAt }] = await Promise.all([
    fault === 'cut' ? { leader: old, leadsAt: at } : newLeader(cluster, old),
    bringAbout(cluster, fault, old),
  ])
  await until('both replicas write again', async () => Number.isFinite(writers.firstAfter(leadsAt))).catch(() => {})
  await sleep(2000)
  // Writes must not go astray while the old one comes back.
  await bringBack(cluster, fault, old)
  await writers.stop()
  return {
    ...{ fault, isSynchronous },
    leaderAfter: (leadsAt - at) / 1000,
    firstWrite: writers.firstAfter(leadsAt) / 1000,
    gap: writers.gap() / 1000,
    acknowledged: writers.acknowledged.length,
    lost: await countLost(cluster, leader, writers),
    answers: writers.outcomes,
    different: await countDifferent(stage, leader),
    ended: stage.replicas.filter(({ child }) => child.exitCode !== null || child.signalCode !== null).length,
  }
}

/** Two replicas anew: to one the leader is the first host of its URL, to the other the second one. */
export async function startReplicas(stage: Stage, leader: Node): Promise<void> {
  for (const client of stage.clients) await client.close()
  for (const { child, ended } of stage.replicas) {
    child.kill('SIGTERM')
    await ended()
  }
  const [second, ...others] = stage.cluster.nodes.filter((node) => node !== leader) as [Node, ...Node[]]
  const orders = [
    [leader, second, ...others],
    [second, leader, ...others],
  ]
  stage.replicas = []
  for (const order of orders) {
    const url = `postgres://postgres@${order.map(({ port }) => `127.0.0.1:${port}`).join()}/kinoteka`
    stage.replicas.push(startReplica(url, await freshFolder(), { TRUST_PROXY: 'loopback' }))
  }
  stage.clients = (await Promise.all(stage.replicas.map(addressOf))).map(createClient)
}

async function bringAbout(cluster: Cluster, fault: Fault, old: Node): Promise<void> {
  if (fault === 'cut') return
  if (fault === 'freeze') return cluster.freeze(old)
  if (fault !== 'switchover') return cluster.kill(old)
  const other = cluster.nodes.find((node) => node !== old) as Node
  await cluster.switchover(old, await syncStandby(cluster, old, other))
}

/** In synchronous mode only this one may lead. */
async function syncStandby(cluster: Cluster, leader: Node, otherwise: Node): Promise<Node> {
  const rows = await cluster.query(
    leader,
    `select application_name as name from pg_stat_replication where sync_state = 'sync'`,
  )
  return cluster.nodes.find(({ name }) => name === rows[0]?.name) ?? otherwise
}

async function newLeader(cluster: Cluster, old: Node): Promise<{ leader: Node; leadsAt: number }> {
  let leader: Node | undefined
  await until('another node leads', async () => {
    leader = await cluster.leader()
    return leader !== undefined && leader !== old
  })
  return { leader: leader as Node, leadsAt: performance.now() }
}

async function bringBack(cluster: Cluster, fault: Fault, old: Node): Promise<void> {
  old.relay.mend()
  if (fault === 'freeze') cluster.thaw(old)
  else if (fault.endsWith('kill')) cluster.start(old)
  await cluster.untilWhole()
}

async function countLost(cluster: Cluster, leader: Node, writers: Writers): Promise<number> {
  const rows = async (table: string) =>
    new Set(
      (await cluster.query(leader, `select user_id || ' ' || film_id as key from ${table}`)).map(({ key }) => key),
    )
  const kept = { favourite: await rows('favourites'), rating: await rows('ratings') }
  return writers.acknowledged.filter(({ user, film, kind }) => !kept[kind].has(`${user} ${film}`)).length
}

/** Compares what each replica says of each user's favourites with what the leader has. */
async function countDifferent({ cluster, clients, users }: Stage, leader: Node): Promise<number> {
  const rows = await cluster.query(leader, 'select user_id, film_id from favourites')
  const kept = Map.groupBy(rows, ({ user_id }) => user_id as number)
  let different = 0
  for (const { id, token } of users) {
    const ids = JSON.stringify((kept.get(id) ?? []).map(({ film_id }) => film_id as number).toSorted((a, b) => a - b))
    for (const client of clients) {
      const { status, json } = await client.send('GET', '/movies/favorites', token)
      const said =
        status === 200 ? (json as { id: number }[]).map((movie) => movie.id).toSorted((a, b) => a - b) : status
      if (JSON.stringify(said) !== ids) different++
    }
  }
  return different
}
