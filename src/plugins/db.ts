import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { connect, type Database } from '../db/connect.ts'

declare module 'fastify' {
  interface FastifyInstance {
    database: Database
  }
}

export default fp(async (app: FastifyInstance, options: { url: string }) => {
  const database = connect(options.url)
  app.decorate('database', database)
  app.addHook('onClose', () => database.close())
})
