import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    draining: {
      /** True from the first sign of the end on: not ready for new work, though what comes is still served. */
      has(): boolean
      begin(): void
    }
  }
}

/**
 * The time between the signal to stop and the end of listening. Every response closes its connection, so that no
 * request comes too late on one.
 */
export default fp(async (app: FastifyInstance) => {
  let draining = false
  app.decorate('draining', {
    has: () => draining,
    begin() {
      draining = true
    },
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (draining) reply.header('connection', 'close')
    done(null, payload)
  })
})
