import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyInstance } from 'fastify'
import { AppError, type ErrorCode, errorCodes } from '../errors.ts'
import { encodedAddress } from '../http/raw-address.ts'
import { inUpstreamForm, isUpstreamAddress } from '../http/upstream-form.ts'

// Only there where the compatible addresses are served.
const upstreamRoute = { method: 'GET', url: '/api/v1/api_keys/:key' } as const

// For the response to arrive.
const rawGraceMs = 1000

const rawFaults: Record<string, [ErrorCode, string]> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers are larger than 16 KiB'],
  HPE_INVALID_URL: ['bad_request', 'The URL has characters that must be percent-encoded (UTF-8)'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not come in time'],
}

// Bytes beyond ASCII; and a space, behind which the version is expected.
const addressFaults = new Set(['HPE_INVALID_URL', 'HPE_INVALID_CONSTANT'])

interface Explained {
  code: ErrorCode
  detail: string
  /** The encoded address, where that is all that is wrong. */
  address: string | undefined
}

/** `rawPacket` is a Buffer, whatever Fastify's type says: the bytes as they came. */
function explainRaw({ code, rawPacket, bytesParsed }: ConnectionError): Explained {
  const [known, text] = rawFaults[code] ?? ['bad_request', 'This is not HTTP/1.1']
  const isOfAddress = addressFaults.has(code) && Buffer.isBuffer(rawPacket)
  const address = isOfAddress ? encodedAddress(rawPacket, bytesParsed) : undefined
  if (address === undefined) return { code: known, detail: text, address }
  return { code: 'bad_request', detail: `${rawFaults.HPE_INVALID_URL?.[1]}. This address works: ${address}`, address }
}

/** For Fastify's `clientErrorHandler`: bytes that are no HTTP, with a response on the raw socket. */
export function sendRawProblem(this: FastifyInstance, error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const { code, detail, address } = explainRaw(error)
  const [status, title] = errorCodes[code]
  const id = randomUUID()
  const repeated = this.logThrottle(`not HTTP ${status}`)
  if (repeated !== undefined) {
    this.log.info({ request_id: id, status, reason: error.code, ...(repeated > 0 && { repeated }) }, 'not HTTP')
  }
  const type = `/problems/${code}`
  // There is no path to name: the occurrence itself is named.
  const instance = `urn:uuid:${id}`
  const problem = { type, title, status, detail, instance, code, message: detail, request_id: id }
  const compatible = address !== undefined && isUpstreamAddress(address) && this.hasRoute(upstreamRoute)
  const form = compatible
    ? { ...inUpstreamForm(new AppError(code, { detail })), type: 'application/json' }
    : { body: problem, headers: {}, type: 'application/problem+json' }
  const body = JSON.stringify(form.body)
  const headers = Object.entries(form.headers).map(([name, value]) => `${name}: ${value}\r\n`)
  // The peer may neither read nor close; the connection is ended all the same.
  const timer = setTimeout(() => socket.destroy(), rawGraceMs).unref()
  socket.once('close', () => clearTimeout(timer))
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: ${form.type}\r\nx-request-id: ${id}\r\n${headers.join('')}` +
      `x-content-type-options: nosniff\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}
