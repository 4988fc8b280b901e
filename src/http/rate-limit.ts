interface Budget {
  /** -1 is no limit. */
  limit: number
  used: number
  resetsAt: Date
}

const daySeconds = 86_400

/**
 * What is left of a day's budget, by draft-ietf-httpapi-ratelimit-headers: `q` calls a window of `w` seconds, `r` left for
 * `t` seconds. Nothing where there is no limit.
 */
export function rateLimitHeaders({ limit, used, resetsAt }: Budget, now = Date.now()): Record<string, string> {
  if (limit < 0) return {}
  const seconds = Math.max(0, Math.ceil((resetsAt.getTime() - now) / 1000))
  return {
    ratelimit: `"day";r=${Math.max(0, limit - used)};t=${seconds}`,
    'ratelimit-policy': `"day";q=${limit};w=${daySeconds}`,
  }
}
