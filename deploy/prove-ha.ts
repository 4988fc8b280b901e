/**
 * What clients notice when the primary changes: npm run test:ha [-- --short] [-- part of the faults' names]
 * Three PostgreSQL nodes under Patroni with etcd, two replicas of the service, writes over HTTP all the time. Writes its table
 * into deploy/HA.md, and ends with 1 where a promise is broken. Needs Debian's packages etcd-server, patroni and postgresql, and
 * takes some eight minutes; `--short`, two faults and no page, takes one.
 */
import { join } from 'node:path'
import { cleanUp } from '../test/support/process.ts'
import { type Fault, type Outcome, runCase, type Stage, startReplicas } from './ha/cases.ts'
import { type Cluster, missingTools, openCluster } from './ha/cluster.ts'
import { register } from './ha/load.ts'
import { faultsOf, rowOf, table, writeTable } from './ha/report.ts'

const args = process.argv.slice(2)
const isShort = args.includes('--short')
const wanted = args.find((arg) => !arg.startsWith('--')) ?? ''
const usersCount = isShort ? 20 : 100
const plan: [isSynchronous: boolean, faults: Fault[]][] = isShort
  ? [[true, ['switchover', 'freeze']]]
  : [
      [true, ['switchover', 'kill', 'freeze', 'cut']],
      [false, ['switchover', 'kill', 'freeze', 'cut and kill']],
    ]
const print = (line: string) => void process.stdout.write(`${line}\n`)

const missing = missingTools()
if (missing.length > 0) {
  print(`skipped: npm run test:ha, as ${missing.join(', ')} is missing (Debian: etcd-server, patroni, postgresql)`)
  process.exit(0)
}
let cluster: Cluster | undefined
const close = async () => {
  await cleanUp()
  await cluster?.close()
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => close().finally(() => process.exit(1)))

const rows: string[] = []
const broken: string[] = []
try {
  for (const [isSynchronous, faults] of plan) {
    cluster = await openCluster(isSynchronous)
    const stage = await openStage(cluster)
    for (const fault of faults.filter((each) => each.includes(wanted))) {
      const outcome = await runCase(stage, fault, isSynchronous)
      tell(outcome)
    }
    for (const client of stage.clients) await client.close()
    await close()
  }
  if (!isShort && wanted === '') await writeTable(join(import.meta.dirname, 'HA.md'), rows)
} catch (error) {
  broken.push(String(error))
} finally {
  await close()
}
print(`\n${table(rows)}\n`)
for (const each of broken) print(`FAILED: ${each}`)
print(`${broken.length === 0 ? 'passed' : 'failed'}: npm run test:ha${isShort ? ', short form' : ''}`)
process.exit(broken.length === 0 ? 0 : 1)

function tell(outcome: Outcome): void {
  rows.push(rowOf(outcome))
  print(rowOf(outcome))
  const where = `${outcome.fault}, ${outcome.isSynchronous ? 'synchronous' : 'asynchronous'}`
  broken.push(...faultsOf(outcome).map((fault) => `${where}: ${fault}`))
}

/** The database with its users and films, made through the first replicas. */
async function openStage(cluster: Cluster): Promise<Stage> {
  const [leader] = cluster.nodes
  if (!leader) throw new Error('There is no node')
  await cluster.query(leader, 'create database kinoteka', 'postgres')
  const stage: Stage = { cluster, replicas: [], clients: [], users: [], films: [], cases: 0 }
  await startReplicas(stage, leader)
  const [client] = stage.clients
  if (!client) throw new Error('There is no replica')
  // One after the other: passwords are hashed, which is dear.
  for (let i = 0; i < usersCount; i++) stage.users.push(await register(client, `reader${i}`))
  const seeded = await cluster.query(
    leader,
    `insert into films (name) select 'Film ' || n from generate_series(1, 10000) n returning id`,
  )
  stage.films = seeded.map(({ id }) => Number(id))
  return stage
}
