import { LRUCache } from 'lru-cache'
import type { Change, Changes, Topic } from './change-feed.ts'

/** What was read of one kind, by key. Right as of a second ago at most; a write in this process shows as soon as it is answered. */
export interface Shelf<K extends string | number, V> {
  /** What is known, at once. */
  get(key: K): V | undefined
  /** The same, or what `read` finds: equal keys at one time are read once. What is undefined is not kept. */
  find(key: K, read: () => Promise<V | undefined>): Promise<V | undefined>
  /** The same of many, in their order; `read` is asked once, for those that are not known. */
  findMany(keys: K[], read: (missing: K[]) => Promise<Map<K, V>>): Promise<(V | undefined)[]>
  /** For what this process has changed, and reads again before it answers. */
  forget(key: K): void
}

interface ShelfOptions<V> {
  /** In the metrics. */
  name: string
  /** What it takes in memory, in bytes. */
  sizeOf(value: V): number
  /** What a change of a topic drops: what is kept under its key, or all. */
  dropped: Partial<Record<Topic, 'one' | 'all'>>
  /** Kept no longer than this, and apart: it must not push out what is kept for longer. */
  ttlMs?: number
  /** Whether there are so many that some who walk through all of them could push out what others ask for. */
  walkable?: boolean
}

/** What an entry takes beside its key and value; an estimate. */
const overheadBytes = 200
/** What of the memory is for what is kept for a moment only. */
const briefShare = 1 / 16
/** How many keys are remembered of what was asked for once. */
const mostAskedOnce = 50_000

/**
 * What was read of the database, up to `maxBytes`, what was longest unused going first. When it is full, of what is walkable
 * only that gets in which is asked for again. Only served while all changes are followed: otherwise everything is read anew, by
 * everybody.
 */
export function createMemory(changes: Changes, maxBytes: number) {
  const open = (share: number) =>
    maxBytes > 0 ? new LRUCache<string, NonNullable<unknown>>({ maxSize: Math.ceil(share * maxBytes) }) : undefined
  const long = open(1 - briefShare)
  const brief = open(briefShare)
  const askedOnce = new LRUCache<string, true>({
    max: Math.min(mostAskedOnce, 1 + Math.ceil(maxBytes / overheadBytes)),
  })
  const shelves: { changed(change: Change): void; empty(): void; name: string; hits: number; misses: number }[] = []
  changes.listen({
    changed: (change) => {
      for (const shelf of shelves) shelf.changed(change)
    },
    lost() {
      for (const shelf of shelves) shelf.empty()
    },
  })

  /** While there is room, and then for the second time. */
  function isWelcome(name: string, size: number): boolean {
    if (!long || long.calculatedSize + size <= long.maxSize || askedOnce.delete(name)) return true
    askedOnce.set(name, true)
    return false
  }

  function shelf<K extends string | number, V extends NonNullable<unknown>>(options: ShelfOptions<V>): Shelf<K, V> {
    const { name, sizeOf, dropped, ttlMs: ttl = 0, walkable = false } = options
    const kept = ttl > 0 ? brief : long
    // Another one each time the shelf is emptied: nothing is found under the old one any more.
    let emptied = 0
    let prefix = `${name} 0 `
    const reading = new Map<K, Promise<V | undefined>>()
    const own = {
      name,
      hits: 0,
      misses: 0,
      changed({ topic, key }: Change) {
        const what = dropped[topic]
        if (what === undefined) return
        if (what === 'all' || key === null) own.empty()
        else drop(key)
      },
      empty() {
        // What nobody can find any more would leave no room for what is walkable. The others are pushed out by whatever comes.
        if (walkable) for (const name of [...(kept?.keys() ?? [])]) if (name.startsWith(prefix)) kept?.delete(name)
        emptied++
        prefix = `${name} ${emptied} `
        reading.clear()
      },
    }
    shelves.push(own)

    function drop(key: string): void {
      kept?.delete(prefix + key)
      // A key is a number or its text.
      for (const each of reading.keys()) if (String(each) === key) reading.delete(each)
    }

    function get(key: K): V | undefined {
      const value = changes.isCurrent() ? kept?.get(prefix + key) : undefined
      if (value !== undefined) own.hits++
      return value as V | undefined
    }

    async function read(key: K, by: () => Promise<V | undefined>): Promise<V | undefined> {
      own.misses++
      if (!kept || !changes.isCurrent()) return by()
      const value = by()
      reading.set(key, value)
      try {
        const found = await value
        // It may have changed behind the look, and then nobody knows which one this is.
        if (found !== undefined && reading.get(key) === value) {
          const name = prefix + key
          // A key may be what a client wrote, with two bytes a character.
          const size = sizeOf(found) + 2 * name.length + overheadBytes
          if (!walkable || isWelcome(name, size)) kept.set(name, found, { size, ttl })
        }
        return found
      } finally {
        if (reading.get(key) === value) reading.delete(key)
      }
    }

    /** Who joins one that is being read must not get what was there before a write of its own. */
    const joinable = (key: K) => (changes.isCurrent() ? reading.get(key) : undefined)

    return {
      get,
      find: async (key, by) => get(key) ?? joinable(key) ?? read(key, by),
      async findMany(keys, by) {
        const kept = keys.map(get)
        if (!kept.includes(undefined)) return kept
        const known = kept.map((value, i) => value ?? joinable(keys[i] as K))
        const missing = keys.filter((_, i) => known[i] === undefined)
        const found = missing.length > 0 ? by(missing) : undefined
        const pick = (key: K) => read(key, async () => (await found)?.get(key))
        return Promise.all(known.map(async (value, i) => value ?? pick(keys[i] as K)))
      },
      forget: (key) => drop(String(key)),
    }
  }

  return {
    shelf,
    figures: () => ({
      bytes: (long?.calculatedSize ?? 0) + (brief?.calculatedSize ?? 0),
      isCurrent: changes.isCurrent(),
      shelves: shelves.map(({ name, hits, misses }) => ({ name, hits, misses })),
    }),
  }
}

export type Memory = ReturnType<typeof createMemory>
