import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

export interface RefreshToken {
  sessionId: string
  /** 0 for a login's first token, one more with each refresh. */
  generation: number
  /** The user of the session; tokens of before it was in them have none. */
  userId?: number | undefined
}

export type RefreshTokens = ReturnType<typeof createRefreshTokens>

/**
 * Refresh tokens `<session>.<generation>.<user>.<MAC>`, of 256 unguessable bits each. The database stores only the SHA-256
 * of the one that is valid. The MAC separates old tokens from made-up ones, so that only a real one ends its session, lets
 * the direct child be issued again to a second tab that refreshes at the same moment, and proves, when the session has
 * ended, that its holder was logged in to the user's account.
 */
export function createRefreshTokens(secrets: string[]) {
  const keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', 'kinoteka refresh token', 32)))
  const [current = Buffer.alloc(0)] = keys
  return {
    make: (token: RefreshToken): string => `${body(token)}.${mac(current, body(token)).toString('base64url')}`,
    /** Undefined for what we never made. */
    read(text: string): RefreshToken | undefined {
      const [, sessionId, generation, user, signature] = form.exec(text) ?? []
      if (!sessionId || !signature) return undefined
      const token = { sessionId, generation: Number(generation), userId: user === undefined ? undefined : Number(user) }
      const given = Buffer.from(signature, 'base64url')
      return keys.some((key) => timingSafeEqual(mac(key, body(token)), given)) ? token : undefined
    },
    hash: (text: string): Buffer => createHash('sha256').update(text).digest(),
  }
}

const form = /^([0-9a-f-]{36})\.(0|[1-9]\d{0,8})(?:\.([1-9]\d{0,9}))?\.([A-Za-z0-9_-]{43})$/

function body({ sessionId, generation, userId }: RefreshToken): string {
  return [sessionId, generation, ...(userId === undefined ? [] : [userId])].join('.')
}

function mac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
