/** So fine is the patience: each step is one turn of the event loop at least, in which replies are read. */
const stepMs = 25

/**
 * Calls `onEnd` after `ms` in which this process could have heard a reply. The time in which its own event loop stood
 * still (a long computation, no CPU, a suspended machine) counts as one step: that is not the silence of the other side.
 */
export function afterOwnTime(ms: number, onEnd: () => void): () => void {
  let left = Math.ceil(ms / stepMs)
  const timer = setInterval(() => {
    if (--left > 0) return
    clearInterval(timer)
    // What came during a last, long step is read first.
    setImmediate(() => left > Number.NEGATIVE_INFINITY && onEnd())
  }, stepMs)
  return () => {
    left = Number.NEGATIVE_INFINITY
    clearInterval(timer)
  }
}

/** What `work` ends with, or undefined when it has not ended within `ms` of own time. */
export async function withinOwnTime<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const stop = afterOwnTime(ms, () => resolve(undefined))
  return Promise.race([work, promise]).finally(stop)
}

/** Measures own time from now on, until `stop`. */
export function startOwnTimer(): { ms(): number; stop(): void } {
  let steps = 0
  const timer = setInterval(() => steps++, stepMs).unref()
  return { ms: () => steps * stepMs, stop: () => clearInterval(timer) }
}

/** A clock that stops while the event loop does; `tick` is to be called every `periodMs`. */
export function createOwnClock(periodMs: number) {
  let stalled = 0
  let ticked = performance.now()
  return {
    now: () => performance.now() - stalled,
    tick() {
      const now = performance.now()
      stalled += Math.max(0, now - ticked - 2 * periodMs)
      ticked = now
    },
  }
}

/** The error of a server that has been waited for long enough. */
export function silence(): Error {
  return Object.assign(new Error('The server does not reply'), { code: 'CONNECT_TIMEOUT' })
}
