import { pipeline, Readable, type Transform } from 'node:stream'
import { promisify } from 'node:util'
import {
  brotliCompress,
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createGzip,
  gzip,
  gzipSync,
} from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { Counter } from 'prom-client'
import { addVary } from '../http/cache-headers.ts'
import { etagOf } from '../http/json-payload.ts'
import { type Coding, codedTag, codingFor, isCurrent } from '../http/representations.ts'

type Bytes = string | Buffer
type Done = (error: Error | null, payload?: unknown) => void

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its responses are always streams, so that no tag of them is known. */
    isStreamed?: boolean
  }
  interface FastifyInstance {
    /**
     * An onSend hook for a scope: responses are compressed as the client accepts, have an entity tag for each coding, and
     * are 304 if the client has this version (RFC 9110 8.4, 8.8.3, 13.1.2).
     */
    represent(request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done): void
  }
}

// Below it there is nothing to gain.
const minBytes = 1024
// Up to here on the spot, in a millisecond or two: to hand it over would cost as much.
const onTheSpotBytes = 64 * 1024
const maxAtOnce = 4
const maxStreams = 64
const keptBytes = 8 * 1024 * 1024
const maxKeptBytes = 256 * 1024
const compressible = /^(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml|javascript|openmetrics-text)\b|image\/svg)/

// What is made anew must not take longer than it saves. The window, here of 256 KB, bounds what a stream takes.
const brotli = brotliOf(4, 18)
// While the reader waits: a third less time for 3 % more bytes. Nothing that comes here is larger than this window of 64 KB.
const smallBrotli = brotliOf(3, 16)
const zip = { level: 6, memLevel: 8 }
const coders = {
  br: {
    now: (bytes: Bytes) => brotliCompressSync(bytes, smallBrotli),
    soon: (bytes: Bytes) => promisify(brotliCompress)(bytes, brotli),
    stream: (): Transform => createBrotliCompress(brotli),
  },
  gzip: {
    now: (bytes: Bytes) => gzipSync(bytes, zip),
    soon: (bytes: Bytes) => promisify(gzip)(bytes, zip),
    stream: (): Transform => createGzip(zip),
  },
}

/** What of a resource is sent: in which coding, or that the client has it. Needs the metrics. */
export default fp(async (app: FastifyInstance) => {
  const counter = new Counter({
    name: 'http_compressions_total',
    help: 'Responses that were sent compressed, by where that came from, or plain because too many were being compressed',
    labelNames: ['coding', 'result'],
    registers: [app.metrics],
  })
  // By entity tag, which names the bytes: nothing in it is ever out of date.
  const kept = new LRUCache<string, Buffer>({ maxSize: keptBytes, sizeCalculation: (bytes) => bytes.length + 200 })
  let underWay = 0
  let streams = 0

  app.decorate('represent', (request, reply, payload, done) => {
    const coding = chooseCoding(request, reply, payload)
    const tag = tagOf(request, reply, payload, coding)
    if (tag !== undefined && isCurrent(request, tag)) {
      reply.code(304).removeHeader('content-type').removeHeader('content-length')
      if (payload instanceof Readable) payload.destroy()
      // Fastify removes the body of a response to HEAD, and needs one to do so.
      return done(null, request.method === 'HEAD' && !(payload instanceof Readable) ? payload : null)
    }
    if (!coding) return done(null, payload)
    const compressed = compress(reply, payload as Bytes | Readable, coding, tag)
    if (!(compressed instanceof Promise)) return done(null, compressed)
    compressed.then(
      (bytes) => done(null, bytes),
      (error) => done(error),
    )
  })

  /** The payload in the coding, at once if it is kept or small; as it is, where too many are being compressed. */
  function compress(reply: FastifyReply, payload: Bytes | Readable, coding: Coding, tag: string | undefined) {
    const coder = coders[coding]
    const isStream = payload instanceof Readable
    const known = tag === undefined || isStream ? undefined : kept.get(tag)
    const isBusy = isStream ? streams >= maxStreams : payload.length > onTheSpotBytes && underWay >= maxAtOnce
    if (!known && isBusy) {
      counter.inc({ coding, result: 'plain' })
      if (tag !== undefined) reply.header('etag', tag.replace(`.${coding}"`, '"'))
      return payload
    }
    counter.inc({ coding, result: known ? 'kept' : 'made' })
    reply.header('content-encoding', coding).removeHeader('content-length')
    if (known) return known
    if (isStream) return compressStream(payload, coder.stream())
    if (payload.length > onTheSpotBytes) return compressSoon(payload, coder.soon, tag)
    return keep(tag, coder.now(payload))
  }

  function compressStream(source: Readable, coder: Transform): Transform {
    streams++
    return pipeline(source, coder, () => {
      streams--
    })
  }

  async function compressSoon(bytes: Bytes, work: (bytes: Bytes) => Promise<Buffer>, tag: string | undefined) {
    underWay++
    try {
      return keep(tag, await work(bytes))
    } finally {
      underWay--
    }
  }

  function keep(tag: string | undefined, bytes: Buffer): Buffer {
    if (tag !== undefined && bytes.length <= maxKeptBytes) kept.set(tag, bytes)
    return bytes
  }
})

function brotliOf(quality: number, windowBits: number) {
  return { params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_LGWIN]: windowBits } }
}

/** Undefined where it is sent as it is. A response that might have had a coding says so in `Vary`. */
function chooseCoding(request: FastifyRequest, reply: FastifyReply, payload: unknown): Coding | undefined {
  const isBody = typeof payload === 'string' || Buffer.isBuffer(payload) || payload instanceof Readable
  if (request.routeOptions.config.neverCompressed || reply.hasHeader('content-encoding')) return undefined
  if (!isBody && reply.statusCode !== 304) return undefined
  if (isBody && !compressible.test(String(reply.getHeader('content-type')))) return undefined
  addVary(reply, 'accept-encoding')
  return isBody && (payload instanceof Readable || payload.length >= minBytes) ? codingFor(request) : undefined
}

/** Undefined for a stream that has none: what is to come of it is not known. */
function tagOf(request: FastifyRequest, reply: FastifyReply, payload: unknown, coding: Coding | undefined) {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (!isRead || reply.statusCode !== 200) return undefined
  const given = reply.getHeader('etag')
  if (given === undefined && typeof payload !== 'string' && !Buffer.isBuffer(payload)) return undefined
  const tag = codedTag(given === undefined ? etagOf(payload as Bytes) : String(given), coding)
  if (tag !== given) reply.header('etag', tag)
  return tag
}

/** An onRoute hook beside it, for the document. */
export function documentConditionalGet(route: RouteOptions): void {
  if (route.method !== 'GET' || !route.schema || route.config?.isStreamed) return
  route.config = { ...route.config, isConditional: true }
  // What the route itself says of it comes first.
  const response = {
    304: { description: 'As `If-None-Match` has it', type: 'null' },
    ...(route.schema.response as object),
  }
  route.schema = { ...route.schema, response }
}

/** An onRoute hook of a scope with secrets in its responses. */
export function neverCompressed(route: RouteOptions): void {
  route.config = { ...route.config, neverCompressed: true }
}
