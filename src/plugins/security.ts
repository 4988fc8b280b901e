import cors from '@fastify/cors'
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

// A year. Of this host alone: what else is served in the domain is not ours to say.
const httpsOnly = 'max-age=31536000'

/** Headers that tell browsers what not to do, and CORS. */
export default fp(async (app: FastifyInstance, options: { corsOrigins: '*' | string[] }) => {
  const isShared = options.corsOrigins.length > 0
  const always = await helmetHeaders({
    // An answer of the API is no page. plugins/openapi.ts has the policy of the documentation.
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] },
    },
    frameguard: { action: 'deny' },
    // A front of another origin shows photos by <img>, for which CORS is not asked.
    crossOriginResourcePolicy: { policy: isShared ? 'cross-origin' : 'same-origin' },
    strictTransportSecurity: false,
    xDownloadOptions: false,
    xDnsPrefetchControl: false,
    xXssProtection: false,
  })
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).headers(always)
    // Over plain HTTP it would mean nothing (RFC 6797 7.2); what a proxy says counts with TRUST_PROXY.
    if (request.protocol === 'https') reply.header('strict-transport-security', httpsOnly)
    // Some clients name a content type though they send nothing: that is a request without a body.
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
    if (encoding === undefined && (length === undefined || length === '0')) delete request.headers['content-type']
    done()
  })
  if (!isShared) return
  // An OPTIONS that is no preflight is a method that nothing here takes, as without CORS.
  app.addHook('onRequest', (request, reply, done) => {
    const { origin, 'access-control-request-method': wanted } = request.headers
    if (request.method === 'OPTIONS' && !(origin && wanted)) reply.callNotFound()
    else done()
  })
  await app.register(cors, {
    origin: options.corsOrigins === '*' ? '*' : [...options.corsOrigins],
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type'],
    exposedHeaders: [
      ...['age', 'cache-status', 'link', 'location', 'x-request-id', 'x-total-count'],
      ...['ratelimit', 'ratelimit-policy', 'retry-after'],
    ],
    maxAge: 600,
  })
})

/** The same for a scope of the catalogue: caches ask each time whether what they keep is still right. */
export function revalidate(isPublic: boolean) {
  const value = isPublic ? 'no-cache' : 'private, no-cache'
  return async (_request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    reply.header('cache-control', value)
  }
}

/** An onRequest hook for a scope of personal data or tokens: no cache keeps its answers, errors included. */
export function noStore(_request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  reply.header('cache-control', 'no-store')
  done()
}

/** What helmet sets: the same for every answer, yet it works them out anew for each (7 µs), so it is asked once. */
async function helmetHeaders(options: FastifyHelmetOptions): Promise<Record<string, string>> {
  const probe = Fastify()
  await probe.register(helmet, options)
  probe.get('/', (_request, reply) => reply.send(reply.raw.getHeaders()))
  return (await probe.inject('/')).json()
}
