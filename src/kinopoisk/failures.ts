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

/** The codes that a failed call may have, or one that was refused. */
export const failureCodes = [...new Set([...Object.values(codes), 'upstream_budget_spent' as const])]

// Of the system and of undici.
const unsentCodes = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'],
  'UND_ERR_CONNECT_TIMEOUT',
])

/** How long calls are paused after a 429 that does not say when to come again. */
export const defaultPauseSeconds = 1

/** A call that was sent to upstream and brought no response. Our own refusals are plain AppErrors. */
export class UpstreamFailure extends AppError {
  readonly outcome: Failed
  /** Upstream's Retry-After. */
  readonly retryAfterSeconds: number | undefined
  /** No connection was made, so upstream can't have counted it. */
  readonly unsent: boolean
  /** Upstream as a whole is in trouble: the failure says nothing about this request. */
  readonly isGeneral: boolean
  /** We ended it ourselves, at a shutdown: another replica may call. */
  readonly abandoned: boolean

  constructor(outcome: Failed, cause: unknown, retryAfterSeconds?: number, isGeneral = false) {
    const seconds = retryAfterSeconds ?? (outcome === 'rate_limited' ? defaultPauseSeconds : undefined)
    super(codes[outcome], {
      cause,
      ...(seconds && { headers: { 'retry-after': String(seconds) } }),
    })
    this.name = 'UpstreamFailure'
    this.outcome = outcome
    this.retryAfterSeconds = retryAfterSeconds
    const { code = '' } = (cause ?? {}) as { code?: string }
    this.unsent = unsentCodes.has(code)
    this.abandoned = code === 'UND_ERR_DESTROYED'
    this.isGeneral = isGeneral
  }
}

export function badResponse(what: string): UpstreamFailure {
  return new UpstreamFailure('bad_response', new Error(`upstream's answer is ${what}`))
}

/** No response of upstream's at all, or a 5xx: such failures pass, and often concern all requests. */
export function isPassing(outcome: Failed): boolean {
  return outcome === 'server_error' || outcome === 'timeout' || outcome === 'connection'
}

/** A refusal of our own: the code, and after how many seconds a retry is useful. */
export function refusal(code: ErrorCode, retryAfterSeconds: number, cause?: string, detail?: string): AppError {
  return new AppError(code, {
    ...retryAfterHeader(retryAfterSeconds),
    ...(cause && { cause: new Error(cause) }),
    ...(detail && { detail }),
  })
}

export function retryAfterHeader(seconds: number) {
  return { headers: { 'retry-after': String(Math.max(1, Math.ceil(seconds))) } }
}

/**
 * Whose part of the quota is spent: by a limit of the personal key or of the user, the user's share, or that of a
 * network's new accounts.
 */
export const shares = ['key', 'limit', 'user', 'network'] as const
export type Share = (typeof shares)[number]

interface ShareCaller {
  userId?: number | undefined
  keyId?: number | null | undefined
}

/** A refusal that concerns one key or user alone: another one may have calls left. */
export class ShareRefusal extends AppError {
  readonly share: Share
  readonly by: ShareCaller

  constructor(share: Share, { userId, keyId }: ShareCaller, extras: ConstructorParameters<typeof AppError>[1]) {
    super(share === 'key' ? 'upstream_budget_spent' : 'upstream_quota_exhausted', extras)
    this.name = 'ShareRefusal'
    this.share = share
    this.by = { userId, keyId }
  }

  concerns({ userId, keyId }: ShareCaller): boolean {
    return this.share === 'key' ? this.by.keyId === keyId : this.by.userId === userId
  }
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
  /^(\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT|\w{6,9}, \d\d-\w{3}-\d\d [\d:]{8} GMT|\w{3} \w{3} [ \d]\d [\d:]{8} \d{4})(?=$|,)/

/** In seconds, at least one, of the first value; undefined for what is neither a number of seconds nor a date. */
function readRetryAfter(header: unknown, now: Date): number | undefined {
  const [first] = [header].flat()
  if (typeof first !== 'string') return undefined
  const text = first.trim()
  const number = /^(\d+(?:\.\d+)?)\s*(?=$|,)/.exec(text)?.[1]
  const date = httpDate.exec(text)?.[1] ?? ''
  const moment = Date.parse(date.endsWith('GMT') ? date : `${date} GMT`)
  const seconds = number === undefined ? (moment - now.getTime()) / 1000 : Number(number)
  return Number.isNaN(seconds) ? undefined : Math.min(maxRetryAfterSeconds, Math.max(1, Math.ceil(seconds)))
}
