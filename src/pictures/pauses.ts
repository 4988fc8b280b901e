import { PictureFailure } from './failures.ts'

// A host that fails so often in a row is left alone: for longer with each failure that follows.
const tolerated = 3
const firstPauseMs = 15_000
const maxPauseMs = 10 * 60_000

/** Remembers which hosts are failing, so that readers do not wait for each of their pictures. */
export function createPauses(nowMs: () => number = () => performance.now()) {
  // As many as there are allowed hosts: subdomains are bounded by dropping those that work.
  const failing = new Map<string, { failures: number; until: number }>()

  return {
    /** Fetches from the host unless it is being left alone. @throws {PictureFailure} paused, what `fetch` throws */
    async run<T>(host: string, fetch: () => Promise<T>): Promise<T> {
      const known = failing.get(host)
      if (known && nowMs() < known.until) throw new PictureFailure('failed', 'paused')
      try {
        const result = await fetch()
        failing.delete(host)
        return result
      } catch (error) {
        if (error instanceof PictureFailure && error.outcome === 'none') failing.delete(host)
        else note(host, known?.failures ?? 0)
        throw error
      }
    },
    /** How many hosts are being left alone now. */
    paused: () => [...failing.values()].filter(({ until }) => nowMs() < until).length,
  }

  function note(host: string, before: number): void {
    const failures = Math.max(before, failing.get(host)?.failures ?? 0) + 1
    const pause = failures < tolerated ? 0 : Math.min(maxPauseMs, firstPauseMs * 2 ** (failures - tolerated))
    if (failing.size >= 1000) failing.clear()
    failing.set(host, { failures, until: nowMs() + pause })
  }
}
