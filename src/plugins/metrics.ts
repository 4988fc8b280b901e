import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client'
import { type Endpoint, memoize } from '../http/exchanges.ts'

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
  for (const metric of processMetrics()) registry.registerMetric(metric)
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
  const durations = histogram(registry, {
    name: 'http_request_duration_seconds',
    help: 'Time from the headers of a request to the end of its answer',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  })
  const bytesOf = bytesOnConnections(registry)
  const operations = countOperations(app, registers)
  const countersOf = memoize((endpoint: Endpoint) => {
    const { method, route } = endpoint
    return {
      bytes: bytesOf({ method, route }),
      ended: memoize((status: number) => ({
        duration: durations({ method, route, status_code: String(status) }),
        operation: operations(endpoint, status),
      })),
    }
  })
  app.exchanges.onEnd(({ request, endpoint, status, seconds }) => {
    const { bytes, ended } = countersOf(endpoint)
    const { duration, operation } = ended(status)
    duration(seconds)
    operation?.inc()
    bytes(request.socket)
  })
})

let ofProcess: Registry | undefined

/** What watches the process (its garbage collection, its event loop) has no end: it is made once for all apps. */
function processMetrics(): Metric[] {
  if (!ofProcess) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  return ofProcess.getMetricsAsArray() as unknown as Metric[]
}

type Registers = Registry[]
type Labels = Record<string, string>

/** As counted by the socket: with the headers, and bodies of any length, also where the client names none. */
function bytesOnConnections(registry: Registry) {
  const help = (what: string) => `Bytes of ${what} on its connection, with the headers`
  const received = histogram(registry, {
    name: 'http_request_size_bytes',
    help: help('a request'),
    buckets: byteBuckets,
  })
  const sent = histogram(registry, { name: 'http_response_size_bytes', help: help('an answer'), buckets: byteBuckets })
  const before = new WeakMap<Socket, { read: number; written: number }>()
  return (labels: Labels) => {
    const [observeReceived, observeSent] = [received(labels), sent(labels)]
    return (socket: Socket) => {
      const { bytesRead: read, bytesWritten: written } = socket
      if (read === undefined || written === undefined) return // an injected request has no connection
      const last = before.get(socket)
      observeReceived(read - (last?.read ?? 0))
      observeSent(written - (last?.written ?? 0))
      if (last) Object.assign(last, { read, written })
      else before.set(socket, { read, written })
    }
  }
}

function countOperations(app: FastifyInstance, registers: Registers) {
  const counter = new Counter({
    name: 'http_operations_total',
    help: 'Requests by operation of the API (operationId) and class of their status',
    labelNames: ['operation', 'status_class'],
    registers,
  })
  app.addHook('onRoute', ({ schema }) => {
    const { operationId: operation } = (schema ?? {}) as { operationId?: string }
    // At 0 from the start, so that the first failure of an operation already is a rise.
    if (operation) for (const status_class of ['2xx', '4xx', '5xx']) counter.inc({ operation, status_class }, 0)
  })
  return ({ operation }: Endpoint, status: number) =>
    operation === undefined ? undefined : counter.labels(operation, `${Math.floor(status / 100)}xx`)
}

/**
 * A histogram whose series are looked up once. prom-client's own finds them by a text of all labels at every observation,
 * also in a child: with three for each request that costs more than all else about the metrics.
 */
function histogram(registry: Registry, { name, help, buckets }: { name: string; help: string; buckets: number[] }) {
  const series: { labels: Labels; counts: number[]; sum: number }[] = []
  const values = () =>
    series.flatMap(({ labels, counts, sum }) => {
      let below = 0
      const upTo = counts.map((count, i) => {
        below += count
        return { metricName: `${name}_bucket`, labels: { le: buckets[i] ?? '+Inf', ...labels }, value: below }
      })
      return [
        ...upTo,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: below },
      ]
    })
  const get = async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: values() })
  registry.registerMetric({ name, get } as never)
  return (labels: Labels) => {
    const own = { labels, counts: [...buckets, Number.POSITIVE_INFINITY].map(() => 0), sum: 0 }
    let isListed = false
    return (value: number) => {
      if (!isListed) series.push(own)
      isListed = true
      let i = 0
      while (i < buckets.length && value > (buckets[i] as number)) i++
      own.counts[i] = (own.counts[i] ?? 0) + 1
      own.sum += value
    }
  }
}
