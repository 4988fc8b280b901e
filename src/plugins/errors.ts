import type { IncomingMessage } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { driverError, isQueryError, isUnavailable, meaning } from '../db/errors.ts'
import { AppError, type ErrorCode, errorCodes, type InputFault, isExpected } from '../errors.ts'
import { withoutKeys } from '../http/credentials.ts'
import { inUpstreamForm, isUpstreamAddress } from '../http/upstream-form.ts'
import { createLogThrottle } from '../log-throttle.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** For lines that may come thousands of times a second; see log-throttle.ts. */
    logThrottle: ReturnType<typeof createLogThrottle>
    /** Whether errors at upstream's addresses have upstream's form. */
    isCompatible: boolean
  }
}

interface ErrorsOptions {
  /** Called for every internal error, once. */
  report?: ((error: unknown, context: { requestId: string }) => void) | undefined
  isCompatible: boolean
}

/**
 * The one door by which errors leave: RFC 9457 for every status of 400 and above, from any source; at upstream's own
 * addresses upstream's form.
 */
export default fp(async (app: FastifyInstance, { report, isCompatible }: ErrorsOptions) => {
  app.decorate('logThrottle', createLogThrottle())
  app.decorate('isCompatible', isCompatible)
  app.setErrorHandler((error, request, reply) => {
    sendProblem(error, request, reply)
    if (reply.statusCode === 500) report?.(error, { requestId: request.id })
  })
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })
  // RFC 9110 10.1.1: an expectation that isn't known may be passed over; Node would send an empty 417.
  app.server.on('checkExpectation', (request, response) => app.routing(request, response))
  app.addHook('onRequest', (request, reply, done) => {
    const fault = framingFault(request.raw)
    if (fault) {
      reply.header('connection', 'close')
      return done(new AppError('bad_request', { detail: fault }))
    }
    if (!closing) return done()
    reply.header('connection', 'close')
    done(new AppError('shutting_down'))
  })
  app.setNotFoundHandler((request, reply) => sendProblem(notFound(app, request), request, reply))
})

/** What Node's parser lets pass: RFC 9112 2.3 and 3.2. */
function framingFault({ httpVersionMajor, httpVersionMinor, rawHeaders }: IncomingMessage): string | undefined {
  if (httpVersionMajor !== 1) return 'Only HTTP/1.1 and HTTP/1.0 are served'
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  if (hosts > 1) return 'There is more than one header Host (RFC 9112)'
  return hosts === 0 && httpVersionMinor === 1 ? 'HTTP/1.1 needs the header Host (RFC 9112)' : undefined
}

/** What describes the response that could not be sent, and not the problem in its place. */
const representationHeaders = [
  'content-encoding',
  'content-disposition',
  'content-length',
  'etag',
  'last-modified',
  'link',
]

/** For Fastify's `frameworkErrors`: a URL that the router can't read. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toAppError(error as FastifyError, request)
  const [status, title] = errorCodes[known.code]
  request.problem = known.code
  if (isExpected(known.code)) warnOf(known, request)
  else if (status >= 500) request.log.error({ err: error, code: known.code }, 'request failed')
  // Of a stream that failed before its first byte.
  for (const name of representationHeaders) reply.removeHeader(name)
  // Where the router gives up, no hook has set them.
  reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff')
  if (request.server.isCompatible && isUpstreamAddress(request.url)) {
    const { status, headers, body } = inUpstreamForm(known)
    return reply.code(status).headers(headers).type('application/json').serializer(JSON.stringify).send(body)
  }
  return reply
    .code(status)
    .headers(known.headers)
    .type('application/problem+json')
    .send({
      type: `/problems/${known.code}`,
      title,
      status,
      detail: known.message,
      // Some clients write their key into the path.
      instance: withoutKeys(request.url.split('?', 1)[0] ?? ''),
      code: known.code,
      message: known.message,
      request_id: request.id,
      ...(known.errors && { errors: known.errors }),
    })
}

/** One line a second and code, without a stack. The end is said once: a proxy asks /readyz until it is over. */
function warnOf(error: AppError, { log, server }: FastifyRequest): void {
  const { code } = error
  const repeated = code === 'shutting_down' ? undefined : server.logThrottle(`refused ${code}`)
  if (repeated === undefined) return
  log.warn({ code, reason: reasonOf(error), ...(repeated > 0 && { repeated }) }, 'request refused')
}

/** A short one: a statement's error has its values in the message. */
function reasonOf({ cause, message }: AppError): string {
  if (!(cause instanceof Error)) return message
  const { code } = driverError(cause)
  return code ?? (isQueryError(cause) ? message : cause.message)
}

function toAppError(error: FastifyError, request: FastifyRequest): AppError {
  if (error instanceof AppError) return error
  if (error.validation) return invalidInput(error)
  if (isUnavailable(error)) return new AppError('database_unavailable', { cause: error })
  const broken = meaning(error)
  if (broken) return new AppError(broken.code, { detail: broken.detail })
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return unsupportedMediaType(request)
  const [code, detail] = frameworkFaults[error.code] ?? [codeOf(error)]
  return new AppError(code, { cause: error, ...(detail && { detail }) })
}

const frameworkFaults: Record<string, [ErrorCode, string]> = {
  FST_ERR_BAD_URL: ['bad_request', 'The path has a broken percent-encoding'],
  FST_ERR_MAX_PARAM_LENGTH: ['bad_request', 'A part of the path is too long'],
  FST_ERR_CTP_INVALID_JSON_BODY: [
    'malformed_json',
    'The body is not JSON, or has a member __proto__ or constructor.prototype',
  ],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed_json', 'The body is empty, though its content type is JSON'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The body is larger than this address takes'],
}

const mediaTypes = ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data']

/** Names what the address takes, for programs too (RFC 9110 15.5.16; RFC 5789 2.2). */
function unsupportedMediaType({ headers, method, server }: FastifyRequest): AppError {
  const taken = mediaTypes.filter((type) => server.hasContentTypeParser(type))
  const fault = headers['content-type'] ? 'not the content type of this body' : 'and the body has no Content-Type'
  const accept = taken.join(', ')
  return new AppError('unsupported_media_type', {
    detail: `This address takes ${taken.join(' or ')}, ${fault}`,
    headers: { accept, ...(['POST', 'PATCH'].includes(method) && { [`accept-${method.toLowerCase()}`]: accept }) },
  })
}

const byStatus: Record<number, ErrorCode> = {
  404: 'not_found',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  429: 'too_many_requests',
  431: 'headers_too_large',
  503: 'shutting_down',
}

function codeOf(error: FastifyError): ErrorCode {
  const status = error.statusCode ?? 500
  if (error instanceof SyntaxError && status === 400) return 'malformed_json'
  return byStatus[status] ?? (status >= 400 && status < 500 ? 'bad_request' : 'internal_error')
}

// A request of 16 KiB can have thousands; a long list helps no client.
const maxFaults = 20

function invalidInput(error: FastifyError): AppError {
  const part = error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? 'body')
  const errors = (error.validation ?? []).slice(0, maxFaults).map((fault): InputFault => {
    const path = [part, ...fault.instancePath.split('/').slice(1)].join('.')
    const { missingProperty, additionalProperty } = fault.params as Record<string, string>
    if (missingProperty) return { path: `${path}.${missingProperty}`, message: 'is required' }
    if (additionalProperty) return { path: `${path}.${additionalProperty}`, message: fault.message ?? 'is not known' }
    return { path, message: fault.message ?? 'is not valid' }
  })
  return new AppError('invalid_input', {
    detail: errors.map((fault) => `${fault.path} ${fault.message}`).join('; '),
    errors,
  })
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

function notFound(app: FastifyInstance, request: FastifyRequest): AppError {
  const url = request.url.split('?', 1)[0] ?? '/'
  const allowed = methods.filter((method) => app.findRoute({ method, url }) !== null)
  const method = methods.find((method) => method === request.method)
  // A route that takes the method has found nothing itself: a file of the documentation, say.
  if (allowed.length === 0 || (method && allowed.includes(method)))
    return new AppError('not_found', { detail: 'There is nothing at this address, see /docs' })
  const allow = allowed.join(', ')
  const isRefusedPage = isPreflight(request)
  // A browser shows its user nothing of the answer.
  if (isRefusedPage && app.logThrottle('preflight') !== undefined)
    request.log.info('a page of another origin was refused: CORS_ORIGINS is not set')
  const hint = isRefusedPage ? '. To let pages of other origins ask, set CORS_ORIGINS to their origins' : ''
  return new AppError('method_not_allowed', { detail: `This address takes ${allow}${hint}`, headers: { allow } })
}

/** A browser asks whether a page may ask. Where CORS is on, this does not get here. */
function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && 'access-control-request-method' in headers
}
