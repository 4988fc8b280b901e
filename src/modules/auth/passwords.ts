import { hash, verify } from '@node-rs/argon2'
import { dictionary } from '@zxcvbn-ts/language-common'
import type { CountryCode } from 'libphonenumber-js/max'
import pLimit from 'p-limit'
import { AppError } from '../../errors.ts'
import { spells } from './logins.ts'

// OWASP Password Storage: argon2id (the library's default), m = 19 MiB, t = 2, p = 1.
const options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
// Each hash takes a thread of libuv's pool of four: the other two stay free for DNS look-ups and files.
const atOnce = 2
// Some 5 s of work on two cores.
const longestQueue = 500
const retryAfterSeconds = 5

const common = new Set(dictionary['passwords-common'].map((password) => password.toLowerCase()))

/** A password, and where it stands in the request, e.g. `body.password`. */
export interface GivenPassword {
  path: string
  value: string
}

export type Passwords = ReturnType<typeof createPasswords>

/** argon2id behind a limiter. Both calls throw `overloaded` when too many wait. */
export function createPasswords() {
  const limit = pLimit(atOnce)
  const queued = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= longestQueue) {
      throw new AppError('overloaded', {
        detail: 'Too many logins at once, try again shortly',
        headers: { 'retry-after': String(retryAfterSeconds) },
      })
    }
    return limit(work)
  }
  const decoy = queued(() => hash('nobody has this password', options))

  return {
    hash: (password: string) => queued(() => hash(oneForm(password), options)),
    /** Without a hash (nobody has that login) the same work is done, and the answer is false. */
    async verify(password: string, passwordHash: string | undefined): Promise<boolean> {
      const known = passwordHash ?? (await decoy)
      const fits = await queued(() => verify(known, oneForm(password)))
      return fits && passwordHash !== undefined
    },
  }
}

/** Keyboards make the same character of other code points (NIST SP 800-63B: NFKC before hashing). */
function oneForm(password: string): string {
  return password.normalize('NFKC')
}

/** @throws {AppError} weak_password; length is the schema's (8…128) */
export function refuseWeak({ path, value }: GivenPassword, login: string, region: CountryCode): void {
  const lower = value.toLowerCase()
  const isLogin = lower === login.split('@', 1)[0] || lower === login.replace('+', '') || spells(value, login, region)
  const reason =
    (value.trim() === '' && 'is nothing but spaces') ||
    (common.has(lower) && 'is one of the most common ones') ||
    (isLogin && 'is the login itself')
  if (!reason) return
  const message = `${reason}: choose another`
  throw new AppError('weak_password', {
    detail: `The password ${message}`,
    errors: [{ path, message }],
  })
}
