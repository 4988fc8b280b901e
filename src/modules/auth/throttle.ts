import { createHash } from 'node:crypto'
import { AppError } from '../../errors.ts'
import type { ThrottleRepository } from './throttle-repository.ts'

/** How many failures are free, by what they have in common; each one more doubles the time to wait. */
const free = {
  /** An account, from everywhere that it was never logged in to from. */
  account: 10,
  /** An account at an address where it was logged in to before: nobody elsewhere can use this up. */
  device: 10,
  /** An address, whichever accounts it tries; those known at that address are left out. */
  address: 300,
  /** An address whose registrations found that somebody has the login. */
  registration: 300,
  /** A user who is logged in, and asked for the present password. */
  password: 10,
}
const maxWaitSeconds = 900
const daySeconds = 86_400

export interface Counted {
  by: keyof typeof free
  /** Which account, address, …; several parts are told apart. */
  of: string[]
}

/** To be asked in front of the work that a guess costs, and told how the guess came out. */
export interface Guard {
  /** @throws {AppError} too_many_requests */
  check(): Promise<void>
  failed(): Promise<void>
  /** The guess was right, and its failures are forgotten. Nothing is asked of the database where a check has found none. */
  passed(): Promise<void>
}

export type Throttle = ReturnType<typeof createThrottle>

/**
 * Slows guessing down. Failures alone are counted, so no number of right passwords is ever too many; and all counts are in
 * the database, so that replicas share them.
 */
export function createThrottle(repository: ThrottleRepository, throttled: (by: Counted['by']) => void) {
  return {
    guard(counted: Counted[]): Guard {
      const counts = counted.map((each) => ({ ...each, key: keyOf(each) }))
      const keys = counts.map(({ key }) => key)
      let isClean = false
      return {
        async check() {
          const found = await repository.find(keys)
          isClean = found.length === 0
          const waits = found.flatMap(({ key, failures, seconds }) => {
            const by = counts.find((each) => each.key.equals(key))?.by
            return by && failures >= free[by] ? [{ by, seconds: waitSeconds(failures - free[by]) - seconds }] : []
          })
          const [longest] = waits.toSorted((a, b) => b.seconds - a.seconds)
          if (!longest || longest.seconds <= 0) return
          throttled(longest.by)
          throw tooMany(longest.by, Math.ceil(longest.seconds))
        },
        failed: () => repository.add(keys),
        async passed() {
          if (!isClean) await repository.remove(keys)
        },
      }
    },
  }
}

/** 1 s behind the last free failure, then 2, 4, 8 … up to 15 minutes. */
function waitSeconds(beyond: number): number {
  return Math.min(2 ** beyond, maxWaitSeconds)
}

function keyOf({ by, of }: Counted): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([by, ...of]))
    .digest()
}

/** With the fields of draft-ietf-httpapi-ratelimit-headers: the policy, and when it lets the next one in. */
function tooMany(by: Counted['by'], seconds: number): AppError {
  return new AppError('too_many_requests', {
    detail: `Too many failed attempts: wait ${seconds} s`,
    headers: {
      'retry-after': String(seconds),
      'ratelimit-policy': `"${by}";q=${free[by]};w=${daySeconds}`,
      ratelimit: `"${by}";r=0;t=${seconds}`,
    },
  })
}
