import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Gauge } from 'prom-client'
import { type Changes, followChanges } from '../db/changes.ts'
import { withoutValues } from '../db/errors.ts'
import { createMemory, type Memory } from '../db/memory.ts'

declare module 'fastify' {
  interface FastifyInstance {
    memory: Memory
    changes: Changes
  }
}

/**
 * What was read lately, in memory, and the changes by which it is kept right. Whoever changes something is answered when
 * this process knows of it, so nobody is shown what was there before a write of his own. Needs the metrics; registered
 * before the routes.
 */
export default fp(async (app: FastifyInstance, options: { url: string; maxBytes: number }) => {
  // An expected state, which passes by itself: a slow or restarted database. So without the stack.
  const changes = followChanges(options.url, {
    warn: (error, message) => app.log.warn({ reason: withoutValues(error).message }, message),
  })
  const memory = createMemory(changes, options.maxBytes)
  app.decorate('changes', changes)
  app.decorate('memory', memory)
  app.addHook('onRoute', (route) => {
    if ([route.method].flat().some((method) => !['GET', 'HEAD', 'OPTIONS'].includes(method))) {
      route.onSend = [route.onSend ?? []].flat().concat(async () => changes.catchUp())
    }
  })
  app.addHook('onClose', async () => changes.close())
  tell(app, memory)
})

function tell({ metrics }: FastifyInstance, memory: Memory): void {
  const registers = [metrics]
  new Gauge({
    name: 'memory_cache_bytes',
    help: 'What was read of the database and is kept in memory',
    registers,
    collect() {
      this.set(memory.figures().bytes)
    },
  })
  new Gauge({
    name: 'memory_cache_current',
    help: '1 while changes of the database are followed; while they are not, nothing is served from memory',
    registers,
    collect() {
      this.set(memory.figures().isCurrent ? 1 : 0)
    },
  })
  new Counter({
    name: 'memory_cache_lookups_total',
    help: 'Looks into the memory, by what was looked for and whether it was there',
    labelNames: ['kind', 'result'],
    registers,
    collect() {
      this.reset()
      for (const { name, hits, misses } of memory.figures().shelves) {
        this.inc({ kind: name, result: 'hit' }, hits)
        this.inc({ kind: name, result: 'miss' }, misses)
      }
    },
  })
}
