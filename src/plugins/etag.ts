import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fresh from 'fresh'
import { etagOf } from '../http/json-payload.ts'

/**
 * An onSend hook for a scope: responses have an entity tag, and are 304 if the client has this version (RFC 9110
 * 13.1.2).
 */
export function conditionalGet(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload?: unknown) => void,
): void {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  const tag = isRead && reply.statusCode === 200 ? tagOf(reply, payload) : undefined
  if (tag !== undefined && request.headers['if-none-match'] !== undefined && fresh(request.headers, { etag: tag })) {
    reply.code(304).removeHeader('content-type')
    // Fastify removes the body of a response to HEAD, and needs one to do so.
    done(null, request.method === 'HEAD' ? payload : null)
  } else done(null, payload)
}

/** Undefined for a stream that has none: what is to come of it is not known. */
function tagOf(reply: FastifyReply, payload: unknown): string | undefined {
  const given = reply.getHeader('etag')
  if (given !== undefined) return String(given)
  if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return undefined
  const tag = etagOf(payload)
  reply.header('etag', tag)
  return tag
}

/** An onRoute hook beside it, for the document. */
export function documentConditionalGet(route: RouteOptions): void {
  if (route.method !== 'GET' || !route.schema) return
  // What the route itself says of it comes first.
  const response = {
    304: { description: 'As `If-None-Match` has it', type: 'null' },
    ...(route.schema.response as object),
  }
  route.schema = { ...route.schema, response }
}
