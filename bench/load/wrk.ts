import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Target } from './peers.ts'
import { cpuSeconds, loadCore, peakMemory, resetPeak, stopping } from './processes.ts'

const run = promisify(execFile)
const script = join(import.meta.dirname, 'requests.lua')

export interface Request {
  path: string
  method?: string
  /** `name: value`, or several with a carriage return between them. */
  header?: string
  body?: object
}

export interface Figures {
  /** Requests in a second. */
  rate: number
  /** Latencies in ms. */
  p50: number
  p99: number
  /** CPU of a request in µs: of the server, and of PostgreSQL. */
  serverCpu: number
  databaseCpu: number
  /** Peak of resident memory, MB. */
  memory: number
  /** Answers of 400 and above, and requests that had none. */
  failed: number
}

export interface Load {
  target: Target
  /** PostgreSQL's. */
  databasePid: number
  /** A file by `writeRequests`. */
  file: string
  seconds: number
  connections?: number
  /** Where in the file to begin, 0 to 1. */
  from?: number
  /** Before each request, per connection. */
  pauseMs?: number
}

export async function writeRequests(file: string, requests: Request[]): Promise<void> {
  const lines = requests.map(({ method = 'GET', path, header = '', body }) =>
    [method, path, header, body ? JSON.stringify(body) : ''].join('\t'),
  )
  await writeFile(file, lines.map((line) => `${line}\n`).join(''))
}

/** Puts `target` under load by wrk, and measures it meanwhile. */
export async function load(options: Load): Promise<Figures> {
  const { target, databasePid, file, seconds, connections = 64, from = 0, pauseMs = 0 } = options
  await resetPeak(target.pid)
  const before = [await cpuSeconds(target.pid), await cpuSeconds(databasePid)] as const
  const told = await shoot({ port: target.port, file, seconds, connections, from, pauseMs })
  const after = [await cpuSeconds(target.pid), await cpuSeconds(databasePid)] as const
  const each = 1e6 / Math.max(1, told.requests)
  return {
    rate: (told.requests / told.microseconds) * 1e6,
    p50: told.p50 / 1000,
    p99: told.p99 / 1000,
    serverCpu: (after[0] - before[0]) * each,
    databaseCpu: (after[1] - before[1]) * each,
    memory: await peakMemory(target.pid),
    failed: told.failed + told.broken,
  }
}

interface Told {
  requests: number
  microseconds: number
  failed: number
  broken: number
  p50: number
  p99: number
}

async function shoot(
  options: Required<Pick<Load, 'file' | 'seconds' | 'connections' | 'from' | 'pauseMs'>> & { port: number },
) {
  const { port, file, seconds, connections, from, pauseMs } = options
  const flags = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', script]
  const command = ['wrk', ...flags, `http://127.0.0.1:${port}`, '--', file, String(from), String(pauseMs)]
  const [program = '', ...args] = loadCore === undefined ? command : ['taskset', '-c', loadCore, ...command]
  const { stdout, stderr } = await run(program, args, { signal: stopping.signal })
  const line = stdout.split('\n').find((each) => each.startsWith('{'))
  if (!line) throw new Error(`wrk fails: ${stdout}${stderr}`)
  return JSON.parse(line) as Told
}
