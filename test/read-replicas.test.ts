import { describe, expect, test } from 'vitest'
import { createCache } from '../src/cache/cache.ts'
import type { ChangeFeed } from '../src/cache/change-feed.ts'
import { createReplayTargets } from '../src/cache/replay-targets.ts'
import { createReads } from '../src/db/standby/reads.ts'
import { createLog } from './support/lagging-database.ts'

const maxLagMs = 1_000
const keys = ['1', '2', '3', '4', '5']
const steps = 10_000

/** Always the same ones for a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Our cache, change feed positions and choice of servers over servers that are simulated, at a time of their own. */
function world(seed: number) {
  const random = randomOf(seed)
  let now = 0
  const log = createLog(random)
  let mark = 'first'
  let isDown = false
  let outages = 0
  const replayTargets = createReplayTargets(() => now)
  const listeners: Parameters<ChangeFeed['listen']>[0][] = []
  let currentSince = Number.NEGATIVE_INFINITY
  let delivered = 0
  const feed = {
    isCurrent: () => now - currentSince < 1_000,
    listen: (listener) => void listeners.push(listener),
    waitUntilCaughtUp: async () => poll(true),
    close: () => {},
  } satisfies ChangeFeed
  const cache = createCache(feed, 10_000_000)
  const region = cache.region<string, { version: number }>({
    name: 'film',
    sizeOf: () => 100,
    invalidatedBy: { film: 'one' },
  })

  function begin(): void {
    delivered = log.length()
    replayTargets.started({ mark, inserted: log.positionOf(delivered) })
    for (const each of listeners) each.reset()
    currentSince = now
  }
  /** As cache/change-feed.ts: what was noted since the last one; `other` rows are not noted. */
  function poll(isAwaited = false): void {
    if (isDown) {
      currentSince = Number.NEGATIVE_INFINITY
      return
    }
    if (!feed.isCurrent()) {
      begin()
      return
    }
    const news = log.since(delivered).filter(({ key }) => !key.startsWith('other'))
    delivered = log.length()
    const end = log.positionOf(delivered)
    replayTargets.polled({ at: now, inserted: end, flushed: end, isNoted: isAwaited || news.length > 0 })
    for (const { key } of news) for (const each of listeners) each.changed({ topic: 'film', key })
    currentSince = now
  }

  const standbys = ['a', 'b'].map((name) => log.standby(name, () => mark))
  const sources = { standby: 0, primary: 0, alone: 0, cautious: 0 }
  const primary = log.sqlOf({
    length: () => log.length(),
    mark: () => mark,
    isStandby: false,
    isDown: () => isDown,
  })
  const reads = createReads(
    standbys.map(({ standby }) => standby),
    { sql: primary },
    {
      primaryUrl: '',
      target: () => (feed.isCurrent() ? replayTargets.target(maxLagMs) : undefined),
      lastTarget: replayTargets.last,
      async isPrimaryAway() {
        await feed.waitUntilCaughtUp()
        return !feed.isCurrent()
      },
      onRead: (source) => sources[source]++,
    },
  )
  const load = async (key: string) => {
    const [row] = await reads.sql.unsafe<{ version: number }[]>('read', [key])
    return row as { version: number }
  }
  return {
    ...{ random, log, standbys, region, sources, begin, poll, load },
    now: () => now,
    pass: (ms: number) => {
      now += ms
    },
    deliveredLength: () => delivered,
    isCurrent: feed.isCurrent,
    isDown: () => isDown,
    /** How many there have been; while one lasts, it is as good as another one. */
    outages: () => (isDown ? Number.NaN : outages),
    setDown: (down: boolean) => {
      isDown = down
      if (down) outages++
      if (!down) begin()
      else poll()
    },
    /** The other servers go on with an older primary, whose log goes another way. */
    promote: () => {
      mark = `of ${now}`
      begin()
    },
  }
}

type World = ReturnType<typeof world>

/** The version that was there `ms` ago. */
const versionBefore = ({ log }: World, key: string, at: number) => log.newest(key, (entry) => entry.at <= at)

/** One of the things that can happen, among them reads that are not waited for. */
async function step(world: World, pending: Set<Promise<void>>, failures: string[], versions: { next: number }) {
  const { random, log, standbys, region, load } = world
  const key = keys[Math.floor(random() * keys.length)] as string
  const write = (key: string) => {
    const version = versions.next++
    log.write({ key, version, at: world.now() })
  }
  const read = (name: string, found: PromiseLike<{ version: number } | undefined>, least: number) => {
    const outages = world.outages()
    const reading = Promise.resolve(found).then(
      (row) => {
        const isOld = (row?.version ?? 0) < least
        if (isOld && world.outages() === outages) failures.push(`${name} saw ${row?.version}, not ${least}`)
      },
      (error) => {
        if (world.outages() === outages) failures.push(`${name}: ${error}`)
      },
    )
    pending.add(reading)
    void reading.finally(() => pending.delete(reading))
  }
  const kind = random()
  if (world.isDown()) {
    // Whatever a standby has by itself: it must not get into the cache.
    if (kind < 0.6) read(key, region.find(key, () => load(key)) as never, 0)
    else if (kind < 0.8) world.setDown(false)
    return
  }
  if (kind < 0.08) {
    // A write of our own: its answer waits for a poll, and then nothing older is seen.
    write(key)
    world.poll(true)
    read(`own ${key}`, region.find(key, () => load(key)) as never, log.read(key, log.length()))
  } else if (kind < 0.11) {
    write(`other ${key}`)
    world.poll(true)
    read(`own other ${key}`, load(`other ${key}`), log.read(`other ${key}`, log.length()))
  } else if (kind < 0.2) write(random() < 0.7 ? key : `other ${key}`)
  else if (kind < 0.3) world.poll()
  else if (kind < 0.55) {
    for (const { state } of standbys) {
      const behind = log.length() - state.replayed
      if (random() < 0.8) state.replayed += Math.ceil(random() * behind)
    }
  } else if (kind < 0.75) {
    // What the cache serves is never older than the last poll, if the feed is current.
    const least = world.isCurrent() ? log.read(key, world.deliveredLength()) : log.read(key, log.length())
    read(key, region.find(key, () => load(key)) as never, least)
  } else if (kind < 0.95) {
    // What is not noted is never older than the bound.
    read(`other ${key}`, load(`other ${key}`), versionBefore(world, `other ${key}`, world.now() - maxLagMs - 1))
  } else if (kind < 0.97) for (const { state } of standbys) state.isDown = random() < 0.3
  else if (kind < 0.98) {
    world.promote()
    for (const { state } of standbys) state.isRelated = random() < 0.7
  } else if (kind < 0.985) world.setDown(true)
  if (random() < 0.5) world.pass(Math.floor(random() * 300))
}

/** No entry of the cache may lack what a poll has delivered. */
function checkCache({ region, log, deliveredLength }: World, failures: string[]): void {
  for (const key of keys) {
    const kept = region.get(key)
    const least = log.read(key, deliveredLength())
    if (kept && kept.version < least) failures.push(`the cache has ${kept.version} of ${key}, not ${least}`)
  }
}

describe('Reads at standbys that lag at will', () => {
  test.each([1, 2, 3])(`show nothing that is too old, and keep nothing older than the last poll (%i)`, async (seed) => {
    const simulated = world(seed)
    const pending = new Set<Promise<void>>()
    const failures: string[] = []
    const versions = { next: 1 }
    simulated.begin()
    for (let i = 0; i < steps && failures.length === 0; i++) {
      await step(simulated, pending, failures, versions)
      if (pending.size > 8 || simulated.random() < 0.3) await Promise.all(pending)
      checkCache(simulated, failures)
    }
    await Promise.allSettled(pending)
    expect(failures).toEqual([])
    // Both ways were taken, and often.
    expect(simulated.sources.standby).toBeGreaterThan(300)
    expect(simulated.sources.primary).toBeGreaterThan(300)
  })
})
