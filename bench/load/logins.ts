import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Goal, ratio } from './goals.ts'
import { password, users } from './people.ts'
import { type Table, titleOf } from './report.ts'
import { details } from './requests.ts'
import { median, type Options } from './rounds.ts'
import type { Stage } from './stage.ts'
import { type Figures, load, writeRequests } from './wrk.ts'

// Readers who take their time: some 400 requests/s, far from all that the service can do.
const calm = { connections: 8, pauseMs: 20 }
// Enough to keep a core busy, and few enough to be done with soon after the end.
const atOnce = { connections: 16 }
const settleMs = 1_000

/** Logins against a bare check of passwords, and what a film's readers notice of them. */
export async function measureLogins(stage: Stage, { rounds, seconds, temporary, say }: Options) {
  const { service, targets, server } = stage
  const bare = targets.get('argon2')
  const logins = join(temporary, 'logins.requests')
  const films = join(temporary, 'calm.requests')
  const login = (number: number) => ({
    method: 'POST',
    path: '/login',
    body: { login: `reader${number}`, password },
  })
  await writeRequests(
    logins,
    Array.from({ length: users }, (_, index) => login(index + 1)),
  )
  await writeRequests(films, details(stage))
  const common = { databasePid: server.pid, seconds }
  const found = { bare: [] as Figures[], ours: [] as Figures[], idle: [] as Figures[], busy: [] as Figures[] }
  for (let round = 1; round <= rounds; round += 1) {
    const from = round / (rounds + 1)
    if (bare) found.bare.push(await load({ ...common, ...atOnce, target: bare, file: logins, from }))
    found.ours.push(await load({ ...common, ...atOnce, target: service, file: logins, from }))
    await sleep(settleMs)
    found.idle.push(await load({ ...common, ...calm, target: service, file: films, from }))
    const [busy] = await Promise.all([
      load({ ...common, ...calm, target: service, file: films, from }),
      load({ ...common, ...atOnce, target: service, file: logins, from: from / 2 }),
    ])
    await sleep(settleMs)
    found.busy.push(busy)
    say(
      `round ${round}: logins ${found.ours.at(-1)?.rate.toFixed(0)}/s, p99 of a film meanwhile ${busy.p99.toFixed(1)} ms`,
    )
  }
  const of = (all: Figures[], name: keyof Figures) =>
    all.length > 0 ? median(all.map((each) => each[name])) : undefined
  const row = (title: string, all: Figures[]) => [
    title,
    ...(['rate', 'p50', 'p99', 'serverCpu', 'memory', 'failed'] as const).map(
      (name) => of(all, name)?.toFixed(1) ?? '',
    ),
  ]
  const table: Table = {
    title: 'logins',
    note: '16 connections log in. The last two rows are films read at some 400 requests/s by 8 connections: alone, and while 16 log in.',
    header: ['target', 'requests/s', 'p50 ms', 'p99 ms', 'server CPU µs/request', 'peak RSS MB', 'failed'],
    rows: [
      row(titleOf('argon2'), found.bare),
      row(titleOf('ours'), found.ours),
      row('a film, no logins', found.idle),
      row('a film, beside logins', found.busy),
    ],
  }
  const goals: Goal[] = [
    {
      scenario: 'logins/s',
      wanted: '≥ 0.9 × bare @node-rs/argon2',
      found: ratio(of(found.ours, 'rate'), of(found.bare, 'rate')),
      atLeast: 0.9,
    },
    {
      scenario: 'p99 of a detail beside logins',
      wanted: '< 3 × idle',
      found: ratio(of(found.busy, 'p99'), of(found.idle, 'p99')),
      atMost: 3,
    },
  ]
  return { table, goals }
}
