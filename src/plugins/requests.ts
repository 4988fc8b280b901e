import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { ErrorCode } from '../errors.ts'
import type { Exchange } from '../operations.ts'

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
    /** The code of the problem that is its answer. */
    problem: ErrorCode | undefined
  }
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * Tells the log and the metrics of every request once. Fastify's own onResponse is silent about clients that went away.
 * Before all other plugins: a hook that throws keeps later ones from running.
 */
export default fp(async (app: FastifyInstance) => {
  const listeners: ((exchange: Exchange) => void)[] = []
  const exchanges: Exchanges = {
    inFlight: 0,
    onEnd: (listener) => void listeners.push(listener),
    begin(request, reply) {
      const began = performance.now()
      const { raw } = reply
      exchanges.inFlight++
      const end = (aborted: boolean) => {
        raw.off('finish', finished).off('close', closed)
        exchanges.inFlight--
        const seconds = (performance.now() - began) / 1000
        const exchange = { ...describe(request, reply, aborted), seconds }
        for (const listener of listeners) listener(exchange)
      }
      const finished = () => end(false)
      const closed = () => end(true)
      raw.on('finish', finished).on('close', closed)
    },
  }
  app.decorate('exchanges', exchanges)
  app.decorateRequest('problem', undefined)
  app.addHook('onRequest', (request, reply, done) => {
    exchanges.begin(request, reply)
    done()
  })
})

function describe(request: FastifyRequest, reply: FastifyReply, aborted: boolean): Omit<Exchange, 'seconds'> {
  const { url = 'unmatched', schema } = request.routeOptions
  return {
    request,
    reply,
    method: methods.has(request.method) ? request.method : 'OTHER',
    route: url,
    operation: (schema as { operationId?: string } | undefined)?.operationId,
    status: aborted && !reply.raw.headersSent ? 499 : reply.statusCode,
    aborted,
  }
}
