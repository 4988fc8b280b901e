import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../../src/db/connect.ts'
import { type Program, runNode } from '../../test/support/process.ts'

/** What one user does with long lists, and what another one feels of it. */
export interface Figures {
  /** Of GET /user by the other user, in ms. */
  idleP95: number
  besiegedP95: number
  requests: number
  /** In MB. */
  rssBefore: number
  rssPeak: number
  unread: number
  /** Answers that were read. */
  whole: number
  broken: number
}

interface Attack {
  base: string
  pid: number
  /** Tokens of the user with long lists, and of another one. */
  hostile: string
  other: string
}

const films = 20_000
const unread = 20
const readers = 6

/** V8's heap: half of the memory that the container may have. */
export const heapFlag = `--max-old-space-size=${768 / 2}`

/** Films of some 2 KB each, all of them in the three lists of the user. */
export async function seedLists(url: string, userId: number): Promise<void> {
  const { sql, close } = connect(url, { max: 1, deadlineMs: Number.POSITIVE_INFINITY })
  await sql`set statement_timeout = 0`
  await sql`insert into films (id, name, original_name, year, minutes, rate, description, poster_url)
    select 1000000 + n, 'Фильм с номером ' || n, 'Film number ' || n, 1950 + n % 70, 90, 7.5,
      repeat('Описание, которое никто не читает. ', 26), 'https://posters.example/' || n || '.jpg'
    from generate_series(1, ${films}::int) n`
  await sql`insert into genres (name) select 'жанр ' || n from generate_series(1, 20) n`
  await sql`insert into film_genres (film_id, genre_id, position)
    select films.id, g.id, row_number() over (partition by films.id) from films
    join genres g on (films.id + g.id) % 7 = 0 where films.id > 1000000`
  for (const table of ['favourites', 'wishlist']) {
    await sql`insert into ${sql(table)} (user_id, film_id, created_at)
      select ${userId}, id, now() - id * interval '1 s' from films where id between 1000001 and ${1_000_000 + films}`
  }
  await sql`insert into ratings (user_id, film_id, value)
    select ${userId}, id, 1 + id % 10 from films where id between 1000001 and ${1_000_000 + films}`
  await sql`vacuum analyze`
  await close()
}

/** 20 answers that nobody reads, and 6 that are read at once, again and again, while another user makes 500 requests. */
export async function besiege({ base, pid, hostile, other }: Attack): Promise<Figures> {
  const idle = await timesOf(base, other, 500)
  const rssBefore = rssOf(pid)
  let rssPeak = rssBefore
  const watch = setInterval(() => {
    rssPeak = Math.max(rssPeak, rssOf(pid))
  }, 100)
  const held = await holdUnread(base, hostile)
  const reader = startReader(`${base}/ratings`, hostile)
  // Else it would fail later, and hide why.
  const besieged = await timesOf(base, other, 500).finally(() => clearInterval(watch))
  const { whole, broken } = await stopReader(reader)
  for (const response of held) response.destroy()
  return {
    idleP95: p95(idle),
    besiegedP95: p95(besieged),
    requests: besieged.length,
    rssBefore,
    rssPeak,
    unread: held.filter(({ statusCode }) => statusCode === 200).length,
    whole,
    broken,
  }
}

/** In MB; throws when the process is gone. */
function rssOf(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

async function holdUnread(base: string, token: string): Promise<IncomingMessage[]> {
  const paths = ['/ratings', '/movies/favorites', '/wishlist/movies', '/movies/wishlist']
  const opening = Array.from({ length: unread }, async (_, i) => {
    const headers = { authorization: `Bearer ${token}` }
    const request = get(base + paths[i % paths.length], { headers, agent: false })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    return response
  })
  return Promise.all(opening)
}

function startReader(url: string, token: string): Program {
  const script = join(import.meta.dirname, 'reader.ts')
  return runNode([script, url, String(readers)], { env: { TOKEN: token } })
}

async function stopReader(reader: Program): Promise<{ whole: number; broken: number }> {
  // At least one answer of each.
  await sleep(3000)
  reader.child.kill('SIGTERM')
  await reader.ended()
  return JSON.parse(reader.stdout())
}

/** How long each of so many requests took, one after the other, in ms. */
async function timesOf(base: string, token: string, count: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const begun = performance.now()
    const request = get(`${base}/user`, { agent, headers: { authorization: `Bearer ${token}` } })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    if (response.statusCode !== 200) throw new Error(`GET /user is ${response.statusCode}`)
    times.push(performance.now() - begun)
    await sleep(5)
  }
  agent.destroy()
  return times
}

function p95(times: number[]): number {
  return times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.95) - 1] ?? 0
}
