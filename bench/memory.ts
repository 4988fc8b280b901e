/**
 * What the service takes of memory: node bench/memory.ts [--films 100000] [--rounds 3] [--seconds 15] [--after 300]
 *   [--only 'npm start,none']
 * With the default MEMORY_CACHE_MB, each round in a process of its own: details, filters and searches one after the other, 64
 * connections, then nothing for `after` seconds. Prints idle, peak and what is left, in MB, beside the requests in a second; once
 * for each set of flags, side by side.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { loadConfig } from '../src/config/config.ts'
import { startServer } from './load/postgres.ts'
import { answering, atEnd, endAll, memoryNow, pinSelf } from './load/processes.ts'
import { details, lists, searches } from './load/requests.ts'
import { median } from './load/rounds.ts'
import { openStage, type Stage, startFlags } from './load/stage.ts'
import { load, writeRequests } from './load/wrk.ts'

interface Variant {
  flags?: string[]
  env?: Record<string, string>
}

const variants: Record<string, Variant> = {
  'npm start': { flags: startFlags },
  none: {},
  'semi-space': { flags: ['--max-semi-space-size=16'] },
  arenas: { flags: startFlags, env: { MALLOC_ARENA_MAX: '2' } },
}
const scenarios = { detail: details, list: () => lists(), search: searches }
// The stage's own is larger.
const defaultCacheMb = String(loadConfig({}).cacheBytes / 2 ** 20)
const names = Object.keys(scenarios) as (keyof typeof scenarios)[]

const { values } = parseArgs({
  options: {
    films: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '15' },
    after: { type: 'string', default: '300' },
    only: { type: 'string', default: Object.keys(variants).join() },
  },
})
const [films, rounds, seconds, after] = [values.films, values.rounds, values.seconds, values.after].map(Number) as [
  number,
  number,
  number,
  number,
]
const chosen = values.only.split(',')
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => endAll().finally(() => process.exit(130)))

try {
  await bench()
} finally {
  await endAll()
}

async function bench(): Promise<void> {
  const temporary = await mkdtemp(join(tmpdir(), 'kinoteka-bench-'))
  atEnd(() => rm(temporary, { recursive: true, force: true }))
  await chmod(temporary, 0o711)
  await pinSelf()
  const server = await startServer(temporary)
  const say = (line: string) => process.stderr.write(`${line}\n`)
  const stage = await openStage(server, { films, peers: [], temporary, say })
  for (const target of stage.targets.values()) await target.stop()
  for (const name of names) await writeRequests(join(temporary, name), scenarios[name](stage))
  print([
    'flags',
    'idle',
    ...names.map((name) => `${name}, peak`),
    `after ${after} s`,
    ...names.map((name) => `${name}/s`),
  ])
  const measured = new Map<string, number[][]>(chosen.map((name) => [name, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const [name, all] of measured) {
      const figures = await measure(stage, temporary, variants[name] ?? {})
      all.push(figures)
      print([`${name}, round ${round}`, ...figures])
    }
  }
  for (const [name, all] of measured)
    print([`${name}, median`, ...(all[0] ?? []).map((_, i) => median(all.map((row) => row[i] ?? 0)))])
}

async function measure(stage: Stage, temporary: string, { flags = [], env = {} }: Variant): Promise<number[]> {
  const log = join(temporary, `service-${films}.log`)
  const service = stage.start(4180, { MEMORY_CACHE_MB: defaultCacheMb, ...env }, flags)
  atEnd(service.stop)
  await answering(service, `http://127.0.0.1:${service.port}/livez`, log)
  await sleep(3000)
  const idle = await memoryNow(service.pid)
  const common = { target: service, databasePid: stage.server.pid, seconds }
  const rates: number[] = []
  const peaks: number[] = []
  for (const name of names) {
    const { rate, memory } = await load({ ...common, file: join(temporary, name) })
    rates.push(rate)
    peaks.push(memory)
  }
  await sleep(after * 1000)
  const left = await memoryNow(service.pid)
  await service.stop()
  return [idle, ...peaks, left, ...rates]
}

function print(cells: (string | number)[]): void {
  process.stdout.write(`${cells.map((cell) => (typeof cell === 'number' ? Math.round(cell) : cell)).join(' | ')}\n`)
}
