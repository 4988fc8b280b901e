import { isUtf8 } from 'node:buffer'
import { parse } from 'node:querystring'
import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import keywords from 'ajv-keywords'
import fastJsonStringify, { type Schema } from 'fast-json-stringify'
import type { FastifyInstance, preValidationHookHandler, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { AppError } from '../errors.ts'
import { keyPattern, mustBeKey } from '../http/idempotency-key.ts'
import { isPercentEncodedUtf8 } from '../http/percent-encoding.ts'
import { Problem, uriFault, wholeNumber } from '../http/schemas.ts'

type JsonSchema = {
  type?: string
  properties?: Record<string, JsonSchema>
  items?: JsonSchema
  maxItems?: number
  additionalProperties?: unknown
}

const ajv = new Ajv({ allErrors: true, coerceTypes: false, useDefaults: true, strict: true, strictTypes: false })
formats.default(ajv, ['date', 'date-time', 'email', 'uuid'])
keywords.default(ajv, ['transform'])
ajv.addFormat('text', { type: 'string', validate: (value: string) => value.isWellFormed() && !value.includes('\0') })
ajv.addFormat('uri', { type: 'string', validate: (value: string) => !uriFault(value) })

// Routes share many schemas, above all of problems: each is compiled once, which is most of what a start takes.
const validatorOf = memoized((schema) => ajv.compile(schema))
const serializerOf = memoized((schema) =>
  fastJsonStringify(schema as Schema, { schema: { Problem: Problem as Schema } }),
)

/** For Fastify(), whose own reader leaves a value as it came if it has a sign of percent that is no escape. */
export const readQuery = (text: string) => parse(text, '&', '=', { maxKeys: 0 })

/**
 * Input checks of every route. Query and path hold text, so their numbers and flags are read here, strictly:
 * `1e3`, `0x1F` or ` 1` is no integer. Bodies are never coerced. A query parameter that a route doesn't name is refused.
 */
export default fp(async (app: FastifyInstance) => {
  app.setValidatorCompiler(({ schema, httpPart }) => {
    const validate = validatorOf(schema as object)
    const properties = Object.entries((schema as JsonSchema).properties ?? {})
    if (httpPart === 'params') return explain(validate, (data) => readText(properties, data))
    if (httpPart !== 'querystring') return explain(validate, (data) => cut(properties, data))
    const lists = new Set(properties.filter(([, { type }]) => type === 'array').map(([name]) => name))
    return explain(validate, (data) => {
      if (lists.size > 0) joinBrackets(lists, data)
      readText(properties, data)
    })
  })
  app.setSerializerCompiler(({ schema }) => serializerOf(schema as object))
  app.addHook('onRoute', closeQuery)
  app.addHook('preValidation', refuseOtherCharsets)
  // Fastify reads plain text by itself; no route here takes it: 415.
  app.removeContentTypeParser('text/plain')
  readJson(app)
})

/** Fastify's own reader puts U+FFFD in the place of bytes that are not UTF-8: damaged text would be stored as text. */
function readJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (!isUtf8(body))
      return done(new AppError('malformed_json', { detail: 'The body is not UTF-8: send JSON as UTF-8' }))
    return parse(request, body.toString(), done)
  })
}

/** Without it `%CC%E0%F2`, as windows-1251 has it, would be searched for as it stands. Upstream's addresses are read elsewhere. */
const refuseOtherCharsets: preValidationHookHandler = (request, _, done) => {
  const isOther = !request.routeOptions.config.inUpstreamForm && !isPercentEncodedUtf8(request.url)
  done(isOther ? new AppError('bad_request', { detail: 'The query must be percent-encoded UTF-8' }) : undefined)
}

/** What `compile` makes of a schema, made once for all that are equal. There are as many as the routes name. */
function memoized<T>(compile: (schema: object) => T): (schema: object) => T {
  const made = new Map<string, T>()
  return (schema) => {
    const key = JSON.stringify(schema)
    const value = made.get(key) ?? compile(schema)
    made.set(key, value)
    return value
  }
}

/** The ajv function in Fastify's form, with the messages that ajv words poorly put better. */
function explain(validate: ValidateFunction, prepare?: (data: Record<string, unknown>) => void) {
  return (data: Record<string, unknown>) => {
    prepare?.(data)
    if (validate(data)) return { value: data }
    // The errors inside of the failed branch of the schema say more.
    const errors = (validate.errors ?? []).filter((error) => error.keyword !== 'if')
    for (const error of errors) {
      if (error.params.format === 'text') error.message = 'must not contain NUL or lone surrogates'
      if (error.params.format === 'uri') error.message = uriFault(String(error.data)) ?? ''
      if (error.keyword === 'type') error.message = `must be ${[error.params.type].flat().join(' or ')}`
      if (error.params.pattern === wholeNumber) error.message = 'must be a whole number'
      if (error.params.pattern === keyPattern) error.message = mustBeKey
      if (error.keyword === 'enum') error.message = `must be one of ${error.params.allowedValues.join(', ')}`
      if (error.keyword === 'minLength' && error.params.limit === 1) error.message = 'must not be empty'
      if (error.keyword === 'additionalProperties') {
        const known = Object.keys((error.parentSchema as JsonSchema | undefined)?.properties ?? knownOf(validate))
        error.message = `is not known here; ${known.length ? `known are ${known.join(', ')}` : 'nothing is'}`
      }
    }
    return { error: errors as never }
  }
}

function knownOf(validate: ValidateFunction): Record<string, unknown> {
  return (validate.schema as JsonSchema).properties ?? {}
}

/** One item too many fails as well as a million: ajv would check each, and collect an error of each. */
function cut(properties: [string, JsonSchema][], data: Record<string, unknown>): void {
  for (const [name, { maxItems }] of properties) {
    const value = data?.[name]
    if (maxItems !== undefined && Array.isArray(value)) data[name] = value.slice(0, maxItems + 1)
  }
}

/** `name[]=a&name[]=b` and `name[0]=a`, as many clients write lists, are `name` repeated. */
function joinBrackets(lists: Set<string>, data: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(data)) {
    const [, name = ''] = /^(.+)\[\d*\]$/.exec(key) ?? []
    if (!lists.has(name)) continue
    data[name] = [data[name] ?? [], value].flat()
    delete data[key]
  }
}

function readText(properties: [string, JsonSchema][], data: Record<string, unknown>): void {
  for (const [name, schema] of properties) {
    const value = data[name]
    if (value === undefined) continue
    if (schema.type === 'array') data[name] = [value].flat().map((item) => readValue(schema.items?.type, item))
    else data[name] = readValue(schema.type, value)
  }
}

function readValue(type: string | undefined, value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (type === 'integer' && /^-?\d{1,15}$/.test(value)) return Number(value)
  if (type === 'number' && /^-?\d{1,15}(\.\d{1,15})?$/.test(value)) return Number(value)
  if (type === 'boolean' && ['true', 'false', ''].includes(value)) return value !== 'false'
  return value
}

const nothing = { type: 'object', properties: {}, additionalProperties: false }

function closeQuery(route: RouteOptions): void {
  const schema = route.schema ?? {}
  if (schema.hide) return
  route.schema = {
    ...schema,
    querystring: schema.querystring ? { ...(schema.querystring as object), additionalProperties: false } : nothing,
  }
}
