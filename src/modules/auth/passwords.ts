import { availableParallelism } from 'node:os'
import { hash, parseOptions, verify } from '@node-rs/argon2'
import { AppError } from '../../errors.ts'
import { createSemaphore, type QueueKey } from '../../semaphore.ts'
import type { Guard } from './throttle.ts'

// OWASP Password Storage: argon2id (the library's default), m = 19 MiB, t = 2, p = 1.
const options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
// Each hash takes a thread of libuv's pool of four: the other two stay free for DNS look-ups and files. On one core two
// are done hardly sooner than one after the other, and all other requests wait for both.
const atOnce = Math.min(2, availableParallelism())
// What can be done in 5 s is let in; this is for what is checked faster than a hash takes. A caller has a quarter.
const maxQueue = 1000

/** Who is known to an account waits for others of that kind only, whatever strangers and registrations do. */
export const laneNames = ['known', 'stranger', 'registration'] as const
export type Lane = (typeof laneNames)[number]

/** In which queue, and under which name, a hash waits for its turn. */
export interface Turn {
  lane: Lane
  caller: QueueKey
  /** Behind all others of the lane. */
  last?: boolean
  /** Aborted when the client has gone. */
  signal?: AbortSignal | undefined
}

/** Called for each piece of work, for the metrics. */
export interface PasswordObserver {
  hashed(kind: 'hash' | 'verify', seconds: number): void
  rejected(lane: Lane): void
}

export type Passwords = ReturnType<typeof createPasswords>

// What a password for an unknown login is checked against; made once.
let sharedDummyHash: Promise<string> | undefined

const operator: Turn = { lane: 'known', caller: 'operator' }

/**
 * argon2id behind a semaphore for each lane; the lanes take turns for the threads. Hashing and verifying throw
 * `overloaded` when too many wait. The guard is checked again when the slot is there: attempts in the same queue may
 * have failed meanwhile.
 */
export function createPasswords(observer?: PasswordObserver) {
  sharedDummyHash ??= hash('nobody has this password', options)
  const dummyHash = sharedDummyHash
  // One name for both kinds of logins: an error must not tell which it is.
  const logins = { name: 'password checks', max: atOnce, maxQueue }
  const lanes = {
    known: createSemaphore(logins),
    stranger: createSemaphore(logins),
    registration: createSemaphore({ name: 'registrations', max: 1, maxQueue }),
  }
  // Each lane may have all of its slots wait here, within its quarter.
  const threads = createSemaphore({ name: 'password checks', max: atOnce, maxQueue: 4 * atOnce })

  async function inTurn<T>({ lane, caller, ...given }: Turn, work: (inThread: Thread) => Promise<T>): Promise<T> {
    try {
      return await lanes[lane].run(caller, () => work((hashing) => threads.run(lane, hashing)), given)
    } catch (error) {
      if (error instanceof AppError && error.code === 'overloaded') observer?.rejected(lane)
      throw error
    }
  }

  async function timed<T>(kind: 'hash' | 'verify', work: () => Promise<T>): Promise<T> {
    const start = performance.now()
    const result = await work()
    observer?.hashed(kind, (performance.now() - start) / 1000)
    return result
  }

  return {
    hash: (password: string, turn = operator, guard?: Pick<Guard, 'check'>) =>
      inTurn(turn, async (inThread) => {
        await guard?.check()
        return inThread(() => timed('hash', () => hash(oneForm(password), options)))
      }),

    /** Without a hash (the login is unknown) the same work is done, and the result is false. */
    async verify(password: string, passwordHash: string | undefined, turn: Turn, guard: Guard): Promise<boolean> {
      const known = passwordHash ?? (await dummyHash)
      return inTurn(turn, async (inThread) => {
        await guard.check()
        const fits = await inThread(() => timed('verify', () => verify(known, oneForm(password))))
        if (fits && passwordHash !== undefined) return true
        await guard.count()
        return false
      })
    },

    /** The number of calls that wait in a lane. */
    queueLength: (lane: Lane) => lanes[lane].queueLength(),
  }
}

type Thread = <T>(hashing: () => Promise<T>) => Promise<T>

/** True for a hash that was made with less work than today's options. */
export function isOutdated(passwordHash: string): boolean {
  const { memoryCost, timeCost, parallelism } = parseOptions(passwordHash)
  return memoryCost < options.memoryCost || timeCost < options.timeCost || parallelism < options.parallelism
}

/** Keyboards make the same character of other code points (NIST SP 800-63B: NFKC before hashing). */
function oneForm(password: string): string {
  return password.normalize('NFKC')
}
