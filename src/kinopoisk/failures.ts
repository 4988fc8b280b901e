import { AppError, type ErrorCode } from '../errors.ts'

/** How a call that was sent to upstream ended. */
export const outcomes = [
  'ok',
  'not_found',
  'rejected_key',
  'quota',
  'rate_limited',
  'server_error',
  'timeout',
  'connection',
  'bad_response',
] as const
export type Outcome = (typeof outcomes)[number]
export type Failed = Exclude<Outcome, 'ok' | 'not_found'>

const codes: Record<Failed, ErrorCode> = {
  rejected_key: 'upstream_rejected_key',
  quota: 'upstream_quota_exhausted',
  rate_limited: 'upstream_rate_limited',
  server_error: 'upstream_unavailable',
  timeout: 'upstream_timeout',
  connection: 'upstream_unavailable',
  bad_response: 'upstream_bad_response',
}

// Of the system and of undici.
const unsentCodes = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'],
  'UND_ERR_CONNECT_TIMEOUT',
])

/** A call that was sent to upstream and brought no response. Our own refusals are plain AppErrors. */
export class UpstreamFailure extends AppError {
  readonly outcome: Failed
  /** Upstream's Retry-After. */
  readonly retryAfterSeconds: number | undefined
  /** No connection was made, so upstream can't have counted it. */
  readonly unsent: boolean
  /** We ended it ourselves, at a shutdown: another replica may call. */
  readonly abandoned: boolean

  constructor(outcome: Failed, cause: unknown, retryAfterSeconds?: number) {
    super(codes[outcome], {
      cause,
      ...(retryAfterSeconds && { headers: { 'retry-after': String(retryAfterSeconds) } }),
    })
    this.name = 'UpstreamFailure'
    this.outcome = outcome
    this.retryAfterSeconds = retryAfterSeconds
    const { code = '' } = (cause ?? {}) as { code?: string }
    this.unsent = unsentCodes.has(code)
    this.abandoned = code === 'UND_ERR_DESTROYED'
  }
}

export function badResponse(what: string): UpstreamFailure {
  return new UpstreamFailure('bad_response', new Error(`upstream's answer is ${what}`))
}

/** A refusal of our own: the code, and after how many seconds a retry is useful. */
export function refusal(code: ErrorCode, retryAfterSeconds: number, cause?: string): AppError {
  const seconds = Math.max(1, Math.ceil(retryAfterSeconds))
  return new AppError(code, {
    headers: { 'retry-after': String(seconds) },
    ...(cause && { cause: new Error(cause) }),
  })
}

const statuses: Record<number, Failed> = { 401: 'rejected_key', 402: 'quota', 429: 'rate_limited' }

/** The failure of an HTTP status other than 200 and 404; `retryAfter` is the header as it came. */
export function failureOf(status: number, retryAfter: unknown, now = new Date()): UpstreamFailure {
  const outcome = statuses[status] ?? (status >= 500 ? 'server_error' : 'bad_response')
  return new UpstreamFailure(outcome, new Error(`upstream answered ${status}`), readRetryAfter(retryAfter, now))
}

/** Of upstream's Retry-After no more is obeyed, so no more is passed on. */
export const maxRetryAfterSeconds = 60

// The three forms of RFC 9110; the one without a zone is in GMT.
const httpDate =
  /^(\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT|\w{6,9}, \d\d-\w{3}-\d\d [\d:]{8} GMT|\w{3} \w{3} [ \d]\d [\d:]{8} \d{4})$/

/** In seconds, at least one; undefined for what is neither a number of seconds nor a date. */
function readRetryAfter(header: unknown, now: Date): number | undefined {
  if (typeof header !== 'string') return undefined
  const text = header.trim()
  const date = httpDate.test(text) ? Date.parse(text.endsWith('GMT') ? text : `${text} GMT`) : Number.NaN
  const seconds = /^\d+$/.test(text) ? Number(text) : (date - now.getTime()) / 1000
  return Number.isNaN(seconds) ? undefined : Math.min(maxRetryAfterSeconds, Math.max(1, Math.ceil(seconds)))
}
