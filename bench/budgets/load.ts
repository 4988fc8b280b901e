import { Pool } from 'undici'

/** A key with what it may spend; `limit` of the key, `userLimit` of its user, -1 for none. */
export interface BenchKey {
  id: number
  key: string
  limit: number
  userId: number
  userLimit: number
}

export interface Answer {
  key: BenchKey
  film: number
  status: number
  code: string | undefined
  /** In ms since 1970. */
  from: number
  to: number
}

/** Requests with the keys, each for a film of its own, so many at once; the first keys come more often than the last. */
export function createLoad(ports: number[], keys: BenchKey[]) {
  const pools = ports.map((port) => new Pool(`http://127.0.0.1:${port}`, { connections: 200 }))
  const open = ports.map(() => 0)
  const alive = new Set(ports.keys())
  const answers: Answer[] = []
  let film = 2_000_000
  let isOver = false

  async function ask(): Promise<void> {
    const key = keys[Math.floor(keys.length * Math.random() ** 3)] as BenchKey
    const [...left] = alive
    const at = left[Math.floor(left.length * Math.random())] as number
    const own = ++film
    const from = Date.now()
    open[at] = (open[at] ?? 0) + 1
    try {
      const headers = { 'x-api-key': key.key }
      const response = await (pools[at] as Pool).request({ method: 'GET', path: `/movies/${own}`, headers })
      const text = await response.body.text()
      const { code } = JSON.parse(text) as { code?: string }
      answers.push({ key, film: own, status: response.statusCode, code, from, to: Date.now() })
    } catch {
      answers.push({ key, film: own, status: 0, code: 'lost', from, to: Date.now() })
    } finally {
      open[at] = (open[at] ?? 0) - 1
    }
  }

  return {
    answers,
    underWay: (replica: number) => open[replica] ?? 0,
    /** Nobody asks a replica any more. */
    leave: (replica: number) => void alive.delete(replica),
    start(atOnce: number): () => Promise<void> {
      const workers = Array.from({ length: atOnce }, async () => {
        while (!isOver) await ask()
      })
      return async () => {
        isOver = true
        await Promise.all(workers)
        for (const pool of pools) await pool.destroy()
      }
    },
    statuses(): Record<string, number> {
      const counts: Record<string, number> = {}
      for (const { status, code } of answers) {
        const name = `${status} ${code ?? ''}`.trim()
        counts[name] = (counts[name] ?? 0) + 1
      }
      return counts
    },
  }
}
