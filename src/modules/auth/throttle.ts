import { createHash } from 'node:crypto'
import { AppError } from '../../errors.ts'
import type { ThrottleRepository } from './throttle-repository.ts'

const hourSeconds = 3600
const daySeconds = 86_400
const maxWaitSeconds = 900

interface Policy {
  /** What a client sees. One name for both kinds of logins: else it would say where an account was used. */
  name: string
  /** How many are free; each further one doubles the time to wait. */
  free: number
  /** After how many it waits behind others. */
  many?: number
  /** After a day without a new one a count is void; one of an hour begins anew with each. */
  window: number
}

/** What is counted, by what the attempts have in common. */
const policies = {
  /** Failures of an account, from all networks without an earlier login of it. */
  account: { name: 'login', free: 10, window: daySeconds },
  /** Failures of an account by what has logged in to it: a network, or a session. Others do not count here. */
  device: { name: 'login', free: 10, window: daySeconds },
  /** Failures at an address, over all accounts, except those with an earlier login at it. */
  address: { name: 'address', free: 300, window: daySeconds },
  /** The same in the /48 of an IPv6 address. */
  site: { name: 'site', free: 1_000, window: daySeconds },
  /** Registrations at an address that found that the login is taken. */
  registration: { name: 'registration', free: 300, window: daySeconds },
  /** Registrations at an address, and in its /48, whatever came of them. */
  address_registrations: { name: 'registrations', free: 300, many: 60, window: hourSeconds },
  site_registrations: { name: 'site-registrations', free: 1_000, many: 200, window: hourSeconds },
  /** Failures of a user with a session, at a prompt for the present password. */
  password: { name: 'password', free: 10, window: daySeconds },
  /** Reset tokens from an address that are not valid. */
  reset: { name: 'reset', free: 10, window: daySeconds },
} satisfies Record<string, Policy>

export interface Counted {
  by: keyof typeof policies
  /** Which account, address, …; several parts make one key. */
  of: string[]
}

/** Call `check` before the password check, and report the result afterwards. */
export interface Guard {
  /** Whether there were so many that it should wait behind others. @throws {AppError} too_many_requests */
  check(): Promise<{ isFrequent: boolean }>
  /** One more. */
  count(): Promise<void>
  /** Deletes the counts. No statement where the check has found none. */
  passed(): Promise<void>
}

export type Throttle = ReturnType<typeof createThrottle>

/**
 * Slows guessing down, and registering without end. Of logins only failures count: any number of correct ones is fine.
 * All counts are in the database, so that replicas share them.
 */
export function createThrottle(
  repository: ThrottleRepository,
  throttled: (by: Counted['by']) => void,
  nowMs: () => number,
) {
  return {
    guard(counted: Counted[]): Guard {
      const counts = counted.map((each) => ({
        policy: policies[each.by] as Policy,
        by: each.by,
        key: keyOf(each, nowMs()),
      }))
      const keys = counts.map(({ key }) => key)
      let isClean = false
      return {
        async check() {
          const found = await repository.find(keys)
          isClean = found.length === 0
          const known = found.flatMap(({ key, failures, seconds }) => {
            const count = counts.find((each) => each.key.equals(key))
            return count ? [{ ...count, failures, wait: waitSeconds(failures - count.policy.free) - seconds }] : []
          })
          const [longest] = known.toSorted((a, b) => b.wait - a.wait)
          if (longest && longest.wait > 0) {
            throttled(longest.by)
            throw tooMany(longest.policy, Math.ceil(longest.wait))
          }
          return { isFrequent: known.some(({ failures, policy: { many } }) => many !== undefined && failures >= many) }
        },
        count: () => repository.add(keys),
        async passed() {
          if (!isClean) await repository.remove(keys)
        },
      }
    },
  }
}

/** None before the last free one, then 1 s, 2, 4, 8 … up to 15 minutes. */
function waitSeconds(beyond: number): number {
  return beyond < 0 ? 0 : Math.min(2 ** beyond, maxWaitSeconds)
}

/** Replicas must agree on the hour. */
function keyOf({ by, of }: Counted, nowMs: number): Buffer {
  const { window } = policies[by]
  const hour = window === hourSeconds ? [Math.floor(nowMs / 1000 / hourSeconds)] : []
  return createHash('sha256')
    .update(JSON.stringify([by, ...of, ...hour]))
    .digest()
}

/** With the fields of draft-ietf-httpapi-ratelimit-headers: the policy, and when it lets the next one in. */
function tooMany({ name, free, window }: Policy, seconds: number): AppError {
  return new AppError('too_many_requests', {
    detail: `Too many ${window === hourSeconds ? 'registrations' : 'failed attempts'}: wait ${seconds} s`,
    headers: {
      'retry-after': String(seconds),
      'ratelimit-policy': `"${name}";q=${free};w=${window}`,
      ratelimit: `"${name}";r=0;t=${seconds}`,
    },
  })
}
