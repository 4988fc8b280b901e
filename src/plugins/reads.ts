import type { FastifyInstance, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Gauge } from 'prom-client'
import { likeThat } from '../db/pool/address.ts'
import { openReads, type ReadSource, type Reads, readPrimary } from '../db/standby/reads.ts'
import { AppError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Where reads that may lag go. */
    reads: Reads
  }
  interface FastifyContextConfig {
    /** Goes on while the primary is away. */
    mayLag?: boolean
  }
  interface FastifyRequest {
    /** In ms of performance.now(). */
    begunAt: number
  }
}

interface Options {
  /** Of the primary, for dedicated connections. */
  url: string
  /** Of the primary, for the pool: standbys are spoken to in the same way. */
  databaseUrl: string
  /** Of the standbys, if there are any. */
  readUrl: string | undefined
  maxLagMs: number
}

/** An onRoute hook for a scope: what it reads may be read at a standby. */
export function mayLag(route: RouteOptions): void {
  if (['GET', 'HEAD'].includes(String(route.method))) route.config = { ...route.config, mayLag: true }
}

/**
 * Reads of the catalogue at standbys. What is older than what this process has seen, or than the bound, is read at the
 * primary instead; only while that is away is it read all the same, and the response says so. Needs the database, the
 * cache and the metrics plugin; registered before the routes.
 */
export default fp(async (app: FastifyInstance, { url, databaseUrl, readUrl, maxLagMs }: Options) => {
  const count = countReads(app)
  if (readUrl === undefined) {
    app.decorate('reads', readPrimary(app.database, url))
    registerMetrics(app)
    return
  }
  const { replayTargets, changeFeed } = app
  const last = { alone: Number.NEGATIVE_INFINITY, cautious: Number.NEGATIVE_INFINITY }
  const reads = openReads(likeThat(readUrl, databaseUrl), app.database, {
    primaryUrl: url,
    target: () => (changeFeed.isCurrent() ? replayTargets.target(maxLagMs) : undefined),
    isNear: (position) => replayTargets.isNear(position, maxLagMs),
    lastTarget: replayTargets.last,
    // An error can also mean that the pool is full: then there is one refusal, and no older data.
    async isPrimaryAway() {
      await changeFeed.waitUntilCaughtUp()
      return !changeFeed.isCurrent()
    },
    onRead(from) {
      count(from)
      if (from === 'alone' || from === 'cautious') last[from] = performance.now()
    },
    onChange: (standby, condition) => {
      if (app.logThrottle(`standby ${standby}`) === undefined) return
      if (condition === 'fit' || condition === 'primary') app.log.info({ standby, condition }, 'state of a standby')
      else app.log.warn({ standby, condition }, 'a standby is not read')
    },
  })
  app.decorate('reads', reads)
  app.addHook('onClose', () => reads.close())
  app.decorateRequest('begunAt', 0)
  app.addHook('onRequest', (request, _reply, done) => {
    request.begunAt = performance.now()
    done()
  })
  // A session that only a standby knows opens no more than what may lag.
  app.addHook('preValidation', async (request) => {
    const wasCautious = last.cautious >= request.begunAt
    if (wasCautious && request.routeOptions.config?.mayLag !== true) throw new AppError('database_unavailable')
  })
  app.addHook('onSend', async (request, reply) => {
    if (last.alone < request.begunAt || request.routeOptions.config?.mayLag !== true) return
    const positions = reads.standbys.map(({ position }) => position()).filter((each) => each !== undefined)
    const age = Math.ceil(Math.max(0, ...positions.map(replayTargets.ageMs)) / 1000)
    reply.header('cache-status', 'kinoteka; hit; detail="primary_away"')
    reply.header('kinoteka-warning', `primary-away; age=${age}`)
  })
  registerMetrics(app)
})

function countReads({ metrics }: FastifyInstance) {
  const reads = new Counter({
    name: 'db_lagging_reads_total',
    help: 'Reads that may lag, by where they were made; alone and cautious: at a standby because the primary is away',
    labelNames: ['source'],
    registers: [metrics],
  })
  for (const source of ['standby', 'primary', 'alone', 'cautious']) reads.inc({ source }, 0)
  return (source: ReadSource) => reads.inc({ source })
}

function registerMetrics({ metrics, replayTargets, reads: { standbys } }: FastifyInstance): void {
  const common = { labelNames: ['standby'], registers: [metrics] }
  new Gauge({
    ...common,
    name: 'db_standby_fit',
    help: '1 while a standby is near enough to the primary to be read from',
    collect() {
      for (const { name, condition } of standbys) this.set({ standby: name }, condition() === 'fit' ? 1 : 0)
    },
  })
  new Gauge({
    ...common,
    name: 'db_standby_lag_seconds',
    help: 'For how long a standby has missed something of the primary; absent while it is away',
    collect() {
      this.reset()
      for (const { name, position } of standbys) {
        const at = position()
        if (at !== undefined) this.set({ standby: name }, replayTargets.lagMs(at) / 1000)
      }
    },
  })
}
