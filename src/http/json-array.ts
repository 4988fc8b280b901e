import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { etagOf, type JsonPayload, sendJson, toBytes } from './json-payload.ts'
import { holdPlace, type Places } from './places.ts'

/** A part of a listing. */
interface Batch<T> {
  items: T[]
  isLast: boolean
}

// What is handed to the connection at once; until it is gone nothing more is rendered or read.
const pieceBytes = 64 * 1024

/**
 * Sends an array of items that are bytes of JSON (see JsonPayload). Of one batch it is sent whole, with an entity tag; a
 * longer one as its reader takes it, without. The first batch has been read before anything is sent, so that a failure
 * becomes a status.
 * @throws {AppError} overloaded, when its reader has too many long answers under way
 */
export async function sendArray(
  request: FastifyRequest,
  reply: FastifyReply,
  places: Places,
  batches: AsyncGenerator<Batch<string>>,
): Promise<never> {
  const { value: first } = await batches.next()
  if (!first || first.isLast) return sendJson(reply, whole(first?.items ?? []))
  reply.type('application/json; charset=utf-8')
  // HEAD must not read the rest.
  if (request.method === 'HEAD') return reply.send(Readable.from([]) as never) as never
  await holdPlace(request, reply, places)
  return reply.send(Readable.from(pieces(inTurn(places, first.items, batches))) as never) as never
}

/** Batches of rows as batches of bytes of JSON. */
export async function* rendered<T>(batches: AsyncIterable<Batch<T>>, render: (row: T) => string) {
  for await (const { items, isLast } of batches) yield { items: items.map((row) => toBytes(render(row))), isLast }
}

function whole(items: string[]): JsonPayload {
  const bytes = `[${items.join()}]`
  return { bytes, etag: etagOf(bytes) }
}

async function* inTurn(places: Places, first: string[], rest: AsyncGenerator<Batch<string>>): AsyncGenerator<string[]> {
  yield first
  for (;;) {
    const { value } = await places.inTurn(() => rest.next())
    if (!value) return
    yield value.items
  }
}

async function* pieces(batches: AsyncIterable<string[]>): AsyncGenerator<Buffer> {
  let text = '['
  let separator = ''
  for await (const items of batches) {
    // Each is taken out, so that nothing is held that has been handed on.
    for (let item = items.shift(); item !== undefined; item = items.shift()) {
      text += separator + item
      separator = ','
      if (text.length < pieceBytes) continue
      const piece = Buffer.from(text, 'latin1')
      text = ''
      yield piece
    }
  }
  yield Buffer.from(`${text}]`, 'latin1')
}
