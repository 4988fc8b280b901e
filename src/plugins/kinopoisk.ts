import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { driverError, isUnavailable } from '../db/errors.ts'
import { AppError } from '../errors.ts'
import { createGateway, type Gateway, type GatewayOptions } from '../kinopoisk/gateway.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kinopoisk: Gateway
  }
}

/** What lies outside of the process, and for tests how long it takes until things are tried again. */
export type KinopoiskExternals = Pick<
  GatewayOptions,
  | ('url' | 'apiKey' | 'sandbox' | 'prefetchMs' | 'accountEveryMs')
  | ('circuitPauses' | 'failurePauses' | 'probeEveryMs')
>

/** Needs the database, the memory and the metrics plugin. */
export default fp(async (app: FastifyInstance, options: Omit<GatewayOptions, 'registry' | 'warn' | 'cache'>) => {
  const gateway = createGateway(app.database, {
    ...options,
    registry: app.metrics,
    cache: app.cache,
    warn: (error, message) => app.log.warn(reasonOf(error), message),
  })
  app.decorate('kinopoisk', gateway)
  app.addHook('onReady', () => gateway.start())
  app.addHook('onClose', () => gateway.close())
})

/** What is known to happen without its stack; fields as they are. */
function reasonOf(error: unknown): object {
  if (error instanceof AppError) return { code: error.code, reason: error.message }
  if (isUnavailable(error)) return { reason: driverError(error).code }
  return error instanceof Error ? { err: error } : Object(error)
}
