import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

export default fp(async (app: FastifyInstance, options: { corsOrigins: '*' | string[] }) => {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    // Some clients name a content type though they send nothing: that is a request without a body.
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
    if (encoding === undefined && (length === undefined || length === '0')) delete request.headers['content-type']
  })
  if (options.corsOrigins.length === 0) return
  // An OPTIONS that is no preflight is a method that nothing here takes, as without CORS.
  app.addHook('onRequest', async (request, reply) => {
    const { origin, 'access-control-request-method': wanted } = request.headers
    if (request.method === 'OPTIONS' && !(origin && wanted)) reply.callNotFound()
  })
  await app.register(cors, {
    origin: options.corsOrigins === '*' ? '*' : [...options.corsOrigins],
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type'],
    exposedHeaders: ['age', 'cache-status', 'link', 'location', 'retry-after', 'x-request-id', 'x-total-count'],
    maxAge: 600,
  })
})
