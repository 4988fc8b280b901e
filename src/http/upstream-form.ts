import type { AppError, ErrorCode } from '../errors.ts'

/** For clients of upstream's addresses, of any origin. */
export const anyOrigin = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'age, cache-status, etag, x-request-id, ratelimit, ratelimit-policy, retry-after',
}

/** The answer to a browser that asks whether a page may ask. */
export const preflight = {
  ...anyOrigin,
  'access-control-allow-methods': 'GET, HEAD',
  'access-control-allow-headers': 'accept, authorization, content-type, x-api-key',
  'access-control-max-age': '600',
}

// In the words of upstream, which some clients read: whoever stands behind us understands them too.
const beginnings: Record<number, string> = {
  401: "You don't have permissions.",
  402: 'You exceeded the quota.',
}

const spent = new Set<ErrorCode>(['upstream_quota_exhausted', 'upstream_budget_spent'])

/**
 * An error in upstream's own form. What could not be asked is 503 whatever the reason, and a spent budget 402: on 429
 * clients ask again for ever, or ask elsewhere.
 */
export function inUpstreamForm({ code, statusCode, message, headers }: AppError) {
  const isUpstream = code.startsWith('upstream_')
  const status = spent.has(code) ? 402 : isUpstream ? 503 : statusCode
  const begins = beginnings[status]
  return {
    status,
    headers: { ...anyOrigin, ...(status === 503 && { 'retry-after': '60' }), ...headers },
    body: { message: begins ? `${begins} ${message}` : message },
  }
}

/** True for an address of upstream's. It says how an error is told, and nothing about who may ask. */
export function isUpstreamAddress(url: string): boolean {
  return /^\/+(api(\/|$|\?)|images\/posters\/)/.test(url)
}
