import { LRUCache } from 'lru-cache'
import type { Change, ChangeFeed, Topic } from './change-feed.ts'
import type { MaybePromise } from './maybe-promise.ts'

/** The entries of one kind, by key. At most a second out of date; a write in this process shows in its own response. */
export interface CacheRegion<K extends string | number, V> {
  /** The cached value, without waiting. */
  get(key: K): V | undefined
  /** The same, or what `load` returns: concurrent calls with one key are one load. Undefined is not cached. */
  find(key: K, load: () => Promise<V | undefined>): MaybePromise<V | undefined>
  /** The same for many, in their order; `load` is called once, with the missing keys. */
  findMany(keys: K[], load: (missing: K[]) => Promise<Map<K, V>>): Promise<(V | undefined)[]>
  /** Drops the entry: for what this process has changed, and reads again before it responds. */
  invalidate(key: K): void
}

interface RegionOptions<V> {
  /** In the metrics. */
  name: string
  /** The value's size in memory, in bytes. */
  sizeOf(value: V): number
  /** What a change of a topic invalidates: the entry under its key, or all. */
  invalidatedBy: Partial<Record<Topic, 'one' | 'all'>>
  /** Cached no longer than this, and in a part of its own: it must not evict entries that live longer. */
  ttlMs?: number
  /** Whether there are so many keys that a full scan could evict popular entries. */
  scanResistant?: boolean
}

/** The overhead of an entry beside its key and value; an estimate. */
const overheadBytes = 200
/** The part of the memory for short-lived entries. */
const shortLivedShare = 1 / 16
/** The number of keys that were requested once and are remembered. */
const maxDoorkeeperKeys = 50_000

/**
 * What was read of the database, up to `maxBytes`, evicted by least recent use. In a full cache an entry of a
 * scan-resistant region is admitted on its second request, so a full scan cannot evict popular entries. Entries are
 * served only while the change feed is current: otherwise every read goes to the database.
 */
export function createCache(feed: ChangeFeed, maxBytes: number) {
  const open = (share: number) =>
    maxBytes > 0 ? new LRUCache<string, NonNullable<unknown>>({ maxSize: Math.ceil(share * maxBytes) }) : undefined
  const main = open(1 - shortLivedShare)
  const shortLived = open(shortLivedShare)
  // It takes the memory for all its keys at once: made when the cache is full.
  let doorkeeper: LRUCache<string, true> | undefined
  const openDoorkeeper = () =>
    new LRUCache<string, true>({ max: Math.min(maxDoorkeeperKeys, 1 + Math.ceil(maxBytes / overheadBytes)) })
  const regions: { changed(change: Change): void; clear(): void; name: string; hits: number; misses: number }[] = []
  feed.listen({
    changed: (change) => {
      for (const each of regions) each.changed(change)
    },
    reset() {
      for (const each of regions) each.clear()
    },
  })

  /** While there is room, and then on the second request. */
  function admits(name: string, size: number): boolean {
    if (!main || main.calculatedSize + size <= main.maxSize || doorkeeper?.delete(name)) return true
    doorkeeper ??= openDoorkeeper()
    doorkeeper.set(name, true)
    return false
  }

  function region<K extends string | number, V extends NonNullable<unknown>>(
    options: RegionOptions<V>,
  ): CacheRegion<K, V> {
    const { name, sizeOf, invalidatedBy, ttlMs: ttl = 0, scanResistant = false } = options
    const entries = ttl > 0 ? shortLived : main
    // Changes when the region is cleared: entries under the old prefix are never found again.
    let generation = 0
    let prefix = `${name} 0 `
    const pending = new Map<K, Promise<V | undefined>>()
    const own = {
      name,
      hits: 0,
      misses: 0,
      changed({ topic, key }: Change) {
        const what = invalidatedBy[topic]
        if (what === undefined) return
        if (what === 'all' || key === null) own.clear()
        else invalidateKey(key)
      },
      clear() {
        // Dead entries would leave no room for a scan-resistant region. Those of other regions are evicted by whatever
        // comes.
        if (scanResistant)
          for (const name of [...(entries?.keys() ?? [])]) if (name.startsWith(prefix)) entries?.delete(name)
        generation++
        prefix = `${name} ${generation} `
        pending.clear()
      },
    }
    regions.push(own)

    function invalidateKey(key: string): void {
      entries?.delete(prefix + key)
      // A key is a number or its text.
      for (const each of pending.keys()) if (String(each) === key) pending.delete(each)
    }

    function get(key: K): V | undefined {
      const value = feed.isCurrent() ? entries?.get(prefix + key) : undefined
      if (value !== undefined) own.hits++
      return value as V | undefined
    }

    async function loadInto(key: K, load: () => Promise<V | undefined>): Promise<V | undefined> {
      own.misses++
      if (!entries || !feed.isCurrent()) return load()
      const value = load()
      pending.set(key, value)
      try {
        const found = await value
        // It may have changed after the read began, and then this may be the old value; and while the primary is away, a
        // standby is read that may lack more.
        if (found !== undefined && pending.get(key) === value && feed.isCurrent()) {
          const name = prefix + key
          // A key may be what a client wrote, with two bytes a character.
          const size = sizeOf(found) + 2 * name.length + overheadBytes
          if (!scanResistant || admits(name, size)) entries.set(name, found, { size, ttl })
        }
        return found
      } finally {
        if (pending.get(key) === value) pending.delete(key)
      }
    }

    /** A caller that joins a running load must not get what was there before a write of its own. */
    const pendingLoad = (key: K) => (feed.isCurrent() ? pending.get(key) : undefined)

    return {
      get,
      find: (key, load) => get(key) ?? pendingLoad(key) ?? loadInto(key, load),
      async findMany(keys, load) {
        const cached = keys.map(get)
        if (!cached.includes(undefined)) return cached
        const known = cached.map((value, i) => value ?? pendingLoad(keys[i] as K))
        const missing = keys.filter((_, i) => known[i] === undefined)
        const found = missing.length > 0 ? load(missing) : undefined
        const pick = (key: K) => loadInto(key, async () => (await found)?.get(key))
        return Promise.all(known.map(async (value, i) => value ?? pick(keys[i] as K)))
      },
      invalidate: (key) => invalidateKey(String(key)),
    }
  }

  return {
    region,
    stats: () => ({
      bytes: (main?.calculatedSize ?? 0) + (shortLived?.calculatedSize ?? 0),
      isCurrent: feed.isCurrent(),
      regions: regions.map(({ name, hits, misses }) => ({ name, hits, misses })),
    }),
  }
}

export type Cache = ReturnType<typeof createCache>
