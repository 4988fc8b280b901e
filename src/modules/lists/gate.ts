import { AppError } from '../../errors.ts'

/** Lets `max` works go on at once; there is no queue. @throws {AppError} overloaded */
export function createGate(max: number) {
  let running = 0
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= max) throw new AppError('overloaded', { detail: 'Too many imports are going on: try again soon' })
    running += 1
    try {
      return await work()
    } finally {
      running -= 1
    }
  }
}
