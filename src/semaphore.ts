import { AppError } from './errors.ts'
import { createTurns, namesOf, type QueueKey } from './turns.ts'

interface SemaphoreOptions {
  /** What is limited, for the error: "imports". */
  name: string
  /** How many may run at once, and how many of one caller; of one site four times as many. */
  max: number
  maxPerCaller?: number
  /** How many may wait; none by default. A caller may have a quarter of the places, a site half of them. */
  maxQueue?: number
  /** How long one may wait; 5 s by default, since a client hardly waits longer. */
  maxWaitMs?: number
  /** In ms. */
  now?: () => number
}

interface AcquireOptions {
  /** Served only when nobody else waits. */
  last?: boolean
  /** Aborted when the client has gone: then it leaves the queue. */
  signal?: AbortSignal | undefined
}

interface Waiter {
  caller: QueueKey
  grant(): void
}

export type Semaphore = ReturnType<typeof createSemaphore>
export type { QueueKey }

// What each slot that was held counts in the measured pace.
const weight = 0.2
const sitesCallers = 4

/**
 * Runs `max` at a time; the callers that wait are served in turn. A slot that would not be free in time, at the pace of
 * the last ones, is refused at once. Both calls throw `overloaded`.
 */
export function createSemaphore({ name, max, maxPerCaller = max, maxQueue = 0, ...options }: SemaphoreOptions) {
  const { maxWaitMs = 5_000, now = () => performance.now() } = options
  const [first, last] = [createTurns<Waiter>(), createTurns<Waiter>()]
  const running = new Map<string | number, number>()
  let active = 0
  let meanHoldMs = 0

  const runningOf = (caller: QueueKey) => {
    const [site, own] = namesOf(caller)
    return { site: running.get(site) ?? 0, caller: running.get(own) ?? 0 }
  }
  const mayRun = ({ caller }: Pick<Waiter, 'caller'>) => {
    const of = runningOf(caller)
    return of.caller < maxPerCaller && (typeof caller !== 'object' || of.site < sitesCallers * maxPerCaller)
  }
  const queueLength = () => first.size() + last.size()
  const isShareFull = (caller: QueueKey) => {
    const [a, b] = [first.countOf(caller), last.countOf(caller)]
    return a.caller + b.caller >= Math.ceil(maxQueue / 4) || a.site + b.site >= Math.ceil(maxQueue / 2)
  }

  function start(caller: QueueKey): () => void {
    const names = new Set(namesOf(caller))
    const change = (by: number) => {
      active += by
      for (const each of names) running.set(each, (running.get(each) ?? 0) + by)
      for (const each of names) if (running.get(each) === 0) running.delete(each)
    }
    change(1)
    const begun = now()
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      change(-1)
      const held = now() - begun
      meanHoldMs += (meanHoldMs === 0 ? 1 : weight) * (held - meanHoldMs)
      // Handed over directly, so that no later caller overtakes.
      const next = first.take(mayRun) ?? last.take(mayRun)
      next?.grant()
    }
  }

  /** How long one that comes now is going to wait, at the pace of the last ones. */
  function expectedWaitMs(caller: QueueKey, isLast: boolean): number {
    const ahead = isLast ? first.size() + last.ahead(caller) : first.ahead(caller)
    const own = first.countOf(caller).caller + last.countOf(caller).caller + runningOf(caller).caller
    return meanHoldMs * Math.max((ahead + 1) / max, own / maxPerCaller)
  }

  function refusal(caller: QueueKey, waitMs: number): AppError {
    const isOwn = !mayRun({ caller }) || (maxQueue > 0 && isShareFull(caller))
    const seconds = Math.max(1, Math.ceil(waitMs / 1000))
    return new AppError('overloaded', {
      detail: `${isOwn ? `Other ${name} of yours` : `Too many ${name}`} are under way: try again in ${seconds} s`,
      headers: { 'retry-after': String(seconds) },
    })
  }

  function enqueue(caller: QueueKey, { last: isLast = false, signal }: AcquireOptions): Promise<() => void> {
    const expected = expectedWaitMs(caller, isLast)
    if (expected > maxWaitMs || isShareFull(caller) || queueLength() >= maxQueue) throw refusal(caller, expected)
    const queue = isLast ? last : first
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', leave)
      }
      const leave = () => {
        settle()
        if (queue.remove(caller, waiter)) reject(signal?.aborted ? signal.reason : refusal(caller, maxWaitMs))
      }
      const waiter = {
        caller,
        grant() {
          settle()
          resolve(start(caller))
        },
      }
      const timer = setTimeout(leave, maxWaitMs)
      signal?.addEventListener('abort', leave)
      queue.add(caller, waiter)
    })
  }

  /** Resolves with the release function; only its first call counts. */
  async function acquire(caller: QueueKey, given: AcquireOptions = {}): Promise<() => void> {
    given.signal?.throwIfAborted()
    return active < max && mayRun({ caller }) ? start(caller) : enqueue(caller, given)
  }

  return {
    acquire,
    queueLength,
    async run<T>(caller: QueueKey, work: () => Promise<T>, given?: AcquireOptions): Promise<T> {
      const release = await acquire(caller, given)
      try {
        return await work()
      } finally {
        release()
      }
    },
  }
}

interface Loads<K, V> {
  find(key: K, load: () => Promise<V | undefined>): V | undefined | Promise<V | undefined>
}

/**
 * `find` of a cache for a load that waits in the queue of its caller. A load that somebody else has begun is shared, but not
 * its refusal: the queue of this caller may have room.
 */
export async function findShared<K, V>(
  region: Loads<K, V>,
  key: K,
  load: () => Promise<V | undefined>,
): Promise<V | undefined> {
  for (;;) {
    let isOwn = false
    try {
      return await region.find(key, () => {
        isOwn = true
        return load()
      })
    } catch (error) {
      if (isOwn || !isOverloaded(error)) throw error
    }
  }
}

export function isOverloaded(error: unknown): error is AppError {
  return error instanceof AppError && error.code === 'overloaded'
}
