import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import fp from 'fastify-plugin'
import { AppError } from '../errors.ts'

const second = 1000
const maxConnections = 5000
// Descriptors for all but clients: the database, upstream, S3, files, and what Node needs to look at itself.
const reservedFiles = 150
const maxHeaders = 100
const bodyBytesPerMs = 8

export interface Limits {
  /** Requests at once; from then on they are refused. */
  maxInFlight: number
  /** The time for a body, plus a second for each 8 KB: slower senders than a modem are cut off. */
  bodyGraceMs: number
  /** The mean lag of the event loop over a second. Its utilisation is no sign: at full load a healthy one is always busy. */
  maxLagMs: number
}

// In flight: above all requests that may rightly wait at once: 5 s worth for a hash, some for an import or export, a second's
// worth for the database.
const defaults: Limits = { maxInFlight: 1000, bodyGraceMs: 30 * second, maxLagMs: second }
const exempt = new Set(['/livez', '/readyz', '/metrics'])

/** The server's limits against slow clients, for Fastify(). Of a body's pace the plugin takes care. */
export const serverLimits = {
  bodyLimit: 1024 * 1024,
  // For a whole request: as long as the longest upload may take (a CSV of 1 GiB).
  requestTimeout: 3600 * second,
  // Longer than the usual proxy keeps an idle connection (60 s), so that the proxy closes it.
  keepAliveTimeout: 72 * second,
  // No byte sent or received for this time: also a client that stopped reading a stream.
  connectionTimeout: 300 * second,
} as const satisfies FastifyServerOptions

/** The same for Node's http.createServer. */
export const headerLimits = { headersTimeout: 10 * second, connectionsCheckingInterval: 2.5 * second }

/** Rejects at once what would overload the service: health and metrics are exempt from all but the connections. */
export default fp(async (app: FastifyInstance, options: { limits?: Partial<Limits> | undefined }) => {
  const { maxInFlight, bodyGraceMs, maxLagMs } = { ...defaults, ...options.limits }
  app.server.maxConnections = Math.min(maxConnections, roomForClients(maxFiles()))
  const inFlight = new Set<FastifyRequest>()
  const admit = (request: FastifyRequest): AppError | undefined => {
    if (inFlight.size >= maxInFlight && !isExempt(request)) return overloaded()
    inFlight.add(request)
    return undefined
  }

  app.addHook('onRequest', (request, reply, done) => {
    if (request.raw.rawHeaders.length > maxHeaders * 2) {
      return done(new AppError('headers_too_large', { detail: `There are more than ${maxHeaders} headers` }))
    }
    // A slow sender is not our load: with a body it counts from when that has come.
    if (!hasBody(request)) return done(admit(request))
    watchPace(request, reply, bodyGraceMs)
    done()
  })
  app.addHook('preValidation', (request, _reply, done) => done(hasBody(request) ? admit(request) : undefined))
  // The work is done then; a slow reader is not our load either.
  app.addHook('onSend', (request, _reply, payload, done) => {
    inFlight.delete(request)
    done(null, payload)
  })
  app.addHook('onResponse', (request, _reply, done) => {
    inFlight.delete(request)
    done()
  })

  // The start blocks the event loop by rights: what was measured then says nothing.
  let judgedFrom = Number.POSITIVE_INFINITY
  app.server.once('listening', () => {
    judgedFrom = performance.now() + 2 * second
  })
  await app.register(underPressure, {
    maxEventLoopDelay: maxLagMs,
    sampleInterval: second,
    pressureHandler: async (request, _reply, _kind, lagMs) => {
      // Infinite where the loop had no turn between two samples: more than their interval, and no more is known of it.
      if (lagMs === Number.POSITIVE_INFINITY && maxLagMs > second) return
      if (performance.now() > judgedFrom && !isExempt(request)) throw overloaded()
    },
  })
})

/** Without a descriptor left even the memory in use can't be read, and that error ends the process. */
function roomForClients(files: number): number {
  return files - Math.min(reservedFiles, Math.ceil(files / 2))
}

/** The limit of descriptors of this process; only Linux has it. */
function maxFiles(): number {
  try {
    const [, limit] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

function isExempt(request: FastifyRequest): boolean {
  return exempt.has(request.routeOptions.url ?? '')
}

function overloaded(): AppError {
  return new AppError('overloaded', { detail: 'There is more to do than can be done now; try again shortly' })
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Ends a request whose body is too slow: JSON and forms with 408, the upload of a file with its connection. */
function watchPace({ raw, headers }: FastifyRequest, reply: FastifyReply, bodyGraceMs: number): void {
  const isUpload = headers['content-type']?.startsWith('multipart/') ?? false
  const { socket } = raw
  // What becomes of a file may take long, and nothing is sent meanwhile.
  if (isUpload) pauseTimeout(reply)
  const begun = performance.now()
  const before = socket.bytesRead ?? 0
  const check = () => {
    const due = begun + bodyGraceMs + ((socket.bytesRead ?? 0) - before) / bodyBytesPerMs
    const left = due - performance.now()
    if (left > 0) timer = setTimeout(check, left)
    else if (isUpload || reply.sent || raw.listenerCount('error') === 0) raw.destroy()
    // To the parser of the body, which sends the response.
    else raw.emit('error', new AppError('request_timeout', { headers: { connection: 'close' } }))
  }
  let timer = setTimeout(check, bodyGraceMs)
  const stop = () => clearTimeout(timer)
  raw.once('end', stop).once('close', stop)
}

function pauseTimeout({ raw, server }: FastifyReply): void {
  const { socket } = raw
  // What is injected has no real one.
  if (!(socket instanceof Socket)) return
  socket.setTimeout(0)
  raw.once('close', () => socket.setTimeout(server.server.timeout))
}
