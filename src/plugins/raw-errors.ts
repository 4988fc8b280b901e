import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyInstance } from 'fastify'
import { type ErrorCode, errorCodes } from '../errors.ts'
import { encodedAddress } from '../http/raw-address.ts'

// For the response to arrive.
const rawGraceMs = 1000

const rawFaults: Record<string, [ErrorCode, string]> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers are larger than 16 KiB'],
  HPE_INVALID_URL: ['bad_request', 'The URL has characters that must be percent-encoded (UTF-8)'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not come in time'],
}

// Bytes beyond ASCII; and a space, behind which the version is expected.
const addressFaults = new Set(['HPE_INVALID_URL', 'HPE_INVALID_CONSTANT'])

/** `rawPacket` is a Buffer, whatever Fastify's type says: the bytes as they came. */
function explainRaw({ code, rawPacket, bytesParsed }: ConnectionError): [ErrorCode, string] {
  const known = rawFaults[code] ?? ['bad_request', 'This is not HTTP/1.1']
  const address = addressFaults.has(code) && Buffer.isBuffer(rawPacket) && encodedAddress(rawPacket, bytesParsed)
  return address ? ['bad_request', `${rawFaults.HPE_INVALID_URL?.[1]}. This address works: ${address}`] : known
}

/** For Fastify's `clientErrorHandler`: bytes that are no HTTP, with a response on the raw socket. */
export function sendRawProblem(this: FastifyInstance, error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [code, detail] = explainRaw(error)
  const [status, title] = errorCodes[code]
  const id = randomUUID()
  const repeated = this.logThrottle(`not HTTP ${status}`)
  if (repeated !== undefined) {
    this.log.info({ request_id: id, status, reason: error.code, ...(repeated > 0 && { repeated }) }, 'not HTTP')
  }
  const type = `/problems/${code}`
  // There is no path to name: the occurrence itself is named.
  const instance = `urn:uuid:${id}`
  const body = JSON.stringify({ type, title, status, detail, instance, code, message: detail, request_id: id })
  // The peer may neither read nor close; the connection is ended all the same.
  const timer = setTimeout(() => socket.destroy(), rawGraceMs).unref()
  socket.once('close', () => clearTimeout(timer))
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\nx-request-id: ${id}\r\n` +
      `x-content-type-options: nosniff\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}
