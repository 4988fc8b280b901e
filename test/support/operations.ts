import { randomBytes } from 'node:crypto'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { type TestUser, testUser } from './app.ts'

/** As much of JSON Schema 2020-12 as the service's document has. */
export interface Schema {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  minItems?: number
  maxItems?: number
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  format?: string
  examples?: unknown[]
}

interface Media {
  schema?: Schema
  example?: unknown
  examples?: Record<string, { value: unknown }>
}

export interface Answer {
  $ref?: string
  headers?: Record<string, unknown>
  description?: string
  content?: Record<string, Media>
}

export interface Parameter {
  in: 'path' | 'query' | 'header'
  name: string
  description?: string
  required?: boolean
  schema: Schema
  example?: unknown
}

interface RawOperation {
  operationId: string
  summary: string
  description?: string
  deprecated?: boolean
  tags: string[]
  security?: unknown[]
  parameters?: Parameter[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, Answer>
}

export interface OpenApi {
  openapi: string
  info: { description: string; license: object; contact: { name: string } }
  tags: { name: string }[]
  paths: Record<string, Record<string, RawOperation>>
  components: {
    schemas: Record<string, Schema>
    responses: Record<string, Answer>
    examples: Record<string, { value: unknown }>
    securitySchemes: Record<string, object>
  }
}

export interface Operation extends RawOperation {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With {names}. */
  path: string
  /** `GET /movies/{id}` */
  title: string
  isPublic: boolean
}

export function documentOf(app: FastifyInstance): OpenApi {
  return app.swagger() as unknown as OpenApi
}

/** The part with everything that it refers to in its place. */
function resolved(part: unknown, document: OpenApi): unknown {
  if (typeof part !== 'object' || part === null) return part
  if (Array.isArray(part)) return part.map((each) => resolved(each, document))
  const { $ref, ...own } = part as { $ref?: string }
  const target = typeof $ref === 'string' ? resolved(targetOf($ref, document), document) : {}
  const entries = Object.entries(own).map(([name, value]) => [name, resolved(value, document)])
  return { ...(target as object), ...Object.fromEntries(entries) }
}

export function targetOf(reference: string, document: OpenApi): unknown {
  const names = reference.replace('#/', '').split('/')
  return names.reduce((part: unknown, name) => (part as Record<string, unknown> | undefined)?.[name], document)
}

/** Every operation, with all that it refers to in its place. */
export function operationsOf(document: OpenApi): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([name, given]) => {
      const raw = resolved(given, document) as RawOperation
      const method = name.toUpperCase() as Operation['method']
      return { ...raw, method, path, title: `${method} ${path}`, isPublic: raw.security?.length === 0 }
    }),
  )
}

export function parametersIn(operation: Operation, place: Parameter['in']): Parameter[] {
  return (operation.parameters ?? []).filter((parameter) => parameter.in === place)
}

/** The first example that a schema gives, or one put together from the examples of its required parts. */
function exampleOf(schema: Schema): unknown {
  if (schema.examples) return schema.examples[0]
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  const [first] = schema.anyOf ?? schema.oneOf ?? []
  if (first) return exampleOf(first)
  if (schema.items) {
    const item = exampleOf(schema.items)
    return item === undefined ? undefined : [item]
  }
  return schema.properties && exampleOfParts(schema.properties, schema.required ?? [])
}

function exampleOfParts(properties: Record<string, Schema>, required: string[]): object | undefined {
  const parts = required.map((name) => [name, exampleOf(properties[name] ?? {})] as const)
  return parts.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(parts)
}

/** The example beside a schema, or within. */
export function exampleOfMedia({ example, examples, schema }: Media): unknown {
  return example ?? Object.values(examples ?? {})[0]?.value ?? exampleOf(schema ?? {})
}

export function exampleOfParameter({ example, schema }: Parameter): unknown {
  return example ?? exampleOf(schema)
}

/** The path with the examples of its parameters. */
export function examplePath(operation: Operation): string {
  return operation.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const parameter = parametersIn(operation, 'path').find((each) => each.name === name)
    return encodeURIComponent(String(parameter && exampleOfParameter(parameter)))
  })
}

/** The request that the document gives as an example. */
export function exampleRequest(operation: Operation): InjectOptions {
  const required = parametersIn(operation, 'query').filter((parameter) => parameter.required)
  const query = new URLSearchParams(
    required.map((parameter) => [parameter.name, String(exampleOfParameter(parameter))]),
  )
  const json = operation.requestBody?.content['application/json']
  const { method } = operation
  const url = query.size > 0 ? `${examplePath(operation)}?${query}` : examplePath(operation)
  return json ? { method, url, payload: exampleOfMedia(json) as object } : { method, url }
}

/** A logged-in administrator. */
export async function adminUser(app: FastifyInstance): Promise<TestUser> {
  const user = await testUser(app, `admin${randomBytes(5).toString('hex')}`)
  await app.database.sql`update users set role = 'admin' where id = ${user.id}`
  return user
}
