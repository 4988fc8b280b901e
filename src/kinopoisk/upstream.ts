import { errors, Pool } from 'undici'
import { AppError, type ErrorCode } from '../errors.ts'
import type { Clock } from './cache.ts'
import type { Ask } from './question.ts'

export interface UpstreamOptions {
  url: string
  apiKey: string
  /** For a whole call: connection, headers and body. */
  timeoutMs: number
}

/** Asks upstream over HTTP: no retry, no redirect followed, at most the question's maxBytes read. */
export function createUpstream(options: UpstreamOptions, clock: Clock): { ask: Ask; close(): Promise<void> } {
  const base = new URL(options.url)
  const pool = new Pool(base.origin, { connections: 10, connect: { timeout: options.timeoutMs } })
  const prefix = base.pathname.replace(/\/$/, '')
  const headers = { 'x-api-key': options.apiKey, accept: 'application/json' }

  const ask: Ask = async (question) => {
    const signal = AbortSignal.timeout(options.timeoutMs)
    try {
      const {
        statusCode,
        headers: answered,
        body,
      } = await pool.request({ method: 'GET', path: prefix + question.path, headers, signal })
      if (statusCode === 200) {
        const text = await readText(body, question.maxBytes)
        return { value: read(text, question.accepts), text, fetchedAt: clock.now(), via: 'miss' }
      }
      await body.dump({ limit: 16_384, signal })
      if (statusCode === 404) return { value: null, text: null, fetchedAt: clock.now(), via: 'miss' }
      throw refusal(statusCode, answered['retry-after'])
    } catch (error) {
      throw error instanceof AppError ? error : failure(error, signal)
    }
  }
  return { ask, close: () => pool.destroy() }
}

async function readText(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  // Leaving the loop early destroys the stream, and with it the connection.
  for await (const chunk of body) {
    size += chunk.length
    if (size > maxBytes) throw badResponse('too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function read<T>(text: string, accepts: (value: unknown) => value is T): T {
  const value = parse(text)
  if (!accepts(value)) throw badResponse('of an unknown shape')
  return value
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badResponse('no JSON')
  }
}

const refusals: Record<number, ErrorCode> = {
  401: 'upstream_rejected_key',
  402: 'upstream_quota_exhausted',
  403: 'upstream_rejected_key',
  429: 'upstream_rate_limited',
}

function refusal(status: number, retryAfter: string | string[] | undefined): AppError {
  const code = refusals[status] ?? (status >= 500 ? 'upstream_unavailable' : 'upstream_bad_response')
  const seconds = typeof retryAfter === 'string' && /^\d{1,5}$/.test(retryAfter) ? retryAfter : undefined
  return new AppError(code, {
    cause: new Error(`upstream answered ${status}`),
    ...(seconds && { headers: { 'retry-after': seconds } }),
  })
}

function failure(error: unknown, signal: AbortSignal): AppError {
  const timedOut =
    signal.aborted ||
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError
  return new AppError(timedOut ? 'upstream_timeout' : 'upstream_unavailable', { cause: error })
}

function badResponse(what: string): AppError {
  return new AppError('upstream_bad_response', { cause: new Error(`upstream's answer is ${what}`) })
}
