/**
 * The service and its peers side by side: npm run bench -- [--films 100000] [--rounds 3] [--seconds 8]
 *   [--only detail,list] [--peers go,fastify] [--growth] [--soak MINUTES] [--to RESULTS.md]
 * --growth (1 to 256 connections, databases of --sizes 10000,100000,1000000) and --soak (mixed load) leave out all else
 * unless --only names it.
 * One PostgreSQL, one set of films; each in turn under load, the server on one core, database and load on another. Peers
 * whose Debian packages are not there are left out. Writes what it found beside this file.
 */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureBesideExport, measureExport } from './load/exports.ts'
import { type Goal, goalsOf, goalTable } from './load/goals.ts'
import { measureGrowth } from './load/growth.ts'
import { measureLogins } from './load/logins.ts'
import { peers } from './load/peers.ts'
import { startServer } from './load/postgres.ts'
import { atEnd, endAll, pinSelf, stopping } from './load/processes.ts'
import { machineFacts, markdown, scenarioTables, type Table } from './load/report.ts'
import { measureRounds, scenarioTitles } from './load/rounds.ts'
import { compareAnswers } from './load/same.ts'
import { measureSoak } from './load/soak.ts'
import { openStage } from './load/stage.ts'

const { values } = parseArgs({
  options: {
    films: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    only: { type: 'string' },
    peers: { type: 'string', default: Object.keys(peers).join() },
    growth: { type: 'boolean', default: false },
    sizes: { type: 'string', default: '10000,100000,1000000' },
    soak: { type: 'string' },
    to: { type: 'string', default: 'RESULTS.md' },
  },
})
const others = ['logins', 'export', 'export-beside']
const known = [...Object.keys(scenarioTitles), ...others]
const only = values.only?.split(',') ?? (values.growth || values.soak ? [] : known)
const chosenPeers = values.peers.split(',').filter((name) => name !== '')
const unknown = [
  ...only.filter((name) => !known.includes(name)),
  ...chosenPeers.filter((name) => !Object.hasOwn(peers, name)),
]
if (unknown.length > 0) {
  throw new Error(`Not known: ${unknown}. Scenarios: ${known.join()}; peers: ${Object.keys(peers).join()}`)
}
const say = (line: string) => process.stderr.write(`${line}\n`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    say('stopping')
    await endAll()
    process.exit(130)
  })
}

try {
  await bench()
} catch (error) {
  if (!stopping.signal.aborted) say(String((error as Error).stack))
  process.exitCode = 1
}
await endAll()

async function bench(): Promise<void> {
  const temporary = await mkdtemp(join(tmpdir(), 'kinoteka-bench-'))
  atEnd(() => rm(temporary, { recursive: true, force: true }))
  // For the account that runs PostgreSQL when we are root.
  await chmod(temporary, 0o711)
  await pinSelf()
  const server = await startServer(temporary)
  const options = { temporary, say, rounds: Number(values.rounds), seconds: Number(values.seconds) }
  const wanted = (name: string) => only.includes(name)
  const goals: Goal[] = []
  const tables: Table[] = []
  const take = (part: { table: Table; goals: Goal[] }) => {
    tables.push(part.table)
    goals.push(...part.goals)
  }

  if (only.length > 0 || values.soak) {
    const stage = await openStage(server, { ...options, films: Number(values.films), peers: chosenPeers })
    for (const line of await compareAnswers(stage)) say(line)
    const measured = await measureRounds(stage, wanted, options)
    if (measured.length > 0) goals.push(...goalsOf(measured))
    tables.push(...scenarioTables(measured))
    if (wanted('logins')) take(await measureLogins(stage, options))
    if (wanted('export')) take(await measureExport(stage, options))
    if (wanted('export-beside')) take(await measureBesideExport(stage, options))
    if (values.soak) take(await measureSoak(stage, Number(values.soak), options))
    await stage.stop()
  }
  if (values.growth)
    tables.push(...(await measureGrowth(server, chosenPeers, values.sizes.split(',').map(Number), options)))
  await report(await machineFacts(server.version), [...(goals.length > 0 ? [goalTable(goals)] : []), ...tables])
}

async function report(facts: string[], tables: Table[]): Promise<void> {
  const command = ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ')
  const intro = [
    '# What was measured',
    '',
    `Written by \`${command}\`.`,
    `Where nothing else is said: ${values.films} films, 64 connections in a closed loop, the median of ${values.rounds} rounds`,
    `of ${values.seconds} s with all targets in turn. The server has one core, PostgreSQL and the load have another. Peers have no log, no`,
    'metrics and no accounts; the service has them all on, and MEMORY_CACHE_MB=256.',
    '',
    ...facts.map((fact) => `- ${fact}`),
    '',
  ]
  const text = [...intro, ...tables.map(markdown)].join('\n')
  await writeFile(join(import.meta.dirname, values.to), text)
  process.stdout.write(text)
}
