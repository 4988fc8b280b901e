import { createHash, randomBytes } from 'node:crypto'
import type { CountryCode } from 'libphonenumber-js/max'
import { AppError } from '../../errors.ts'
import type { Attempts, Device } from './attempts.ts'
import type { Passwords } from './passwords.ts'
import type { ResetRepository } from './reset-repository.ts'
import { refuseWeak } from './weak-passwords.ts'

interface Dependencies {
  resets: ResetRepository
  passwords: Pick<Passwords, 'hash'>
  attempts: Pick<Attempts, 'ofReset'>
  phoneRegion: CountryCode
}

export type ResetService = ReturnType<typeof createResetService>

/** A new password for a forgotten one: an administrator issues a one-time token, the user redeems it. */
export function createResetService({ resets, passwords, attempts, phoneRegion }: Dependencies) {
  return {
    /** @throws {AppError} user_not_found, account_blocked */
    issue: (userId: number) => issueToken(resets, userId),

    /**
     * Sets the new password and ends all sessions. A password that is refused does not spend the token.
     * @returns the id of the user
     * @throws {AppError} invalid_reset_token, weak_password, too_many_requests
     */
    async redeem(token: string, newPassword: string, device: Pick<Device, 'ip' | 'signal'>): Promise<number> {
      const { guard, turn, network } = attempts.ofReset(device)
      await guard.check()
      const tokenHash = hashOf(token)
      const user = await resets.find(tokenHash)
      if (!user) {
        await guard.count()
        throw invalidToken()
      }
      refuseWeak({ path: 'body.new_password', value: newPassword }, user.login, phoneRegion)
      const hash = await passwords.hash(newPassword, turn)
      if (!(await resets.redeem(user.userId, tokenHash, hash, network))) throw invalidToken()
      await guard.passed()
      return user.userId
    },
  }
}

const hours = 24

/** A token of 256 bits, of which only the hash is kept. An earlier one of the user is void then. */
export async function issueToken(resets: Pick<ResetRepository, 'save'>, userId: number) {
  const token = randomBytes(32).toString('base64url')
  const expiresAt = await resets.save(userId, hashOf(token), hours)
  if (!expiresAt) throw new AppError('user_not_found', { detail: `There is no user with the id ${userId}` })
  if (expiresAt === 'blocked')
    throw new AppError('account_blocked', { detail: 'A blocked account gets no token: unblock it first' })
  return { token, expires_at: expiresAt }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function invalidToken(): AppError {
  return new AppError('invalid_reset_token', {
    detail: 'The token is wrong, used, replaced or expired: ask an administrator for another',
  })
}
