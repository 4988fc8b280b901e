import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { ErrorCode } from '../errors.ts'
import type { Endpoint, Exchange } from '../http/exchanges.ts'

export interface Exchanges {
  /** How many are under way. */
  inFlight: number
  onEnd(listener: (exchange: Exchange) => void): void
  /** For a request that gets to no hook, as the router gives up. */
  begin(request: FastifyRequest, reply: FastifyReply): void
}

declare module 'fastify' {
  interface FastifyInstance {
    exchanges: Exchanges
  }
  interface FastifyRequest {
    /** The code of the problem in its response. */
    problem: ErrorCode | undefined
  }
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * Reports every request once to the log and the metrics. Fastify's own onResponse misses clients that went away.
 * Registered before all other plugins: a hook that throws prevents later ones.
 */
export default fp(async (app: FastifyInstance) => {
  const listeners: ((exchange: Exchange) => void)[] = []
  const endpointOf = endpoints()
  const exchanges: Exchanges = {
    inFlight: 0,
    onEnd: (listener) => void listeners.push(listener),
    begin(request, reply) {
      const began = performance.now()
      const { raw } = reply
      exchanges.inFlight++
      let underWay = true
      const end = (aborted: boolean) => {
        if (!underWay) return
        underWay = false
        exchanges.inFlight--
        const status = aborted && !raw.headersSent ? 499 : reply.statusCode
        const seconds = (performance.now() - began) / 1000
        const exchange = { request, reply, endpoint: endpointOf(request), status, seconds, aborted }
        for (const listener of listeners) listener(exchange)
      }
      raw.on('finish', () => end(false)).on('close', () => end(true))
    },
  }
  app.decorate('exchanges', exchanges)
  app.decorateRequest('problem', undefined)
  app.addHook('onRequest', (request, reply, done) => {
    exchanges.begin(request, reply)
    done()
  })
})

/** Computes the endpoint of a route once; by method where there is no route. */
function endpoints(): (request: FastifyRequest) => Endpoint {
  const byRoute = new WeakMap<object, Endpoint>()
  const unmatched = new Map<string, Endpoint>()
  return (request) => {
    const { url, schema, config } = request.routeOptions
    const method = methods.has(request.method) ? request.method : 'OTHER'
    const known = url === undefined ? unmatched.get(method) : byRoute.get(config)
    if (known) return known
    const { operationId: operation } = (schema ?? {}) as { operationId?: string }
    const endpoint = { method, route: url ?? 'unmatched', operation }
    if (url === undefined) unmatched.set(method, endpoint)
    else byRoute.set(config, endpoint)
    return endpoint
  }
}
