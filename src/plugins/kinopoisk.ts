import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createGateway, type Gateway, type GatewayOptions } from '../kinopoisk/gateway.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kinopoisk: Gateway
  }
}

/** What lies outside of the process, and for tests how long it takes until things are tried again. */
export type KinopoiskExternals = Pick<
  GatewayOptions,
  'url' | 'apiKey' | 'sandbox' | 'prefetchMs' | 'accountEveryMs' | 'circuitPauses'
>

/** Needs the database, the memory and the metrics plugin. */
export default fp(async (app: FastifyInstance, options: Omit<GatewayOptions, 'registry' | 'warn' | 'cache'>) => {
  const gateway = createGateway(app.database, {
    ...options,
    registry: app.metrics,
    cache: app.cache,
    warn: (err, message) => app.log.warn({ err }, message),
  })
  app.decorate('kinopoisk', gateway)
  app.addHook('onReady', () => gateway.start())
  app.addHook('onClose', () => gateway.close())
})
