import { AppError } from './errors.ts'

interface Limits {
  /** What is let in, for the error: "imports". */
  name: string
  /** How many may be inside at once. */
  max: number
  /** How many may wait, and how long; none by default. */
  waiting?: number
  waitMs?: number
}

export type Gate = ReturnType<typeof createGate>

/** Lets `max` in at a time, and refuses rather than queue without end. Both calls throw `overloaded` when there is no turn. */
export function createGate({ name, max, waiting = 0, waitMs = 0 }: Limits) {
  const queue: (() => void)[] = []
  let inside = 0

  function turn(): Promise<boolean> {
    return new Promise((resolve) => {
      const enter = () => {
        clearTimeout(timer)
        resolve(true)
      }
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(enter), 1)
        resolve(false)
      }, waitMs)
      queue.push(enter)
    })
  }

  /** Resolves with how to leave, good for one call; further calls do nothing. */
  async function enter(): Promise<() => void> {
    if (inside < max) inside++
    else if (queue.length >= waiting || !(await turn())) {
      throw new AppError('overloaded', { detail: `${max} ${name} are under way already; try again soon` })
    }
    let left = false
    return () => {
      if (left) return
      left = true
      // Handed over, so that nobody comes in between.
      const next = queue.shift()
      if (next) next()
      else inside--
    }
  }

  return {
    enter,
    waiting: () => queue.length,
    async run<T>(work: () => Promise<T>): Promise<T> {
      const leave = await enter()
      try {
        return await work()
      } finally {
        leave()
      }
    },
  }
}
