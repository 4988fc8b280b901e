import type { IncomingHttpHeaders } from 'node:http'
import { errors, Pool } from 'undici'
import { errorText, failureOfText, isOwnNotFound } from './error-texts.ts'
import { badResponse, failureOf, UpstreamFailure } from './failures.ts'
import type { Clock } from './layers/cache.ts'
import { type Endpoint, timeLeft, type UpstreamFetch, type UpstreamRequest } from './request.ts'
import { acceptEncoding, readText } from './response-text.ts'
import { isCutShort } from './rows.ts'

// Of a 404 only a short text is of use, and it is not waited for long.
const maxNotFoundBytes = 16_384
const notFoundMs = 1_000

export interface UpstreamOptions {
  url: string
  apiKey: string
  /** How long a caller waits: for a slot, connection, headers and body, and one retry. */
  timeoutMs: number
  /** Called with each member that is not what the schema says; `id`: a row was left out. */
  onOdd?: (endpoint: Endpoint, member: string) => void
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
        return { value: read(text, request, options.onOdd), text, fetchedAt: clock.now(), via: 'miss' }
      }
      if (statusCode === 404) {
        const unexplained = !(await isExplained(body, responseHeaders))
        return { value: null, text: null, fetchedAt: clock.now(), via: 'miss', ...(unexplained && { unexplained }) }
      }
      // The status is enough, whatever comes of the rest, and however slowly.
      void body.dump({ limit: 16_384, signal }).catch(() => {})
      throw failureOf(statusCode, responseHeaders['retry-after'], clock.now())
    } catch (error) {
      throw error instanceof UpstreamFailure ? error : broken(error, signal)
    }
  }
  return { fetch, close: () => pool.destroy() }
}

/** Whether a 404 is upstream's own "there is none". @throws {UpstreamFailure} when its text says something else */
async function isExplained(
  body: AsyncIterable<Buffer> & { destroy(): unknown },
  headers: IncomingHttpHeaders,
): Promise<boolean> {
  const timer = setTimeout(() => body.destroy(), notFoundMs)
  const value = await readText(body, headers, maxNotFoundBytes)
    .then(parse)
    .catch(() => undefined)
    .finally(() => clearTimeout(timer))
  const failure = failureOfText(errorText(value) ?? '', 404)
  if (failure) throw failure
  return isOwnNotFound(value)
}

function read<T>(text: string, request: UpstreamRequest<T>, onOdd: UpstreamOptions['onOdd']): T {
  const sent = parse(text)
  const message = errorText(sent)
  if (message !== undefined) throw failureOfText(message, 200) ?? badResponse('an error text under 200')
  if (isCutShort(sent, request.path)) throw badResponse('a first page without the rows that its total counts')
  let firstOdd: string | undefined
  const value = request.read(sent, (member) => {
    firstOdd ??= member
    onOdd?.(request.endpoint, member)
  })
  if (value === undefined) {
    throw badResponse(`of an unknown shape: ${shapeOf(sent)}${firstOdd ? `; the first odd member is ${firstOdd}` : ''}`)
  }
  return value
}

// What a member's name may be; anything else may be content.
const memberName = /^[A-Za-z]\w{0,39}$/
const maxNames = 10

/** What was sent, in a word and by the names of its members. */
function shapeOf(sent: unknown): string {
  if (Array.isArray(sent)) return `a list of ${sent.length}`
  if (typeof sent !== 'object' || sent === null) return sent === null ? 'null' : `a ${typeof sent}`
  const names = Object.keys(sent).filter((name) => memberName.test(name))
  return `an object with ${names.slice(0, maxNames).join(', ') || 'no usual member'}`
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
