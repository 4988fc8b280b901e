import { AppError } from './errors.ts'

interface SemaphoreOptions {
  /** What is limited, for the error: "imports". */
  name: string
  /** How many may run at once. */
  max: number
  /** How many may wait, and how long; none by default. */
  maxQueue?: number
  maxWaitMs?: number
}

export type Semaphore = ReturnType<typeof createSemaphore>

/** Runs `max` at a time, with a bounded queue. Both calls throw `overloaded` when there is no slot in time. */
export function createSemaphore({ name, max, maxQueue = 0, maxWaitMs = 0 }: SemaphoreOptions) {
  const queue: (() => void)[] = []
  let active = 0

  function enqueue(): Promise<boolean> {
    return new Promise((resolve) => {
      const grant = () => {
        clearTimeout(timer)
        resolve(true)
      }
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(grant), 1)
        resolve(false)
      }, maxWaitMs)
      queue.push(grant)
    })
  }

  /** Resolves with the release function; only its first call counts. */
  async function acquire(): Promise<() => void> {
    if (active < max) active++
    else if (queue.length >= maxQueue || !(await enqueue())) {
      throw new AppError('overloaded', { detail: `${max} ${name} are under way already; try again soon` })
    }
    let released = false
    return () => {
      if (released) return
      released = true
      // Handed over directly, so that no later caller overtakes.
      const next = queue.shift()
      if (next) next()
      else active--
    }
  }

  return {
    acquire,
    queueLength: () => queue.length,
    async run<T>(work: () => Promise<T>): Promise<T> {
      const release = await acquire()
      try {
        return await work()
      } finally {
        release()
      }
    },
  }
}
