import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createGateway, type Gateway } from '../kinopoisk/gateway.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kinopoisk: Gateway
  }
}

type Options = Parameters<typeof createGateway>[1]

/** Needs the database plugin. */
export default fp(async (app: FastifyInstance, options: Options) => {
  const gateway = createGateway(app.database.db, options)
  app.decorate('kinopoisk', gateway)
  app.addHook('onClose', () => gateway.close())
})
