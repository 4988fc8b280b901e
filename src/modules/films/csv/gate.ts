import { AppError } from '../../../errors.ts'

interface Limits {
  /** How many may be inside at once. */
  max: number
  /** How many may wait, and how long. */
  waiting: number
  waitMs: number
}

/** Lets `max` in at a time. */
export function createGate({ max, waiting, waitMs }: Limits) {
  const queue: (() => void)[] = []
  let inside = 0

  function leave(): void {
    inside--
    queue.shift()?.()
  }

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

  return {
    /**
     * Resolves with how to leave, good for one call; further calls do nothing.
     * @throws {AppError} overloaded when there is no turn in time
     */
    async enter(what: string): Promise<() => void> {
      if (inside >= max && (queue.length >= waiting || !(await turn()))) {
        throw new AppError('overloaded', { detail: `${max} ${what} run already; try again soon` })
      }
      inside++
      let left = false
      return () => {
        if (!left) leave()
        left = true
      }
    },
  }
}

export type Gate = ReturnType<typeof createGate>
