import { AppError } from '../errors.ts'
import { isKeyShaped } from '../text/api-key.ts'

export { withoutKeys } from '../text/api-key.ts'

/** What a request shows to be let in: an access token, or a personal key. */
export type Credential = { kind: 'token' | 'key'; text: string }

interface CredentialHeaders {
  authorization?: string | undefined
  'x-api-key'?: string | string[] | undefined
}

/**
 * The bearer token, which is a key if it looks like one; without it `X-API-KEY`. A proxy's own `Authorization: Basic` is
 * none of ours.
 * @throws {AppError} missing_token; invalid_key when X-API-KEY can be none
 */
export function credentialOf(headers: CredentialHeaders): Credential {
  const [, token] = /^Bearer +([^ ]+) *$/i.exec(headers.authorization ?? '') ?? []
  if (token) return { kind: isKeyShaped(token) ? 'key' : 'token', text: token }
  const key = headers['x-api-key']
  // Also where it is sent twice: Node joins the two.
  if (key === undefined) {
    throw new AppError('missing_token', {
      detail: 'Send the header "Authorization: Bearer <access_token>", or "X-API-KEY: <key>" with a personal key',
    })
  }
  const text = String(key).trim()
  if (!isKeyShaped(text)) throw invalidKey()
  return { kind: 'key', text }
}

export function hasCredential({ authorization, 'x-api-key': key }: CredentialHeaders): boolean {
  return authorization !== undefined || key !== undefined
}

export function invalidKey(): AppError {
  return new AppError('invalid_key', {
    detail: 'The key has expired, was deleted or is not ours; make another one by POST /user/keys',
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  })
}

/** `scopes`: of those that would do. */
export function keyNotAllowed(scopes: readonly string[]): AppError {
  const detail =
    scopes.length > 0
      ? `The key needs the scope ${scopes.join(' or ')}: add it by PATCH /user/keys/{id} with an access token`
      : 'No personal key opens this address: send an access token'
  return new AppError('key_not_allowed', { detail })
}
