import { errors, Pool } from 'undici'
import { badResponse, failureOf, UpstreamFailure } from './failures.ts'
import type { Clock } from './layers/cache.ts'
import { timeLeft, type UpstreamFetch } from './request.ts'
import { acceptEncoding, readText } from './response-text.ts'

export interface UpstreamOptions {
  url: string
  apiKey: string
  /** How long a caller waits: for a slot, connection, headers and body, and one retry. */
  timeoutMs: number
}

/** Calls upstream over HTTP until the context's deadline: no retry, no redirect, at most the request's maxBytes read. */
export function createUpstream(
  options: UpstreamOptions,
  clock: Clock,
): { fetch: UpstreamFetch; close(): Promise<void> } {
  const base = new URL(options.url)
  // As many connections as there are calls: behind its slot none may wait, and the rates bound them.
  const pool = new Pool(base.origin, { connect: { timeout: options.timeoutMs } })
  const prefix = base.pathname.replace(/\/$/, '')
  const headers = { 'x-api-key': options.apiKey, accept: 'application/json', 'accept-encoding': acceptEncoding }

  const fetch: UpstreamFetch = async (request, context) => {
    const timeout = AbortSignal.timeout(timeLeft(context))
    const signal = context.signal ? AbortSignal.any([timeout, context.signal]) : timeout
    try {
      const {
        statusCode,
        headers: responseHeaders,
        body,
      } = await pool.request({ method: 'GET', path: prefix + request.path, headers, signal })
      if (statusCode === 200) {
        const text = await readText(body, responseHeaders, request.maxBytes)
        return { value: read(text, request.accepts), text, fetchedAt: clock.now(), via: 'miss' }
      }
      // The status is enough, whatever comes of the rest, and however slowly.
      void body.dump({ limit: 16_384, signal }).catch(() => {})
      if (statusCode === 404) return { value: null, text: null, fetchedAt: clock.now(), via: 'miss' }
      throw failureOf(statusCode, responseHeaders['retry-after'], clock.now())
    } catch (error) {
      throw error instanceof UpstreamFailure ? error : broken(error, signal)
    }
  }
  return { fetch, close: () => pool.destroy() }
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

function broken(error: unknown, signal: AbortSignal): UpstreamFailure {
  const timedOut =
    signal.aborted ||
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError
  return new UpstreamFailure(timedOut ? 'timeout' : 'connection', error)
}
