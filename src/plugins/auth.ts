import { randomUUID } from 'node:crypto'
import jwt from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { chain, type MaybePromise } from '../cache/maybe-promise.ts'
import type { ApiKey, KeyUser } from '../db/schema/api-keys.ts'
import { AppError } from '../errors.ts'
import { networkCaller } from '../http/callers.ts'
import { credentialOf, hasCredential, invalidKey, keyNotAllowed } from '../http/credentials.ts'

export interface CurrentUser {
  id: number
  /** With a key always `user`. */
  role: 'user' | 'admin'
  /** Null with a key. */
  sessionId: string | null
  /** Null with an access token. */
  key: ApiKey | null
}

/** A user who came with an access token; see `sessionUserOf`. */
export type SessionUser = Omit<CurrentUser, 'sessionId'> & { sessionId: string }

/** What an access token says. Its times are checked here, its session in the database on every request. */
export interface AccessClaims {
  userId: number
  sessionId: string
}

export interface AccessTokens {
  sign(claims: AccessClaims): string
  /** @throws {AppError} invalid_token, the same for every reason */
  verify(token: string, options?: { ignoreExpiration?: boolean }): AccessClaims
}

declare module 'fastify' {
  interface FastifyInstance {
    accessTokens: AccessTokens
    /** The user of a personal key that is valid now; undefined for any other text. At once where it is in memory. */
    findKey(text: string): MaybePromise<KeyUser | undefined>
    /**
     * Sets the user of a valid token of a live session, or of a key that the route takes: at once where that is in memory.
     * @throws {AppError} missing_token, invalid_token, invalid_key, key_not_allowed
     */
    readUser(request: FastifyRequest): void | Promise<void>
    /** An onRequest hook: the same, or 401. */
    authenticate(request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void
    /** An onRequest hook: a valid token or key, or no user; see `viewerOf`. */
    identify(request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void
    /** An onRequest hook behind `authenticate`: an administrator, or 403. */
    requireAdmin(request: FastifyRequest): Promise<void>
  }
}
declare module '@fastify/jwt' {
  interface FastifyJWT {
    user: CurrentUser
  }
}

interface AuthOptions {
  /** The first signs; all verify, so that a secret can be rotated. */
  secrets: string[]
  ttlMs: number
  /** By the database's clock, which all replicas share. */
  nowMs(): number
  /** The session's user, or undefined when it was ended or its user is blocked. */
  findSession(sessionId: string, userId: number): MaybePromise<Pick<CurrentUser, 'id' | 'role'> | undefined>
  /** The same of a personal key. `ip`: of who asks. */
  findKey(text: string, ip?: string): MaybePromise<KeyUser | undefined>
}

const issuer = 'kinoteka'
const sessionIdForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export default fp(async (app: FastifyInstance, options: AuthOptions) => {
  const verify = {
    algorithms: ['HS256' as const],
    allowedIss: issuer,
    allowedAud: issuer,
    // A claim that is absent passes the checks above, so all are required.
    requiredClaims: ['iss', 'aud', 'exp', 'sub', 'sid'],
    // It would be judged by the clock of this machine.
    ignoreExpiration: true,
  }
  const { nowMs } = options
  // The plugin takes a number as seconds (fast-jwt itself: milliseconds).
  const sign = { algorithm: 'HS256' as const, iss: issuer, aud: issuer, expiresIn: options.ttlMs / 1000 }
  const [secret = '', ...older] = options.secrets
  await app.register(jwt, { secret, sign, verify })
  for (const [i, secret] of older.entries()) await app.register(jwt, { secret, verify, namespace: `older${i}` })
  const keys = [app.jwt, ...older.map((_, i) => (app.jwt as unknown as Record<string, typeof app.jwt>)[`older${i}`])]

  const check = (token: string, ignoreExpiration: boolean): Checked => {
    for (const key of keys) {
      const claims = tryVerify(() => key?.verify<Claims>(token))
      if (claims?.kind !== 'access' || !isId(claims.sub) || !sessionIdForm.test(claims.sid)) continue
      const checked = { userId: Number(claims.sub), sessionId: claims.sid, endsAt: claims.exp * 1000 }
      if (ignoreExpiration || nowMs() <= checked.endsAt) return checked
    }
    throw invalidToken()
  }
  const verifyOnce = memoizeChecks((token) => check(token, false), nowMs)
  const accessTokens: AccessTokens = {
    sign: ({ userId, sessionId }) =>
      app.jwt.sign({
        ...{ sub: String(userId), sid: sessionId, kind: 'access', jti: randomUUID() },
        iat: Math.floor(nowMs() / 1000),
      } as object),
    verify: (token, { ignoreExpiration = false } = {}) => (ignoreExpiration ? check(token, true) : verifyOnce(token)),
  }
  app.decorate('accessTokens', accessTokens)
  // Without promises as far as that goes: in every request they cost more than the checks.
  app.decorate('readUser', (request) => {
    const { kind, text } = credentialOf(request.headers)
    if (kind === 'key') return chain(options.findKey(text, request.ip), (found) => admitKey(request, found))
    const { userId, sessionId } = accessTokens.verify(text)
    return chain(options.findSession(sessionId, userId), (user) => {
      if (!user) throw invalidToken()
      request.user = { id: user.id, role: user.role, sessionId, key: null }
    })
  })
  app.decorate('findKey', (text) => options.findKey(text))
  app.decorate('authenticate', (request, _reply, done) => settle(() => app.readUser(request), done))
  app.decorate('identify', (request, _reply, done) => {
    if (!hasCredential(request.headers)) return done()
    settle(
      () => app.readUser(request),
      // Only a token or key can be left aside, not that it can't be checked now.
      (error) => done(error instanceof AppError && [401, 403].includes(error.statusCode) ? undefined : error),
    )
  })
  app.decorate('requireAdmin', async (request) => {
    if (request.user.role !== 'admin') throw new AppError('forbidden', { detail: 'Only an administrator may do this' })
  })
})

/** A key has no rights of an administrator, whoever it belongs to. */
function admitKey(request: FastifyRequest, found: KeyUser | undefined): void {
  if (!found) throw invalidKey()
  const { keyScopes = [] } = request.routeOptions.config
  if (!keyScopes.some((scope) => found.key.scopes.includes(scope))) throw keyNotAllowed(keyScopes)
  request.user = { id: found.userId, role: 'user', sessionId: null, key: found.key }
}

/** Calls `done` when the work has ended, now or later. */
function settle(work: () => void | Promise<void>, done: (error?: Error) => void): void {
  let working: void | Promise<void>
  try {
    working = work()
  } catch (error) {
    done(error as Error)
    return
  }
  if (working instanceof Promise) working.then(() => done(), done)
  else done()
}

/** The user of a request that came with an access token. On a scope without a `keyScope` there is no other. */
export function sessionUserOf({ user }: Pick<FastifyRequest, 'user'>): SessionUser {
  const { sessionId } = user
  if (sessionId === null) throw keyNotAllowed([])
  return { ...user, sessionId }
}

/** The user of a request on a scope with `identify`: null without a valid token or key. */
export function viewerOf(request: FastifyRequest): CurrentUser | null {
  return request.user ?? null
}

/** Under which name a request has its share of what is limited: its user's id, else its network. */
export function queueKeyOf(request: FastifyRequest) {
  return viewerOf(request)?.id ?? networkCaller(request.ip)
}

interface Claims {
  sub: string
  sid: string
  exp: number
  kind?: string
}

interface Checked extends AccessClaims {
  /** In ms since 1970. */
  endsAt: number
}

const maxVerified = 10_000

/**
 * A valid signature stays valid, so it is checked once. An attacker that reads these tokens out of the memory reads the
 * secret there as well, so they are stored as they are: a hash of each would cost more than all else here.
 * fast-jwt's own cache takes three times as long, and keeps invalid tokens as well: 10,000 long ones of anybody are
 * 130 MB.
 */
function memoizeChecks(check: (token: string) => Checked, nowMs: () => number): (token: string) => Checked {
  const known = new LRUCache<string, Checked>({ max: maxVerified })
  return (token) => {
    const found = known.get(token)
    if (found && nowMs() <= found.endsAt) return found
    const checked = check(token)
    known.set(token, checked)
    return checked
  }
}

/** True for an id in the range of the database's type. */
function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) <= 2_147_483_647
}

function tryVerify(verify: () => Claims | undefined): Claims | undefined {
  try {
    return verify()
  } catch {
    return undefined
  }
}

function invalidToken(): AppError {
  return new AppError('invalid_token', {
    detail: 'The access token has expired, was revoked or is not ours; refresh it or log in again',
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  })
}
