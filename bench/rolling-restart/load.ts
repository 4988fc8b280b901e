import { type Dispatcher, Pool } from 'undici'

type Call = Dispatcher.RequestOptions
type Account = { login: string; password: string }

const json = { 'content-type': 'application/json' }

/** Users of the service at `address`, of which `admin` makes the films. */
export async function createLoad(address: string, admin: Account) {
  const pool = new Pool(address, { connections: 64 })
  const calls = await makeCalls(pool, admin)
  const failures: string[] = []
  /** From when each was due until it was answered, ms. */
  const spent: number[] = []

  async function ask(call: Call, due: number): Promise<void> {
    const fail = (why: unknown) => failures.push(`${new Date().toISOString()} ${call.method} ${call.path}: ${why}`)
    try {
      const { statusCode, body } = await pool.request(call)
      const text = await body.text()
      if (statusCode >= 300) fail(`${statusCode} ${text}`)
    } catch (error) {
      fail(error)
    }
    spent.push(performance.now() - due)
  }

  return {
    failures,
    spent,
    /** So many a second, each at its time, answered or not: a stall makes many late ones, and not few. */
    start(rate: number) {
      const begun = performance.now()
      const open = new Set<Promise<void>>()
      let sent = 0
      const tick = setInterval(() => {
        for (const due = ((performance.now() - begun) / 1000) * rate; sent < due; sent++) {
          const call = calls[Math.floor(Math.random() * calls.length)] as Call
          const asked = ask(call, begun + (sent / rate) * 1000).finally(() => open.delete(asked))
          open.add(asked)
        }
      }, 5)
      return async () => {
        clearInterval(tick)
        await Promise.all(open)
      }
    },
    close: () => pool.destroy(),
  }
}

/** Of 20 users with 9 films of the sandbox; four fifths read. */
async function makeCalls(pool: Pool, admin: Account): Promise<Call[]> {
  const films = Array.from({ length: 9 }, (_, i) => 324 + i)
  const adminHeaders = await logIn(pool, admin)
  for (const kinopoisk_id of films) await post(pool, '/films', { kinopoisk_id }, adminHeaders)
  const calls: Call[] = []
  // One after the other: an address has a share of the registrations.
  for (let i = 0; i < 20; i++) {
    const account = { login: `user${i}`, password: admin.password }
    await post(pool, '/register', account)
    const headers = await logIn(pool, account)
    calls.push(...films.flatMap((film) => callsOf(film, headers)))
  }
  return calls
}

function callsOf(film: number, headers: Record<string, string>): Call[] {
  const one = `/films/${film}`
  const reads = [one, one, one, one, one, one, '/user', '/films?limit=20']
  return [
    ...reads.map((path) => ({ method: 'GET', path, headers }) as const),
    { method: 'POST', path: `/favorites/movies/${film}`, headers },
    { method: 'PUT', path: `${one}/rating`, headers: { ...headers, ...json }, body: `{"value": ${1 + (film % 10)}}` },
  ]
}

async function logIn(pool: Pool, account: Account): Promise<Record<string, string>> {
  return { authorization: `Bearer ${(await post(pool, '/login', account)).access_token}` }
}

async function post(pool: Pool, path: string, payload: unknown, headers: Record<string, string> = {}) {
  const call = { method: 'POST', path, headers: { ...headers, ...json }, body: JSON.stringify(payload) } as const
  const { statusCode, body } = await pool.request(call)
  const text = await body.text()
  if (statusCode >= 300) throw new Error(`POST ${path}: ${statusCode} ${text}`)
  return JSON.parse(text)
}
