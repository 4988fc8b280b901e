import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { ErrorCode } from '../errors.ts'
import { Problem, problems } from '../schemas.ts'

const tags = [
  { name: 'auth', description: 'Accounts: register, log in, refresh, log out' },
  { name: 'users', description: "The user's own profile" },
  { name: 'films', description: 'The catalogue: its CSV' },
  { name: 'movies', description: 'Films by Kinopoisk id or own id, and the search' },
  { name: 'lists', description: 'Favourites and wishlist' },
  { name: 'service', description: 'Health, metrics and the kinds of problems' },
]

/** The OpenAPI 3.1 document out of the routes' schemas, at /openapi.json, and Swagger UI at /docs. */
export default fp(async (app: FastifyInstance, options: { version: string }) => {
  app.addSchema(Problem)
  app.addHook('onRoute', addCommonProblems)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Kinoteka',
        version: options.version,
        description: 'A film catalogue, personal lists and a quota-wise gateway to the unofficial Kinopoisk API.',
      },
      servers: [{ url: '/' }],
      tags,
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          password: { type: 'oauth2', flows: { password: { tokenUrl: '/auth/login', scopes: {} } } },
        },
      },
      security: [{ bearer: [] }, { password: [] }],
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `schema-${i}`) },
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { persistAuthorization: true, docExpansion: 'list', tryItOutEnabled: true },
  })
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
})

function addCommonProblems(route: RouteOptions): void {
  const schema: FastifySchema = route.schema ?? {}
  if (schema.hide) return
  const codes: ErrorCode[] = [
    'invalid_input',
    'bad_request',
    'internal_error',
    'overloaded',
    'database_unavailable',
    'shutting_down',
  ]
  if (!isPublic(schema)) codes.push('missing_token', 'invalid_token')
  if (schema.body) codes.push('malformed_json', 'payload_too_large', 'unsupported_media_type')
  const own = (schema.response ?? {}) as Record<string, unknown>
  route.schema = { ...schema, response: { ...problems(...codes), ...own } }
}

function isPublic(schema: FastifySchema): boolean {
  return Array.isArray(schema.security) && schema.security.length === 0
}
