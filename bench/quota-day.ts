/**
 * Days of traffic against the sandbox with Kinopoisk's real limits, in simulated time:
 *   node bench/quota-day.ts [--requests 100000] [--days 7] [--films 30000] [--quota 500] [--seed 1] [--only ours]
 *     [--users 1000] [--hostile] [--odd 20]
 * What is asked follows Zipf (s = 1) over the films, 70 % by id and 30 % by a search typed from a title. Compared are this
 * service, a proxy that hands every request on, and one that keeps answers in memory for five minutes. Prints for each day
 * how many requests were answered usefully, judged by the films' facts, by all and by the user with the fewest, and what
 * that cost. With --hostile one more user asks for thousands of films that there are not, and is not judged; printed is how
 * many of these were answered.
 * With --odd upstream answers everything with 404 and a page of HTML in that hour of each day (Moscow), and one film in a
 * hundred always in another shape.
 */
import { parseArgs } from 'node:util'
import { type Sandbox, startSandbox } from '../src/embedded/sandbox/server.ts'
import { createClock, type SimulatedClock } from './quota-day/clock.ts'
import { makeFilms } from './quota-day/films.ts'
import { createJudge, type Reply, useful, type Verdict, verdicts } from './quota-day/judge.ts'
import { ourService } from './quota-day/ours.ts'
import { type Contender, memoryProxy, naiveProxy } from './quota-day/proxies.ts'
import { type Random, randomNumbers } from './quota-day/random.ts'
import { createTraffic, hostileRequests, type OwnRequest } from './quota-day/traffic.ts'

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    days: { type: 'string', default: '7' },
    films: { type: 'string', default: '30000' },
    quota: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    users: { type: 'string', default: '1000' },
    hostile: { type: 'boolean', default: false },
    odd: { type: 'string' },
  },
})
const seed = Number(values.seed)
const users = Number(values.users)
// The number behind those of the others.
const hostile = users
const dayMs = 86_400_000
// Midnight in Moscow, where upstream's day begins.
const start = Date.parse('2027-03-01T00:00:00+03:00')
// Questions under way at once.
const widest = 16

type Make = (url: string, clock: SimulatedClock, random: Random, users: number) => Contender | Promise<Contender>
const contenders: Record<string, Make> = {
  'naive proxy': naiveProxy,
  'five minutes in memory': memoryProxy,
  ours: ourService,
}

/** Calls that upstream had, and how many of them it answered or refused. */
interface Spent {
  answered: number
  refused: number
}

interface Day {
  verdicts: Record<Verdict, number>
  codes: Record<string, number>
  /** By user. */
  helped: number[]
  asked: number[]
  hostileCalls: number
}

const films = makeFilms(Number(values.films), randomNumbers(seed))
const judge = createJudge(films)
const ofDay = ['calls', 'ledger minus calls', 'wasted', 'distinct questions so far', 'errors']
const ofUsers = ['least useful to a user', 'users below 90 %', 'hostile calls']
const header = ['contender', 'day', 'useful', ...verdicts, ...ofDay, ...ofUsers]
print(header)
print(header.map(() => '---'))
for (const [name, make] of Object.entries(contenders)) {
  if (values.only === undefined || values.only === name) await run(name, make)
}

async function run(name: string, make: Make): Promise<void> {
  const clock = createClock(start)
  const spent: Spent = { answered: 0, refused: 0 }
  let calls = 0
  const sandbox = await startSandbox({
    films,
    dailyQuota: Number(values.quota),
    rateLimits: true,
    now: clock.now,
    onCall({ endpoint, status }) {
      if (status === 402 || status === 429) spent.refused += 1
      else if (endpoint !== 'api_key') spent.answered += 1
    },
  })
  const contender = await make(sandbox.url, clock, randomNumbers(seed + 2), users + 1)
  const traffic = createTraffic(films, randomNumbers(seed + 1))
  const randomUser = randomNumbers(seed + 3)
  const asked = new Set<string>()
  try {
    for (let day = 0; day < Number(values.days); day += 1) {
      Object.assign(spent, { answered: 0, refused: 0 })
      const began = performance.now()
      const startMs = start + day * dayMs
      const own = traffic(startMs, Number(values.requests)).map((request) => ({
        ...request,
        user: Math.floor(users * randomUser()),
      }))
      const others = values.hostile ? hostileRequests(films, startMs, day, hostile) : []
      const requests = [...others, ...own].sort((a, b) => a.at - b.at)
      const result = await live(contender, clock, requests, spent, oddities(sandbox))
      for (const { film, query } of own) asked.add(query?.toLowerCase() ?? String(film.id))
      const seconds = Math.round((performance.now() - began) / 1000)
      calls += spent.answered + spent.refused
      const paid = await contender.paid?.()
      print(row(name, day + 1, result, spent, paid === undefined ? '' : String(paid - calls), asked.size))
      process.stderr.write(`${name}, day ${day + 1}: ${seconds} s\n`)
    }
  } finally {
    await contender.close()
    await sandbox.close()
  }
}

/** A day. Questions go one by one while upstream is asked much, many at a time while it is not. */
async function live(
  contender: Contender,
  clock: SimulatedClock,
  requests: OwnRequest[],
  spent: Spent,
  misbehave: (at: number) => void,
): Promise<Day> {
  const tally = Object.fromEntries(verdicts.map((verdict) => [verdict, 0])) as Record<Verdict, number>
  const day: Day = {
    verdicts: tally,
    codes: {},
    helped: Array(users).fill(0),
    asked: Array(users).fill(0),
    hostileCalls: 0,
  }
  let width = 1
  for (let at = 0; at < requests.length; ) {
    const batch = requests.slice(at, at + width)
    const shiftMs = clock.shiftTo(batch[0]?.at ?? 0)
    await contender.beforeJump?.(shiftMs)
    clock.jump(shiftMs)
    misbehave(clock.now())
    const { answered } = spent
    const replies = await Promise.all(batch.map(contender.fetch))
    for (const [index, reply] of replies.entries()) note(day, batch[index] as OwnRequest, reply)
    width = spent.answered > answered ? Math.max(1, width >> 1) : Math.min(widest, width + 1)
    at += batch.length
  }
  return day
}

function note(day: Day, request: OwnRequest, reply: Reply): void {
  const { user } = request
  if (user === hostile) {
    if (reply.code === 'movie_not_found' || reply.code === '404') day.hostileCalls += 1
    return
  }
  const verdict = judge(request, reply)
  day.verdicts[verdict] += 1
  day.asked[user] = (day.asked[user] ?? 0) + 1
  if (useful.some((each) => each === verdict)) day.helped[user] = (day.helped[user] ?? 0) + 1
  if (reply.code) day.codes[reply.code] = (day.codes[reply.code] ?? 0) + 1
}

/** Makes upstream as odd as --odd says, at a moment. */
function oddities(sandbox: Sandbox): (at: number) => void {
  if (values.odd === undefined) return () => {}
  let wasOut: boolean | undefined
  return (at) => {
    const isOut = Math.floor((at - start) / 3_600_000) % 24 === Number(values.odd)
    if (isOut === wasOut) return
    wasOut = isOut
    sandbox.fail(null)
    sandbox.fail('wrong_shape', { path: /\/films\/\d*00$/ })
    if (isOut) sandbox.fail('html_404', { path: /^(?!.*api_keys)/ })
  }
}

function row(name: string, number: number, day: Day, spent: Spent, ledger: string, distinct: number): string[] {
  const { verdicts: tally, codes } = day
  const ofUser = day.asked.map((requests, user) => (requests === 0 ? 1 : (day.helped[user] ?? 0) / requests))
  const all = Object.values(tally).reduce((sum, count) => sum + count)
  const percent = (part: number) => `${(100 * part).toFixed(2)} %`
  const share = (count: number) => percent(count / all)
  const helped = useful.reduce((sum, verdict) => sum + tally[verdict], 0)
  const errors = Object.entries(codes).map(([code, count]) => `${code} ${count}`)
  const counts = [spent.answered + spent.refused, ledger, spent.refused, distinct].map(String)
  return [
    name,
    String(number),
    share(helped),
    ...verdicts.map((verdict) => share(tally[verdict])),
    ...counts,
    errors.join(', '),
    percent(Math.min(...ofUser)),
    String(ofUser.filter((each) => each < 0.9).length),
    String(day.hostileCalls),
  ]
}

function print(cells: string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}
