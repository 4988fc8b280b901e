import { join } from 'node:path'
import { type Goal, ratio } from './goals.ts'
import { memoryNow } from './processes.ts'
import type { Table } from './report.ts'
import { mixed } from './requests.ts'
import type { Options } from './rounds.ts'
import type { Stage } from './stage.ts'
import { load, writeRequests } from './wrk.ts'

/** Mixed load for so many minutes, one by one: what the last is like beside the first. */
export async function measureSoak(stage: Stage, minutes: number, { temporary, say }: Options) {
  const { service: target, server } = stage
  const file = join(temporary, 'soak.requests')
  await writeRequests(file, mixed(stage))
  const common = { target, databasePid: server.pid, file }
  // Until what is asked for often is in memory.
  await load({ ...common, seconds: 60 })
  const rows: string[][] = []
  const found: { rate: number; p99: number; memory: number }[] = []
  for (let minute = 1; minute <= minutes; minute += 1) {
    const figures = await load({ ...common, seconds: 60, from: (minute * 0.37) % 1 })
    const memory = await memoryNow(target.pid)
    const { rate, p50, p99, serverCpu, databaseCpu, failed } = figures
    found.push({ rate, p99, memory })
    const numbers = [rate, p50, p99, serverCpu, databaseCpu, memory, figures.memory].map((each) => each.toFixed(1))
    rows.push([String(minute), ...numbers, String(failed)])
    say(`minute ${minute}: ${rate.toFixed(0)}/s, p99 ${p99.toFixed(1)} ms, ${memory.toFixed(0)} MB`)
  }
  const [first, last] = [found.at(0), found.at(-1)]
  const table: Table = {
    title: `mixed load for ${minutes} minutes`,
    header: [
      'minute',
      'requests/s',
      'p50 ms',
      'p99 ms',
      'server CPU µs/request',
      'PostgreSQL CPU µs/request',
      'RSS MB',
      'peak RSS MB',
      'failed',
    ],
    rows,
  }
  const goals: Goal[] = [
    {
      scenario: 'requests/s, last minute',
      wanted: '≥ 0.95 × first',
      found: ratio(last?.rate, first?.rate),
      atLeast: 0.95,
    },
    {
      scenario: 'p99, last minute',
      wanted: 'as the first (≤ 1.2 ×)',
      found: ratio(last?.p99, first?.p99),
      atMost: 1.2,
    },
    {
      scenario: 'RSS, last minute',
      wanted: 'as the first (≤ 1.2 ×)',
      found: ratio(last?.memory, first?.memory),
      atMost: 1.2,
    },
  ]
  return { table, goals }
}
