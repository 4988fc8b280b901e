import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'

export interface User {
  id: number
  token: string
}

interface Write {
  user: number
  film: number
  kind: 'favourite' | 'rating'
  /** By performance.now(), when it was acknowledged. */
  at: number
}

const password = 'correct horse battery staple'
let addresses = 0

/** What clients do at one replica. */
export function createClient(address: string) {
  const pool = new Pool(address, { connections: 64 })
  return {
    async send(method: string, path: string, token?: string, body?: object) {
      const answer = await pool.request({
        method,
        path,
        headers: {
          // The service counts by address how often somebody registers.
          'x-forwarded-for': `10.0.${addresses >> 8}.${addresses & 255}`,
          ...(token && { authorization: `Bearer ${token}` }),
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(10_000),
      })
      const text = await answer.body.text()
      return { status: answer.statusCode, headers: answer.headers, json: text ? JSON.parse(text) : undefined }
    },
    close: () => pool.destroy(),
  }
}

export type Client = ReturnType<typeof createClient>

export async function register(client: Client, name: string): Promise<User> {
  addresses++
  const made = await client.send('POST', '/register', undefined, { login: name, password })
  const { status, json } = await client.send('POST', '/login', undefined, { login: name, password })
  if (status !== 200) throw new Error(`${name} cannot log in: ${made.status}, ${status}`)
  return { id: made.json.id, token: json.access_token }
}

/** Favourites and ratings by turns, each user at one of the replicas, each film once, until `stop`. */
export function startWriters(clients: Client[], users: User[], films: number[]) {
  const acknowledged: Write[] = []
  const outcomes = new Map<string, number>()
  let goes = true
  const note = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)

  async function write(client: Client, user: User, film: number, kind: Write['kind']): Promise<void> {
    const [method, path, body] =
      kind === 'favourite'
        ? ['POST', `/favorites/movies/${film}`]
        : (['PUT', `/films/${film}/rating`, { value: 7 }] as const)
    try {
      const { status, headers, json } = await client.send(method as string, path as string, user.token, body as object)
      if (status < 300) acknowledged.push({ user: user.id, film, kind, at: performance.now() })
      else {
        note(`${status} ${json?.code}${status === 503 && !headers['retry-after'] ? ' without Retry-After' : ''}`)
        await sleep(50)
      }
    } catch (error) {
      note((error as Error).name)
      await sleep(50)
    }
  }

  const work = users.map(async (user, i) => {
    const client = clients[i % clients.length] as Client
    for (let n = 0; goes; n++) {
      const film = films[(n >> 1) % films.length] as number
      await write(client, user, film, n % 2 === 0 ? 'favourite' : 'rating')
      await sleep(4)
    }
  })
  return {
    acknowledged,
    outcomes,
    /** Each replica's first acknowledgement after `at`, in ms after it; the later one. */
    firstAfter(at: number): number {
      const firsts = clients.map((_, i) => {
        const own = new Set(users.filter((_user, n) => n % clients.length === i).map(({ id }) => id))
        return acknowledged.find((write) => write.at > at && own.has(write.user))?.at ?? Number.POSITIVE_INFINITY
      })
      return Math.max(...firsts) - at
    },
    /** The longest time without an acknowledgement at any replica, in ms. */
    gap(): number {
      const times = acknowledged.map(({ at }) => at).toSorted((a, b) => a - b)
      return Math.max(...times.slice(1).map((at, i) => at - (times[i] as number)))
    },
    async stop() {
      goes = false
      await Promise.all(work)
    },
  }
}

export type Writers = ReturnType<typeof startWriters>
