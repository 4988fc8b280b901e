import { availableParallelism } from 'node:os'
import { hash, parseOptions, verify } from '@node-rs/argon2'
import { createSemaphore } from '../../semaphore.ts'
import type { Guard } from './throttle.ts'

// OWASP Password Storage: argon2id (the library's default), m = 19 MiB, t = 2, p = 1.
const options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
// Each hash takes a thread of libuv's pool of four: the other two stay free for DNS look-ups and files. On one core two
// are done hardly sooner than one after the other, and all other requests wait for both.
const atOnce = Math.min(2, availableParallelism())
// Some 5 s of work on two cores. After a minute a client has given up.
const maxQueue = 500
const maxWaitMs = 60_000

/** Called for each piece of work, for the metrics. */
export interface PasswordObserver {
  hashed(kind: 'hash' | 'verify', seconds: number): void
  rejected(): void
}

export type Passwords = ReturnType<typeof createPasswords>

/**
 * argon2id behind a semaphore. Hashing and verifying throw `overloaded` when too many wait. The guard is checked again
 * when the slot is there: attempts in the same queue may have failed meanwhile.
 */
export function createPasswords(observer?: PasswordObserver) {
  const semaphore = createSemaphore({ name: 'password checks', max: atOnce, maxQueue, maxWaitMs })
  const dummyHash = hash('nobody has this password', options)

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const release = await semaphore.acquire().catch((error) => {
      observer?.rejected()
      throw error
    })
    return work().finally(release)
  }

  async function timed<T>(kind: 'hash' | 'verify', work: Promise<T>): Promise<T> {
    const start = performance.now()
    const result = await work
    observer?.hashed(kind, (performance.now() - start) / 1000)
    return result
  }

  return {
    hash: (password: string, guard?: Guard) =>
      inTurn(async () => {
        await guard?.check()
        return timed('hash', hash(oneForm(password), options))
      }),

    /** Without a hash (the login is unknown) the same work is done, and the result is false. */
    async verify(password: string, passwordHash: string | undefined, guard: Guard): Promise<boolean> {
      const known = passwordHash ?? (await dummyHash)
      return inTurn(async () => {
        await guard.check()
        const fits = (await timed('verify', verify(known, oneForm(password)))) && passwordHash !== undefined
        if (!fits) await guard.failed()
        return fits
      })
    },

    /** The number of waiting calls. */
    queueLength: semaphore.queueLength,
  }
}

/** True for a hash that was made with less work than today's options. */
export function isOutdated(passwordHash: string): boolean {
  const { memoryCost, timeCost, parallelism } = parseOptions(passwordHash)
  return memoryCost < options.memoryCost || timeCost < options.timeCost || parallelism < options.parallelism
}

/** Keyboards make the same character of other code points (NIST SP 800-63B: NFKC before hashing). */
function oneForm(password: string): string {
  return password.normalize('NFKC')
}
