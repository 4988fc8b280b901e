import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { type ErrorCode, errorCodes } from '../errors.ts'
import { Problem, problems } from '../http/schemas.ts'

const tags = [
  { name: 'auth', description: 'Accounts: register, log in, refresh, log out' },
  { name: 'users', description: "The user's own profile" },
  { name: 'films', description: 'The catalogue' },
  { name: 'movies', description: 'Films by Kinopoisk id or own id, and the search' },
  { name: 'people', description: 'People as Kinopoisk knows them' },
  { name: 'lists', description: 'Favourites and wishlist; these and the ratings out and in' },
  { name: 'ratings', description: "The user's own scores of films" },
  { name: 'genres', description: 'Genres of the catalogue' },
  { name: 'directors', description: 'Directors of the catalogue, and their photos' },
  { name: 'admin', description: 'What operators ask of the gateway to Kinopoisk' },
  { name: 'service', description: 'Health, metrics and the kinds of problems' },
]

declare module 'fastify' {
  interface FastifyInstance {
    /** Of a scope: what its operations need by the document, where they don't say so themselves. */
    security: readonly Record<string, string[]>[]
  }
}

const token = [{ bearer: [] }, { password: [] }]
/** For `security` of a scope that takes tokens and does without. */
export const optionalToken = [{}, ...token]

// The page's own files, the calls that it makes, the icons inside of its style sheet.
const documentationPolicy = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
}

/** The OpenAPI 3.1 document out of the routes' schemas, at /openapi.json, and Swagger UI at /docs. */
export default fp(async (app: FastifyInstance, options: { version: string }) => {
  app.addSchema(Problem)
  app.decorate('security', token)
  app.addHook('onRoute', describe)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Kinoteka',
        version: options.version,
        description:
          'A film catalogue, personal lists and a quota-wise gateway to the unofficial Kinopoisk API. Every address answers ' +
          '405 with `Allow` to a method that it does not take, 431 to headers above 16 KiB, ' +
          'and 408 to a request that does not come in time, as problems too.',
      },
      servers: [{ url: '/' }],
      tags,
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          password: { type: 'oauth2', flows: { password: { tokenUrl: '/auth/login', scopes: {} } } },
        },
      },
      security: token,
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `schema-${i}`) },
  })
  await app.register(async (documentation) => {
    documentation.addHook('onSend', documentation.represent)
    await documentation.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: documentationPolicy,
      uiConfig: { persistAuthorization: false, docExpansion: 'list', tryItOutEnabled: true },
    })
    documentation.get(
      '/openapi.json',
      { schema: { hide: true, querystring: { type: 'object', additionalProperties: false } } },
      () => app.swagger(),
    )
  })
})

function describe(this: FastifyInstance, route: RouteOptions): void {
  if (route.schema?.hide) return
  const schema: FastifySchema =
    this.security === token ? { ...route.schema } : { security: this.security, ...route.schema }
  const codes: ErrorCode[] = ['invalid_input', 'bad_request', 'internal_error', ...unavailable]
  if (!isOpen(schema)) codes.push('missing_token', 'invalid_token')
  // Also where no body is needed: one that comes is read.
  if (route.method !== 'GET' && route.method !== 'HEAD') codes.push(...bodyFaults)
  const own = (schema.response ?? {}) as Responses
  const isNew = (code: ErrorCode) => !own[errorCodes[code][0]]?.description?.includes(`\`${code}\``)
  const common: Responses = problems(...codes.filter(isNew))
  const described = Object.entries(own).map(([status, response]) => {
    const parts = [response.description ?? schema.summary, common[status]?.description].filter(Boolean)
    return [status, { ...response, description: parts.join('. ') }]
  })
  route.schema = { ...schema, response: { ...common, ...Object.fromEntries(described) } }
}

type Responses = Record<string, { description?: string }>
const unavailable = ['overloaded', 'database_unavailable', 'shutting_down'] as const satisfies ErrorCode[]
const bodyFaults = ['malformed_json', 'payload_too_large', 'unsupported_media_type'] as const satisfies ErrorCode[]

function isOpen({ security }: FastifySchema): boolean {
  return security !== undefined && (security.length === 0 || security.some((needs) => Object.keys(needs).length === 0))
}
