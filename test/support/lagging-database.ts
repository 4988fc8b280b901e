import type { Standby } from '../../src/db/standby/standby.ts'
import { stateQuery } from '../../src/db/standby/standby.ts'

/** A row that was written: its log position is its place. */
interface Entry {
  key: string
  version: number
  at: number
}

/** Yields some times, so that what runs at once is interleaved in ever other ways. */
async function pause(random: () => number): Promise<void> {
  for (let left = Math.floor(random() * 4); left > 0; left--) await Promise.resolve()
}

/** A primary's log as far as one server has it, told as PostgreSQL tells it. */
export function createLog(random: () => number) {
  const entries: Entry[] = []
  const byKey = new Map<string, (Entry & { place: number })[]>()
  const write = (entry: Entry) => {
    const known = byKey.get(entry.key) ?? []
    known.push({ ...entry, place: entries.length })
    byKey.set(entry.key, known)
    entries.push(entry)
  }
  /** The newest version of a key among the entries that fit. */
  const newest = (key: string, fits: (entry: Entry & { place: number }) => boolean) =>
    byKey.get(key)?.findLast(fits)?.version ?? 0
  /** What a server that has the first `length` entries says of a key. */
  const read = (key: string, length: number) => newest(key, ({ place }) => place < length)
  const positionOf = (length: number) => `0/${length.toString(16).toUpperCase()}`
  const rowsOf = (key: string, length: number) => [{ version: read(key, length) }]

  /** The driver's `sql` of a server with a log of its own. */
  const sqlOf = (server: { length(): number; mark(): string; isStandby: boolean; isDown(): boolean }) => {
    const lost = () => Object.assign(new Error('gone'), { code: 'CONNECTION_CLOSED', query: '' })
    const unsafe = async (text: string, [value]: string[]) => {
      await pause(random)
      if (server.isDown()) throw lost()
      if (text !== stateQuery) return rowsOf(value as string, server.length())
      const { isStandby } = server
      return [{ isStandby, position: positionOf(server.length()), isRelated: server.mark() === value }]
    }
    const begin = async (...args: unknown[]) => {
      await pause(random)
      const work = args.at(-1) as (sql: unknown) => Promise<unknown>
      const result = await work({ unsafe })
      await pause(random)
      return result
    }
    return Object.assign(() => {}, { unsafe, begin, options: { parsers: {}, serializers: {} } }) as never
  }

  return {
    length: () => entries.length,
    since: (length: number) => entries.slice(length),
    write,
    newest,
    read,
    positionOf,
    sqlOf,
    /** A standby of it, that may be behind. */
    standby(name: string, mark: () => string) {
      const state = { replayed: 0, isRelated: true, isDown: false }
      const sql = sqlOf({
        length: () => state.replayed,
        mark: () => (state.isRelated ? mark() : 'another'),
        isStandby: true,
        isDown: () => state.isDown,
      })
      const standby: Standby = {
        ...{ name, url: '', sql },
        condition: () => (state.isDown ? 'away' : 'fit'),
        position: () => BigInt(state.replayed),
        onAway: () => () => {},
        close: async () => {},
      }
      return { state, standby }
    },
  }
}
