import { hash } from 'node:crypto'

/**
 * JSON as it is sent: its UTF-8 as a string of one byte a character, which takes the least memory and is joined without
 * being encoded again, and its entity tag (RFC 9110 8.8.3).
 */
export interface Wire {
  bytes: string
  etag: string
}

interface Answer {
  header(name: string, value: string): Answer
  send(payload: never): unknown
}

export function toWire(json: string): Wire {
  const bytes = Buffer.from(json).toString('latin1')
  return { bytes, etag: etagOf(bytes) }
}

/** A JSON array. Its tag is that of its items' tags, which is shorter to hash. */
export function joinWires(items: Wire[]): Wire {
  return {
    bytes: `[${items.map((item) => item.bytes).join(',')}]`,
    etag: etagOf(items.map((item) => item.etag).join()),
  }
}

export function etagOf(bytes: string | Buffer): string {
  return `"${hash('sha1', bytes, 'base64url')}"`
}

/** Sends it by the route's declared status; plugins/etag.ts answers 304 to whom has it. */
export function sendWire(reply: Answer, { bytes, etag }: Wire): never {
  reply.header('content-type', 'application/json; charset=utf-8').header('etag', etag)
  // The route's types know its schema, not that what has been stringified already is passed on as it is.
  return reply.send(toPayload(bytes) as never) as never
}

const scratch = Buffer.alloc(1024 * 1024)

/** Not as a Buffer where it can be helped: those lie outside of the heap, and for every 20 MB of them V8 marks all of the heap. */
function toPayload(bytes: string): Buffer | string {
  if (bytes.length > scratch.length) return Buffer.from(bytes, 'latin1')
  return scratch.toString('utf8', 0, scratch.write(bytes, 'latin1'))
}
