import { hash } from 'node:crypto'
import type { EventEmitter } from 'node:events'

/**
 * JSON as it is sent: its UTF-8 as a string of one byte a character, which takes the least memory and is joined without
 * being encoded again, and its entity tag (RFC 9110 8.8.3).
 */
export interface JsonPayload {
  bytes: string
  etag: string
}

interface Reply {
  raw: EventEmitter
  header(name: string, value: string): Reply
  send(payload: never): unknown
}

/** UTF-8 as a string of one byte a character. */
export function toBytes(json: string): string {
  return Buffer.from(json).toString('latin1')
}

export function serialize(json: string): JsonPayload {
  const bytes = toBytes(json)
  return { bytes, etag: etagOf(bytes) }
}

export function parse<T>({ bytes }: JsonPayload): T {
  return JSON.parse(Buffer.from(bytes, 'latin1').toString())
}

/** A JSON array. Its tag is that of its items' tags, which is shorter to hash. */
export function joinArray(items: JsonPayload[]): JsonPayload {
  return {
    bytes: `[${items.map((item) => item.bytes).join(',')}]`,
    etag: etagOf(items.map((item) => item.etag).join()),
  }
}

export function etagOf(bytes: string | Buffer): string {
  return `"${hash('sha1', bytes, 'base64url')}"`
}

/** Sends it by the route's declared status. The ETag plugin answers 304 if the client has this version. */
export function sendJson(reply: Reply, { bytes, etag }: JsonPayload): never {
  reply.header('content-type', 'application/json; charset=utf-8').header('etag', etag)
  // The route's types know its schema, not that what has been stringified already is passed on as it is.
  return reply.send(toBuffer(bytes, reply.raw) as never) as never
}

const blockBytes = 128 * 1024
const maxIdle = 64
const idle: Buffer[] = []

/**
 * In a block that is reused when the response has been handed to the system. A new one each time would be garbage
 * outside of the heap, and for every 20 MB of that V8 marks all of the heap; a string would be encoded once more.
 */
function toBuffer(bytes: string, response: EventEmitter): Buffer {
  if (bytes.length > blockBytes) return Buffer.from(bytes, 'latin1')
  const block = idle.pop() ?? Buffer.allocUnsafeSlow(blockBytes)
  // Not with `close`: the system may still have it then.
  response.once('finish', () => {
    if (idle.length < maxIdle) idle.push(block)
  })
  return block.subarray(0, block.write(bytes, 'latin1'))
}
