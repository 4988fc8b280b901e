import { randomUUID } from 'node:crypto'
import { isIP } from 'node:net'
import type { CountryCode } from 'libphonenumber-js/max'
import { AppError } from '../../errors.ts'
import { createSemaphore } from '../../semaphore.ts'
import { callerAt, networkOf } from '../../text/networks.ts'
import type { Attempts, Device } from './attempts.ts'
import { type LoginInput, readLogin, readNewLogin } from './logins.ts'
import { isOutdated, type Passwords, type Turn } from './passwords.ts'
import type { RefreshTokens } from './refresh-tokens.ts'
import type { AuthRepository, NewUser } from './repository.ts'
import type { SessionRepository } from './session-repository.ts'
import type { Throttle } from './throttle.ts'
import { type GivenPassword, refuseWeak } from './weak-passwords.ts'

/** What the access tokens must offer; plugins/auth.ts has them. */
interface AccessTokens {
  sign(claims: { userId: number; sessionId: string }): string
  verify(token: string, options?: { ignoreExpiration?: boolean }): { userId: number; sessionId: string }
}

interface Dependencies {
  repository: AuthRepository
  sessions: SessionRepository
  passwords: Passwords
  throttle: Throttle
  attempts: Attempts
  accessTokens: AccessTokens
  refreshTokens: RefreshTokens
  accessTtlMs: number
  refreshTtlMs: number
  phoneRegion: CountryCode
  /** Called when an old refresh token ended its session. */
  reused: (session: { userId: number; sessionId: string }) => void
}

export interface TokenPair {
  access_token: string
  refresh_token: string
  token_type: 'Bearer'
  expires_in: number
}

export type { Device }

interface Attempt {
  login: string
  password: string
  proof: string | undefined
  device: Device
}

/** The user of the request. */
export interface User {
  id: number
  sessionId: string
}

// How long the direct parent of a refresh token still gets its child: for two tabs, or a response that was lost. The
// contract's figure; others give 5 to 60 s.
const graceSeconds = 10

export type AuthService = ReturnType<typeof createAuthService>

export function createAuthService(dependencies: Dependencies) {
  const { repository, sessions, passwords, throttle, attempts, accessTokens, refreshTokens, phoneRegion } = dependencies
  // Before the hash: of one network, however many it tries, few queries are in the database.
  const looks = createSemaphore({ name: 'password checks', max: 8, maxPerCaller: 4, maxQueue: 1_000 })
  const traits = (refreshToken: string, { userAgent, ip }: Device) => ({
    refresh_hash: refreshTokens.hash(refreshToken),
    ttlMs: dependencies.refreshTtlMs,
    user_agent: userAgent?.slice(0, 500) ?? null,
    ip: isIP(ip) ? ip : null,
  })
  const pair = (userId: number, sessionId: string, refreshToken: string): TokenPair => ({
    access_token: accessTokens.sign({ userId, sessionId }),
    refresh_token: refreshToken,
    token_type: 'Bearer',
    expires_in: Math.floor(dependencies.accessTtlMs / 1000),
  })

  /** Undefined when the account changed between the check of the password and its session. */
  async function tryLogin({ login, password, proof, device }: Attempt): Promise<TokenPair | undefined> {
    const network = networkOf(device.ip)
    const look = async () => {
      const user = await repository.findCredentials(login, network)
      const attempt = attempts.ofLogin({ login, user, proof, device })
      await attempt.guard.check()
      return { user, ...attempt }
    }
    const { user, guard, turn, clear } = await looks.run(callerAt(network), look, { signal: device.signal })
    const hash = user?.blocked ? undefined : user?.password_hash
    if (!(await passwords.verify(password, hash, turn, guard)) || !user || !hash)
      throw new AppError('invalid_credentials')
    const sessionId = randomUUID()
    const refreshToken = refreshTokens.make({ sessionId, generation: 0, userId: user.id })
    const session = { id: sessionId, user_id: user.id, ...traits(refreshToken, device) }
    if (!(await sessions.insert(session, hash, network))) return undefined
    await clear()
    if (isOutdated(hash)) await repository.replaceHash(user.id, hash, await passwords.hash(password, turn))
    return pair(user.id, sessionId, refreshToken)
  }

  /** The account, if the password is right. @throws {AppError} wrong_password, too_many_requests */
  async function confirm(userId: number, given: GivenPassword) {
    const guard = throttle.guard([{ by: 'password', of: [String(userId)] }])
    await guard.check()
    const account = await repository.findPasswordHash(userId)
    const turn: Turn = { lane: 'known', caller: userId }
    if (!account || !(await passwords.verify(given.value, account.password_hash, turn, guard)))
      throw wrongPassword(given)
    await guard.passed()
    return account
  }

  return {
    /** The id of the new user. @throws {AppError} weak_password, login_taken, too_many_requests */
    async register(
      input: LoginInput & { password: string },
      about: Omit<NewUser, 'login' | 'password_hash' | 'role'>,
      device: Device,
    ): Promise<number> {
      const login = readNewLogin(input, phoneRegion)
      refuseWeak({ path: 'body.password', value: input.password }, login, phoneRegion)
      const { turn, check, countFailed } = attempts.ofRegistration(device)
      const password_hash = await passwords.hash(input.password, turn, { check })
      const id = await repository.insertUser({ ...about, login, password_hash }, networkOf(device.ip))
      if (id !== undefined) return id
      await countFailed()
      throw new AppError('login_taken', {
        detail: 'Somebody has registered with this login already: log in, or take another',
      })
    },

    /** @throws {AppError} invalid_credentials, whatever the reason, after the same work; too_many_requests before it */
    async login(
      { refresh_token: proof, ...input }: LoginInput & { password: string; refresh_token?: string },
      device: Device,
    ): Promise<TokenPair> {
      const login = readLogin(input, phoneRegion)
      const attempt = () => tryLogin({ login, password: input.password, proof, device })
      // Once more: a login at the same moment may have replaced the hash of the same password.
      const tokens = (await attempt()) ?? (await attempt())
      if (!tokens) throw new AppError('invalid_credentials')
      return tokens
    },

    /**
     * A new pair for a good one; the access token may have expired, or be absent. The direct parent of the good refresh token
     * gets the same child for 10 s; any other used token ends the session.
     * @throws {AppError} invalid_token
     */
    async refresh(refreshToken: string, accessToken: string | null | undefined, device: Device): Promise<TokenPair> {
      const access = accessToken ? accessTokens.verify(accessToken, { ignoreExpiration: true }) : undefined
      const token = refreshTokens.read(refreshToken)
      if (!token || (access && access.sessionId !== token.sessionId)) throw badRefreshToken()
      const { sessionId } = token
      const child = refreshTokens.make({ ...token, generation: token.generation + 1 })
      const rotated = await sessions.rotate(sessionId, refreshTokens.hash(refreshToken), traits(child, device))
      if (rotated) return pair(rotated.user_id, sessionId, child)

      const session = await sessions.find(sessionId)
      if (!session || session.expired || token.generation >= session.generation) throw badRefreshToken()
      const userId = session.user_id
      const isParent = token.generation === session.generation - 1 && session.seconds_since_rotation < graceSeconds
      if (isParent && refreshTokens.hash(child).equals(session.refresh_hash)) return pair(userId, sessionId, child)
      if (await sessions.remove(sessionId, userId)) dependencies.reused({ userId, sessionId })
      throw badRefreshToken()
    },

    logout: (user: User) => sessions.remove(user.sessionId, user.id),

    /** Ends the session of a refresh token of ours, be it used or expired. */
    async end(refreshToken: string): Promise<void> {
      const token = refreshTokens.read(refreshToken)
      if (token?.userId !== undefined) await sessions.remove(token.sessionId, token.userId)
    },

    /** @throws {AppError} wrong_password, too_many_requests, weak_password */
    async changePassword(user: User, before: GivenPassword, after: GivenPassword): Promise<void> {
      const { login, password_hash } = await confirm(user.id, before)
      refuseWeak(after, login, phoneRegion)
      const hash = await passwords.hash(after.value, { lane: 'known', caller: user.id })
      if (!(await repository.replacePassword(user, password_hash, hash))) throw wrongPassword(before)
    },

    confirmPassword: confirm,

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
