import { AppError } from './errors.ts'

interface SemaphoreOptions {
  /** What is let in, for the error: "imports". */
  name: string
  /** How many may be inside at once. */
  max: number
  /** How many may wait, and how long; none by default. */
  maxQueue?: number
  maxWaitMs?: number
}

export type Semaphore = ReturnType<typeof createSemaphore>

/** Lets `max` in at a time, and refuses rather than queue without end. Both calls throw `overloaded` when there is no turn. */
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

  /** Resolves with how to leave, good for one call; further calls do nothing. */
  async function acquire(): Promise<() => void> {
    if (active < max) active++
    else if (queue.length >= maxQueue || !(await enqueue())) {
      throw new AppError('overloaded', { detail: `${max} ${name} are under way already; try again soon` })
    }
    let released = false
    return () => {
      if (released) return
      released = true
      // Handed over, so that nobody comes in between.
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
