import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { ErrorCode } from '../errors.ts'
import { sendJson } from '../http/json-payload.ts'
import { createDocument } from '../http/openapi/document.ts'
import { infoOf, tagsOf } from '../http/openapi/info.ts'
import { createServedDocument } from '../http/openapi/served.ts'
import { codedTag, codingFor } from '../http/representations.ts'
import { Problem, problems } from '../http/schemas.ts'

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

interface Options {
  version: string
  isCompatible: boolean
  /** `mailto:` or `https:`. */
  contact: string | undefined
}

const token = [{ bearer: [] }, { password: [] }]
/** For `security` of a scope that takes tokens and does without. */
export const optionalToken = [{}, ...token]

/** The OpenAPI 3.1 document out of the routes' schemas, at /openapi.json. */
export default fp(async (app: FastifyInstance, options: Options) => {
  const document = createDocument()
  document.addSchema(Problem)
  app.addSchema(Problem)
  app.decorate('security', token)
  app.addHook('onRoute', describe)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: infoOf(options.version, options.contact),
      servers: [{ url: '/', description: 'This service' }],
      tags: tagsOf(options),
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'The access token of a log-in (JWT of RFC 7519, used as RFC 8725 advises), or a personal key',
          },
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-KEY', description: 'A personal key' },
          password: {
            type: 'oauth2',
            description:
              'Log-in by login and password; the access token lives for minutes, and is refreshed at `PUT /auth/login`',
            flows: { password: { tokenUrl: '/auth/login', refreshUrl: '/auth/login', scopes: {} } },
          },
        },
      },
      security: token,
    },
    transform: ({ schema, url, route }) => {
      if (schema.hide) return { schema, url }
      return { schema: document.add({ schema, config: route.config ?? {} }), url }
    },
    transformObject: (made) => document.complete('openapiObject' in made ? made.openapiObject : made.swaggerObject),
  })
  const served = createServedDocument(() => app.swagger())
  await app.register(async (documentation) => {
    documentation.addHook('onSend', documentation.represent)
    documentation.get(
      '/openapi.json',
      { schema: { hide: true, querystring: { type: 'object', additionalProperties: false } } },
      async (request, reply) => {
        const { payload, br } = await served(`${request.protocol}://${request.host}`)
        if (!br || codingFor(request) !== 'br') return sendJson(reply, payload)
        const headers = { 'content-encoding': 'br', vary: 'accept-encoding', etag: codedTag(payload.etag, 'br') }
        return reply.headers(headers).type('application/json; charset=utf-8').send(br)
      },
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
  const common: Responses = problems(...codes)
  const missing = Object.entries(common).map(([status, response]) => [status, join(own[status], response)])
  route.schema = { ...schema, response: { ...own, ...Object.fromEntries(missing) } }
}

/** Both name their codes in the description. */
function join(own: Response | undefined, common: Response): Response {
  return { ...common, description: [own?.description, common.description].filter(Boolean).join('. ') }
}

/** Nothing where it is what the whole document says: an access token. */
function securityOf({ security }: FastifyInstance, { config }: RouteOptions): FastifySchema {
  const takesKeys = (config?.keyScopes ?? []).length > 0
  if (takesKeys) return { security: [...security, { apiKey: [] }] }
  return security === token ? {} : { security }
}

type Response = { description?: string }
type Responses = Record<string, Response>
const unavailable = ['overloaded', 'database_unavailable', 'shutting_down'] as const satisfies ErrorCode[]
// A key that may not is told so also where none may.
const doorFaults = ['missing_token', 'invalid_token', 'invalid_key', 'key_not_allowed'] as const satisfies ErrorCode[]
const bodyFaults = ['malformed_json', 'payload_too_large', 'unsupported_media_type'] as const satisfies ErrorCode[]

function isOpen({ security }: FastifySchema): boolean {
  return security !== undefined && (security.length === 0 || security.some((needs) => Object.keys(needs).length === 0))
}
