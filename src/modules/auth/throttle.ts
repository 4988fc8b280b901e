import { createHash } from 'node:crypto'
import { AppError } from '../../errors.ts'
import type { ThrottleRepository } from './throttle-repository.ts'

/** How many failures are free, by what they have in common; each further one doubles the time to wait. */
const free = {
  /** An account, from all networks without an earlier login of it. */
  account: 10,
  /** An account at an address with an earlier login of it: failures from elsewhere do not count here. */
  device: 10,
  /** An address, over all accounts, except those with an earlier login at it. */
  address: 300,
  /** An address whose registrations found that the login is taken. */
  registration: 300,
  /** A user with a session, at a prompt for the present password. */
  password: 10,
  /** An address that sent reset tokens which are not valid. */
  reset: 10,
}
const maxWaitSeconds = 900
const daySeconds = 86_400

export interface Counted {
  by: keyof typeof free
  /** Which account, address, …; several parts make one key. */
  of: string[]
}

/** Call `check` before the password check, and report the result afterwards. */
export interface Guard {
  /** @throws {AppError} too_many_requests */
  check(): Promise<void>
  failed(): Promise<void>
  /** Deletes the failures. No statement where the check has found none. */
  passed(): Promise<void>
}

export type Throttle = ReturnType<typeof createThrottle>

/**
 * Slows guessing down. Only failures count: any number of correct logins is fine. All counts are in the database, so
 * that replicas share them.
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
