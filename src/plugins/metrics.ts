import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Exchange } from '../operations.ts'

declare module 'fastify' {
  interface FastifyInstance {
    metrics: Registry
    /** Counts an error that was reported to Sentry. */
    countReport(): void
  }
}

const byteBuckets = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 16_777_216]

/** One registry per app, so that several apps in a process (tests) don't share figures. Labels by route pattern only. */
export default fp(async (app: FastifyInstance, { version }: { version: string }) => {
  const registry = new Registry()
  const registers = [registry]
  app.decorate('metrics', registry)
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'build_info',
    help: 'Always 1; its labels tell the version that runs',
    labelNames: ['version', 'node_version'],
    registers,
  }).set({ version, node_version: process.versions.node }, 1)
  new Gauge({
    name: 'http_requests_in_flight',
    help: 'Requests that are being answered',
    registers,
    collect() {
      this.set(app.exchanges.inFlight)
    },
  })
  const reports = new Counter({ name: 'sentry_events_total', help: 'Internal errors reported to Sentry', registers })
  app.decorate('countReport', () => reports.inc())
  app.exchanges.onEnd(observeDuration(registers))
  app.exchanges.onEnd(observeSizes(registers))
  app.exchanges.onEnd(countOperations(app, registers))
})

type Registers = Registry[]

function observeDuration(registers: Registers) {
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the headers of a request to the end of its answer',
    labelNames: ['method', 'route', 'status_code'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    registers,
  })
  const child = kept((method, route, status) => duration.labels(method, route, status))
  return ({ method, route, status, seconds }: Exchange) => child(method, route, String(status)).observe(seconds)
}

/** As counted by the socket: with the headers, and bodies of any length, also where the client names none. */
function observeSizes(registers: Registers) {
  const labelNames = ['method', 'route'] as const
  const help = (what: string) => `Bytes of ${what} on its connection, with the headers`
  const received = new Histogram({
    name: 'http_request_size_bytes',
    help: help('a request'),
    labelNames,
    buckets: byteBuckets,
    registers,
  })
  const sent = new Histogram({
    name: 'http_response_size_bytes',
    help: help('an answer'),
    labelNames,
    buckets: byteBuckets,
    registers,
  })
  const child = kept((method, route) => ({
    received: received.labels(method, route),
    sent: sent.labels(method, route),
  }))
  const before = new WeakMap<object, { read: number; written: number }>()
  return ({ request, method, route }: Exchange) => {
    const { socket } = request
    const { bytesRead: read, bytesWritten: written } = socket
    if (read === undefined || written === undefined) return // an injected request has no connection
    const last = before.get(socket) ?? { read: 0, written: 0 }
    before.set(socket, { read, written })
    const figures = child(method, route)
    figures.received.observe(read - last.read)
    figures.sent.observe(written - last.written)
  }
}

function countOperations(app: FastifyInstance, registers: Registers) {
  const counter = new Counter({
    name: 'http_operations_total',
    help: 'Requests by operation of the API (operationId) and class of their status',
    labelNames: ['operation', 'status_class'],
    registers,
  })
  const child = kept((operation, statusClass) => counter.labels(operation, statusClass))
  app.addHook('onRoute', ({ schema }) => {
    const { operationId } = (schema ?? {}) as { operationId?: string }
    // At 0 from the start, so that the first failure of an operation already is a rise.
    if (operationId) for (const each of ['2xx', '4xx', '5xx']) child(operationId, each).inc(0)
  })
  return ({ operation, status }: Exchange) => {
    if (operation) child(operation, `${Math.floor(status / 100)}xx`).inc()
  }
}

/** The children of a metric by their labels, each looked up once: binding costs more than counting. */
function kept<T>(make: (...labels: string[]) => T): (...labels: string[]) => T {
  const children = new Map<string, T>()
  return (...labels) => {
    const key = labels.join(' ')
    const known = children.get(key)
    if (known) return known
    const child = make(...labels)
    children.set(key, child)
    return child
  }
}
