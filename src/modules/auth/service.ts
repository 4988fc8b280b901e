import { randomUUID } from 'node:crypto'
import type { CountryCode } from 'libphonenumber-js/max'
import { AppError } from '../../errors.ts'
import { type LoginInput, readLogin } from './logins.ts'
import { type GivenPassword, type Passwords, refuseWeak } from './passwords.ts'
import type { RefreshTokens } from './refresh-tokens.ts'
import type { AuthRepository, NewUser } from './repository.ts'

/** What the access tokens must offer; plugins/auth.ts has them. */
interface AccessTokens {
  sign(claims: { userId: number; sessionId: string }): string
  verify(token: string, options?: { ignoreExpiration?: boolean }): { userId: number; sessionId: string }
}

interface Dependencies {
  repository: AuthRepository
  passwords: Passwords
  accessTokens: AccessTokens
  refreshTokens: RefreshTokens
  accessTtlMs: number
  refreshTtlMs: number
  phoneRegion: CountryCode
}

export interface TokenPair {
  access_token: string
  refresh_token: string
  token_type: 'Bearer'
  expires_in: number
}

export interface Device {
  userAgent: string | undefined
  ip: string
}

// How long the direct parent of a refresh token still gets its child: for two tabs, or an answer that was lost.
// The contract's figure; others give 5 to 60 s.
const graceSeconds = 10

export type AuthService = ReturnType<typeof createAuthService>

export function createAuthService(dependencies: Dependencies) {
  const { repository, passwords, accessTokens, refreshTokens, phoneRegion } = dependencies
  const expiry = () => new Date(Date.now() + dependencies.refreshTtlMs)
  const pair = (userId: number, sessionId: string, refreshToken: string): TokenPair => ({
    access_token: accessTokens.sign({ userId, sessionId }),
    refresh_token: refreshToken,
    token_type: 'Bearer',
    expires_in: Math.floor(dependencies.accessTtlMs / 1000),
  })

  return {
    /** The id of the new user. @throws {AppError} weak_password */
    async register(
      input: LoginInput & { password: string },
      about: Omit<NewUser, 'login' | 'password_hash' | 'role'>,
    ): Promise<number> {
      const login = readLogin(input, phoneRegion)
      refuseWeak({ path: 'body.password', value: input.password }, login, phoneRegion)
      const password_hash = await passwords.hash(input.password)
      return repository.insertUser({ ...about, login, password_hash })
    },

    /** @throws {AppError} invalid_credentials, whatever the reason, after the same work */
    async login(input: LoginInput & { password: string }, device: Device): Promise<TokenPair> {
      const user = await repository.findCredentials(readLogin(input, phoneRegion))
      const fits = await passwords.verify(input.password, user?.password_hash)
      if (!user || !fits || user.blocked) throw new AppError('invalid_credentials')
      const sessionId = randomUUID()
      const refreshToken = refreshTokens.make({ sessionId, generation: 0 })
      const session = {
        id: sessionId,
        user_id: user.id,
        refresh_hash: refreshTokens.hash(refreshToken),
        expires_at: expiry(),
        user_agent: device.userAgent?.slice(0, 500) ?? null,
        ip: device.ip,
      }
      if (!(await repository.insertSession(session, user.password_hash))) throw new AppError('invalid_credentials')
      return pair(user.id, sessionId, refreshToken)
    },

    /**
     * A new pair for a good one; the access token may have expired. The direct parent of the good refresh token gets the
     * same child for 10 s; any other used token ends the session.
     * @throws {AppError} invalid_token
     */
    async refresh(accessToken: string, refreshToken: string): Promise<TokenPair> {
      const { userId, sessionId } = accessTokens.verify(accessToken, { ignoreExpiration: true })
      const token = refreshTokens.read(refreshToken)
      if (token?.sessionId !== sessionId) throw badRefreshToken()
      const child = refreshTokens.make({ sessionId, generation: token.generation + 1 })
      const parentHash = refreshTokens.hash(refreshToken)
      if (await repository.rotate(sessionId, parentHash, refreshTokens.hash(child), expiry()))
        return pair(userId, sessionId, child)

      const session = await repository.findSession(sessionId)
      if (!session || session.expired || token.generation >= session.generation) throw badRefreshToken()
      const isParent = token.generation === session.generation - 1 && session.seconds_since_rotation < graceSeconds
      if (isParent && refreshTokens.hash(child).equals(session.refresh_hash)) return pair(userId, sessionId, child)
      await repository.deleteSession(sessionId)
      throw badRefreshToken()
    },

    logout: (sessionId: string) => repository.deleteSession(sessionId),

    /** @throws {AppError} wrong_password, weak_password */
    async changePassword(user: { id: number; sessionId: string }, before: GivenPassword, after: GivenPassword) {
      const known = await repository.findPasswordHash(user.id)
      if (!known || !(await passwords.verify(before.value, known.password_hash))) throw wrongPassword(before)
      refuseWeak(after, known.login, phoneRegion)
      const hash = await passwords.hash(after.value)
      if (!(await repository.replacePassword(user, known.password_hash, hash))) throw wrongPassword(before)
    },

    /** The first administrator; nothing is done when there is one already. True when one was made. */
    async ensureAdmin(login: string, password: string): Promise<boolean> {
      if (await repository.hasAdmin()) return false
      const known = readLogin({ login }, phoneRegion)
      refuseWeak({ path: 'ADMIN_PASSWORD', value: password }, known, phoneRegion)
      await repository.upsertAdmin(known, await passwords.hash(password))
      return true
    },
  }
}

function wrongPassword({ path }: GivenPassword): AppError {
  return new AppError('wrong_password', { errors: [{ path, message: 'is not the present password' }] })
}

function badRefreshToken(): AppError {
  return new AppError('invalid_token', { detail: 'These tokens cannot be refreshed: log in again' })
}
