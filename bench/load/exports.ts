import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { exportQuery, exportSettings } from '../../src/modules/films/csv/export-repository.ts'
import { type Goal, ratio } from './goals.ts'
import { memoryNow, peakMemory, resetPeak, serverCore, stopping } from './processes.ts'
import type { Table } from './report.ts'
import { details } from './requests.ts'
import { median, type Options } from './rounds.ts'
import type { Stage } from './stage.ts'
import { type Figures, load, writeRequests } from './wrk.ts'

const run = promisify(execFile)
const slowBytesPerSecond = 1_000_000

/** The export of all films against psql's \copy of the same query, in turn. */
export async function measureExport(stage: Stage, { rounds, say }: Options) {
  const { service, server, database, films } = stage
  const psql = [] as number[]
  const ours = [] as number[]
  const growth = [] as number[]
  let bytes = 0
  await download(service.port)
  for (let round = 1; round <= rounds; round += 1) {
    const took = await copyByPsql(server.env(database))
    if (took !== undefined) psql.push(took)
    await resetPeak(service.pid)
    const before = await memoryNow(service.pid)
    const start = performance.now()
    bytes = await download(service.port)
    ours.push((performance.now() - start) / 1000)
    growth.push((await peakMemory(service.pid)) - before)
    say(`round ${round}: export ${ours.at(-1)?.toFixed(2)} s, psql ${took?.toFixed(2)} s`)
  }
  const byPsql = psql.length > 0 ? median(psql) : undefined
  const table: Table = {
    title: `export of ${films} films`,
    note: `${(bytes / 1e6).toFixed(0)} MB; psql writes to /dev/null.`,
    header: ['', 'seconds', 'growth of RSS MB, at most'],
    rows: [
      ['psql \\copy', byPsql?.toFixed(2) ?? '', ''],
      ['**Kinoteka**', median(ours).toFixed(2), Math.max(...growth).toFixed(0)],
    ],
  }
  const what = films >= 1e6 ? 'export' : `export (of only ${films})`
  const goals: Goal[] = [
    { scenario: `${what}, time`, wanted: '≤ 1.2 × psql \\copy', found: ratio(median(ours), byPsql), atMost: 1.2 },
    { scenario: `${what}, growth in MB`, wanted: '< 100', found: Math.max(...growth), atMost: 100 },
  ]
  return { table, goals }
}

/** What readers of a film notice while two take the export slowly. */
export async function measureBesideExport(stage: Stage, { rounds, seconds, temporary, say }: Options) {
  const { service: target, server } = stage
  const file = join(temporary, 'beside.requests')
  await writeRequests(file, details(stage))
  const alone: Figures[] = []
  const beside: Figures[] = []
  for (let round = 1; round <= rounds; round += 1) {
    const common = { target, databasePid: server.pid, file, seconds, from: round / (rounds + 1) }
    alone.push(await load(common))
    const enough = new AbortController()
    const readers = [0, 1].map(() => readSlowly(target.port, enough.signal))
    beside.push(await load(common))
    enough.abort()
    await Promise.all(readers)
    say(`round ${round}: p99 ${alone.at(-1)?.p99.toFixed(1)} ms, beside exports ${beside.at(-1)?.p99.toFixed(1)} ms`)
  }
  const of = (all: Figures[], name: keyof Figures) => median(all.map((figures) => figures[name]))
  const row = (title: string, all: Figures[]) => [
    title,
    ...(['rate', 'p50', 'p99', 'failed'] as const).map((name) => of(all, name).toFixed(1)),
  ]
  const table: Table = {
    title: 'details beside two slow readers of the export',
    note: `Each reader takes ${slowBytesPerSecond / 1e6} MB a second.`,
    header: ['', 'requests/s', 'p50 ms', 'p99 ms', 'failed'],
    rows: [row('alone', alone), row('beside', beside)],
  }
  const goal: Goal = {
    scenario: 'p99 of a detail beside two exports',
    wanted: '≤ 2 × alone',
    found: ratio(of(beside, 'p99'), of(alone, 'p99')),
    atMost: 2,
  }
  return { table, goals: [goal] }
}

/** Seconds; undefined where there is no psql. */
async function copyByPsql(env: Record<string, string>): Promise<number | undefined> {
  const copy = `\\copy (${exportQuery.replace(/\s+/g, ' ')}) to '/dev/null' (format csv, header true)`
  const command = ['psql', '-Xq', '-c', exportSettings, '-c', copy]
  const [program = '', ...args] = serverCore === undefined ? command : ['taskset', '-c', serverCore, ...command]
  const start = performance.now()
  const { PATH = '' } = process.env
  const done = await run(program, args, { env: { ...env, PATH }, signal: stopping.signal }).then(
    () => true,
    (error) => {
      process.stderr.write(`psql is left out: ${(error as Error).message}\n`)
      return false
    },
  )
  return done ? (performance.now() - start) / 1000 : undefined
}

/**
 * All of it, as fast as it comes; gives its bytes. By a client that costs as little as can be: it has one core with PostgreSQL,
 * where psql has the service's.
 */
function download(port: number): Promise<number> {
  const buffer = Buffer.alloc(1024 * 1024)
  let bytes = 0
  let status = ''
  return new Promise((resolve, reject) => {
    const callback = (length: number) => {
      status ||= buffer.toString('latin1', 0, 12)
      bytes += length
      return true
    }
    const socket = connect({ host: '127.0.0.1', port, onread: { buffer, callback } })
    socket.write('GET /films/export.csv HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n')
    socket.on('end', () => (status === 'HTTP/1.1 200' ? resolve(bytes) : reject(new Error(status))))
    socket.on('error', reject)
  })
}

/** Takes a little at a time, again and again, until told that it is enough. */
async function readSlowly(port: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const answer = await fetch(`http://127.0.0.1:${port}/films/export.csv`, { signal }).catch(() => undefined)
    try {
      for await (const chunk of answer?.body ?? []) {
        await sleep((chunk.length / slowBytesPerSecond) * 1000, undefined, { signal })
      }
    } catch {
      // Cut off by the signal.
    }
    if (!answer?.ok) await sleep(200)
  }
}
