import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { type ErrorCode, errorCodes } from '../errors.ts'
import { Problem, problems } from '../http/schemas.ts'

const tags = [
  { name: 'auth', description: 'Accounts: register, log in, refresh, log out' },
  { name: 'keys', description: 'Personal keys, for programs' },
  { name: 'users', description: "The user's own profile" },
  { name: 'films', description: 'The catalogue' },
  { name: 'movies', description: 'Films by Kinopoisk id or own id, and the search' },
  { name: 'people', description: 'People as Kinopoisk knows them' },
  { name: 'lists', description: 'Favourites and wishlist; these and the ratings out and in' },
  { name: 'ratings', description: "The user's own scores of films" },
  { name: 'genres', description: 'Genres of the catalogue' },
  { name: 'directors', description: 'Directors of the catalogue, and their photos' },
  { name: 'suggestions', description: 'Films whose titles begin as somebody types' },
  { name: 'usage', description: 'What users and keys have spent of the Kinopoisk quota' },
  { name: 'admin', description: 'What operators ask of the gateway to Kinopoisk' },
  { name: 'service', description: 'Health, metrics and the kinds of problems' },
]

const compatible = { name: 'compatible', description: "Kinopoisk's own addresses, for clients of its API" }

declare module 'fastify' {
  interface FastifyInstance {
    /** Of a scope: what its operations need by the document, where they don't say so themselves. */
    security: readonly Record<string, string[]>[]
  }
  interface FastifyContextConfig {
    /** The route describes all of its answers itself: its errors are no problems. */
    inUpstreamForm?: boolean
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
export default fp(async (app: FastifyInstance, options: { version: string; isCompatible: boolean }) => {
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
      tags: options.isCompatible ? [...tags, compatible] : tags,
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-KEY', description: 'A personal key' },
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
  const schema: FastifySchema = { ...securityOf(this, route), ...route.schema }
  if (route.config?.inUpstreamForm) {
    route.schema = schema
    return
  }
  const codes: ErrorCode[] = ['invalid_input', 'bad_request', 'internal_error', ...unavailable]
  if (!isOpen(schema)) codes.push(...doorFaults)
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

/** Nothing where it is what the whole document says: an access token. */
function securityOf({ security }: FastifyInstance, { config }: RouteOptions): FastifySchema {
  const takesKeys = (config?.keyScopes ?? []).length > 0
  if (takesKeys) return { security: [...security, { apiKey: [] }] }
  return security === token ? {} : { security }
}

type Responses = Record<string, { description?: string }>
const unavailable = ['overloaded', 'database_unavailable', 'shutting_down'] as const satisfies ErrorCode[]
// A key that may not is told so also where none may.
const doorFaults = ['missing_token', 'invalid_token', 'invalid_key', 'key_not_allowed'] as const satisfies ErrorCode[]
const bodyFaults = ['malformed_json', 'payload_too_large', 'unsupported_media_type'] as const satisfies ErrorCode[]

function isOpen({ security }: FastifySchema): boolean {
  return security !== undefined && (security.length === 0 || security.some((needs) => Object.keys(needs).length === 0))
}
