import { type IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

// A year. Of this host alone: what else is served in the domain is not ours to say.
const httpsOnly = 'max-age=31536000'

// What @fastify/helmet sets, as test/headers.test.ts checks: itself it would compute them again for every response (7
// µs).
const browserHeaders = {
  // A response of the API is no page. plugins/openapi.ts has the policy of the documentation.
  'content-security-policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
}

type CorsOrigins = '*' | string[]

/** The headers of every response, unless it sets others. */
function headersOfAll(corsOrigins: CorsOrigins) {
  // A front end of another origin shows photos by <img>, to which CORS does not apply.
  return { ...browserHeaders, 'cross-origin-resource-policy': corsOrigins.length > 0 ? 'cross-origin' : 'same-origin' }
}

/** Node's own method, which its types do not show: the first line and the headers become the head of the response. */
interface Storing {
  _storeHeader(firstLine: string, headers: object | undefined): void
}

/**
 * A class for Node's option `ServerResponse`: responses begin with the common headers as one text, except headers that
 * they set themselves. Set one by one these headers take a fifth of the time of a response from memory.
 */
export function responseClassWith(corsOrigins: CorsOrigins) {
  const lines = Object.entries(headersOfAll(corsOrigins)).map(([name, value]) => ({
    name,
    line: `${name}: ${value}\r\n`,
  }))
  const text = lines.map(({ line }) => line).join('')
  const { _storeHeader: store } = ServerResponse.prototype as unknown as Storing

  return class<R extends IncomingMessage> extends ServerResponse<R> implements Storing {
    _storeHeader(firstLine: string, headers: object = {}): void {
      let own = text
      for (const { name, line } of lines) if (name in headers) own = own.replace(line, '')
      store.call(this, firstLine + own, headers)
    }
  }
}

/** Security headers for browsers, and CORS. */
export default fp(async (app: FastifyInstance, options: { corsOrigins: CorsOrigins }) => {
  const isShared = options.corsOrigins.length > 0
  const always = headersOfAll(options.corsOrigins)
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    // Responses to injected requests are of another class.
    if (!(request.socket instanceof Socket)) reply.headers(always)
    // Over plain HTTP it would mean nothing (RFC 6797 7.2); what a proxy says counts with TRUST_PROXY.
    if (request.protocol === 'https') reply.header('strict-transport-security', httpsOnly)
    // Some clients name a content type though they send nothing: that is a request without a body.
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
    if (encoding === undefined && (length === undefined || length === '0')) delete request.headers['content-type']
    done()
  })
  if (!isShared) return
  // An OPTIONS that is no preflight is a method that nothing here takes, as without CORS.
  app.addHook('onRequest', (request, reply, done) => {
    const { origin, 'access-control-request-method': wanted } = request.headers
    if (request.method === 'OPTIONS' && !(origin && wanted)) reply.callNotFound()
    else done()
  })
  await app.register(cors, {
    origin: options.corsOrigins === '*' ? '*' : [...options.corsOrigins],
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'idempotency-key'],
    exposedHeaders: [
      ...['age', 'cache-status', 'etag', 'link', 'location', 'x-request-id', 'x-total-count'],
      ...['ratelimit', 'ratelimit-policy', 'retry-after', 'kinoteka-warning'],
    ],
    maxAge: 600,
  })
})

/** The same for a scope of the catalogue: caches revalidate each time. */
export function revalidate(isPublic: boolean) {
  const value = isPublic ? 'no-cache' : 'private, no-cache'
  return (_request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    reply.header('cache-control', value)
    done()
  }
}

/** An onRequest hook for a scope of personal data or tokens: no cache stores its responses, errors included. */
export function noStore(_request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  reply.header('cache-control', 'no-store')
  done()
}
