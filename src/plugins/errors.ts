import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { isUnavailable, meaning } from '../db/errors.ts'
import { AppError, type ErrorCode, errorCodes, type InputFault } from '../errors.ts'

interface ErrorsOptions {
  /** Told of every internal error, once. */
  report?: ((error: unknown, context: { requestId: string }) => void) | undefined
}

/** The one door by which errors leave: RFC 9457 for every status of 400 and above, whoever raised it. */
export default fp(async (app: FastifyInstance, { report }: ErrorsOptions) => {
  app.setErrorHandler((error, request, reply) => {
    sendProblem(error, request, reply)
    if (reply.statusCode === 500) report?.(error, { requestId: request.id })
  })
  app.setNotFoundHandler((request, reply) => sendProblem(notFound(app, request), request, reply))
})

/** For Fastify's `frameworkErrors`: a URL that the router can't read. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toAppError(error as FastifyError)
  const [status, title] = errorCodes[known.code]
  if (status >= 500) request.log.error({ err: error, code: known.code }, 'request failed')
  return reply
    .code(status)
    .headers(known.headers)
    .type('application/problem+json')
    .send({
      type: `/problems/${known.code}`,
      title,
      status,
      detail: known.message,
      instance: request.url.split('?', 1)[0],
      code: known.code,
      message: known.message,
      request_id: request.id,
      ...(known.errors && { errors: known.errors }),
    })
}

const rawFaults: Record<string, [ErrorCode, string]> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers are larger than 16 KiB'],
  HPE_INVALID_URL: ['bad_request', 'The URL has characters that must be percent-encoded (UTF-8)'],
  ERR_HTTP_REQUEST_TIMEOUT: ['bad_request', 'The request did not come in time'],
}

/** For Fastify's `clientErrorHandler`: bytes that are no HTTP, answered on the raw socket. */
export function sendRawProblem(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [code, detail] = rawFaults[error.code ?? ''] ?? ['bad_request', 'This is not HTTP/1.1']
  const [status, title] = errorCodes[code]
  const body = JSON.stringify({ type: `/problems/${code}`, title, status, detail, code, message: detail })
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

function toAppError(error: FastifyError): AppError {
  if (error instanceof AppError) return error
  if (error.validation) return invalidInput(error)
  if (isUnavailable(error)) return new AppError('database_unavailable', { cause: error })
  const broken = meaning(error)
  if (broken) return new AppError(broken.code, { detail: broken.detail })
  return new AppError(codeOf(error), { cause: error })
}

const byFrameworkCode: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_json',
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
  const named =
    byFrameworkCode[error.code] ?? (error instanceof SyntaxError && status === 400 ? 'malformed_json' : undefined)
  return named ?? byStatus[status] ?? (status >= 400 && status < 500 ? 'bad_request' : 'internal_error')
}

function invalidInput(error: FastifyError): AppError {
  const part = error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? 'body')
  const errors = (error.validation ?? []).map((fault): InputFault => {
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
  if (allowed.length === 0) return new AppError('not_found', { detail: 'There is nothing at this address, see /docs' })
  const allow = allowed.join(', ')
  return new AppError('method_not_allowed', { detail: `This address takes ${allow}`, headers: { allow } })
}
