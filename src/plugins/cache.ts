import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Gauge } from 'prom-client'
import { type Cache, createCache } from '../cache/cache.ts'
import { startChangeCleanup } from '../cache/change-cleanup.ts'
import { type ChangeFeed, openChangeFeed } from '../cache/change-feed.ts'
import { createReplayTargets, type ReplayTargets } from '../cache/replay-targets.ts'
import { withoutValues } from '../db/errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    cache: Cache
    changeFeed: ChangeFeed
    replayTargets: ReplayTargets
  }
}

interface Options {
  url: string
  maxBytes: number
  /** Whether it is to be known how far standbys are. */
  hasStandbys: boolean
}

/**
 * The cache, and the change feed that keeps it right. A response to a write waits until this process has seen its
 * change, so no client gets what was there before a write of its own. Needs the database and the metrics plugin;
 * registered before the routes.
 */
export default fp(async (app: FastifyInstance, options: Options) => {
  // An expected state, which passes by itself: a slow or restarted database. So without the stack.
  const warn = (error: unknown, message: string) => app.log.warn({ reason: withoutValues(error).message }, message)
  const replayTargets = createReplayTargets()
  const changeFeed = openChangeFeed(options.url, { warn, ...(options.hasStandbys && { replayTargets }) })
  const cleanup = startChangeCleanup(app.database, { warn })
  const cache = createCache(changeFeed, options.maxBytes)
  app.decorate('changeFeed', changeFeed)
  app.decorate('replayTargets', replayTargets)
  app.decorate('cache', cache)
  app.addHook('onRoute', (route) => {
    if ([route.method].flat().some((method) => !['GET', 'HEAD', 'OPTIONS'].includes(method))) {
      route.onSend = [route.onSend ?? []].flat().concat(async () => changeFeed.waitUntilCaughtUp())
    }
  })
  app.addHook('onClose', async () => {
    changeFeed.close()
    cleanup.close()
  })
  registerMetrics(app, cache)
})

function registerMetrics({ metrics }: FastifyInstance, cache: Cache): void {
  const registers = [metrics]
  new Gauge({
    name: 'memory_cache_bytes',
    help: 'What was read of the database and is kept in memory',
    registers,
    collect() {
      this.set(cache.stats().bytes)
    },
  })
  new Gauge({
    name: 'memory_cache_current',
    help: '1 while changes of the database are followed; while they are not, nothing is served from memory',
    registers,
    collect() {
      this.set(cache.stats().isCurrent ? 1 : 0)
    },
  })
  new Counter({
    name: 'memory_cache_lookups_total',
    help: 'Looks into the memory, by what was looked for and whether it was there',
    labelNames: ['kind', 'result'],
    registers,
    collect() {
      this.reset()
      for (const { name, hits, misses } of cache.stats().regions) {
        this.inc({ kind: name, result: 'hit' }, hits)
        this.inc({ kind: name, result: 'miss' }, misses)
      }
    },
  })
}
