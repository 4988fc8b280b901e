import { STATUS_CODES } from 'node:http'
import { type HeaderName, headers, headersOfStatus, referTo } from './headers.ts'
import { codesIn, describeCodes, pascal, problemExamples, responseName } from './problems.ts'
import { createSchemaNames, dropRepeats, type Schema } from './schemas.ts'

type Sends = Partial<Record<number, readonly HeaderName[]>>

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The headers of its responses, by status; those that follow from the status or the scope need not be named. */
    sends?: Sends
    /** What the document says of the body, where the validation needs another form of it. */
    documentedBody?: object
    /** The operation whose other address it is. */
    aliasOf?: string | undefined
    /** Its responses have an entity tag, and 304 where the client has this version. */
    isConditional?: boolean
  }
}

interface Media {
  schema?: Schema
  [member: string]: unknown
}

interface Response {
  description?: string
  headers?: object
  content?: Record<string, Media>
}

export interface RouteDescription {
  schema: {
    operationId?: string | undefined
    summary?: string | undefined
    consumes?: readonly string[] | undefined
    body?: unknown
    response?: unknown
  }
  config: {
    sends?: Sends | undefined
    aliasOf?: string | undefined
    isConditional?: boolean | undefined
    documentedBody?: object | undefined
  }
}

interface Operation {
  operationId: string
  tags: string[]
  summary: string
  description?: string
  deprecated?: boolean
  parameters?: Parameter[]
  requestBody?: object
  responses: Record<string, object>
}

export interface Document {
  paths?: Record<string, Record<string, unknown> | undefined>
  components?: object
}

export const aliasTag = {
  name: 'aliases',
  description: 'Other addresses of the same operations, for clients that know them',
}

const json = 'application/json'
const problemType = 'application/problem+json'

/** Makes a document out of the routes: named schemas, responses and examples that all operations share. */
export function createDocument() {
  const names = createSchemaNames()
  const routes = new Map<string, RouteDescription>()
  const responses = new Map<string, object>()
  const addresses = new Map<string, string>()

  /** Completes what has only paths, parameters and security yet. */
  function complete<T extends Document>(document: T): T {
    for (const [path, methods] of Object.entries(document.paths ?? {})) {
      for (const [method, operation] of Object.entries(methods ?? {})) {
        const { operationId } = operation as Operation
        const route = routes.get(operationId)
        if (route) Object.assign(operation as Operation, parts(operation as Operation, route))
        addresses.set(operationId, `${method.toUpperCase()} ${path}`)
      }
    }
    for (const methods of Object.values(document.paths ?? {})) {
      for (const operation of Object.values(methods ?? {})) markAlias(operation as Operation)
    }
    const { schemas, examples } = names.components()
    const shared = Object.fromEntries([...responses].toSorted(([a], [b]) => a.localeCompare(b, 'en')))
    Object.assign(document, {
      components: {
        ...document.components,
        schemas,
        headers,
        responses: shared,
        examples: used({ ...examples, ...problemExamples() }, [document.paths, shared]),
      },
    })
    dropRepeats(document, schemas)
    return shareParameters(document)
  }

  function markAlias(operation: Operation): void {
    const original = routes.get(operation.operationId)?.config.aliasOf
    if (!original) return
    operation.tags = [aliasTag.name]
    operation.deprecated = true
    operation.description = `The same as \`${addresses.get(original)}\` (operation \`${original}\`), which new clients should use.`
  }

  function parts(operation: Operation, { schema, config }: RouteDescription): Partial<Operation> {
    const { parameters } = operation
    const { body, consumes = [json] } = schema
    const given = Object.entries((schema.response ?? {}) as Record<string, Schema & Response>)
    return {
      ...(parameters && { parameters: parameters.map(describeParameter) }),
      ...(body !== undefined && {
        requestBody: requestBody((config.documentedBody ?? body) as Schema & Response, consumes),
      }),
      responses: Object.fromEntries(
        given.map(([status, response]) => [status, describeResponse(Number(status), response, config)]),
      ),
    }
  }

  /** The name that a schema has keeps what the parameter says. */
  function describeParameter(parameter: Parameter): Parameter {
    const { schema, description } = parameter
    return { ...parameter, schema: names.refer(schema.title ? { ...schema, description } : schema) }
  }

  function requestBody(body: Schema & Response, consumes: readonly string[]): object {
    const { content = Object.fromEntries(consumes.map((type) => [type, { schema: body }])) } = body
    return { required: true, content: mapMedia(content) }
  }

  function describeResponse(status: number, response: Schema & Response, config: RouteDescription['config']): object {
    if (response.content?.[problemType]) return describeProblem(status, response.description ?? '')
    const own = config.sends?.[status] ?? []
    const tagged: HeaderName[] = status === 200 && config.isConditional ? ['ETag'] : []
    const all = [...new Set([...tagged, ...own, ...headersOfStatus(status)])]
    const sent = all.length > 0 && { headers: referTo(all) }
    const usual = STATUS_CODES[status] ?? ''
    const { description = usual, content } = response
    if (content) return { description, ...sent, content: mapMedia(content) }
    if (status === 304)
      return share('NotModified', { description: 'Nothing has changed since the `ETag` that was sent', ...sent })
    if (response.type === 'null') return { description, ...sent }
    return { description: usual, ...sent, content: mapMedia({ [json]: { schema: response } }) }
  }

  /** Under a name of its own, as many operations have the same. */
  function describeProblem(status: number, description: string): object {
    const codes = codesIn(description)
    const sent = headersOfStatus(status)
    const response = {
      description: describeCodes(codes),
      ...(sent.length > 0 && { headers: referTo(sent) }),
      content: {
        [problemType]: {
          schema: { $ref: '#/components/schemas/Problem' },
          examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
        },
      },
    }
    return share(responseName(status, codes), response)
  }

  function share(name: string, response: object): object {
    responses.set(name, response)
    return { $ref: `#/components/responses/${name}` }
  }

  function mapMedia(content: Record<string, Media>): Record<string, Media> {
    return Object.fromEntries(Object.entries(content).map(([type, media]) => [type, describeMedia(media)]))
  }

  function describeMedia({ schema = {}, ...rest }: Media): Media {
    const referred = names.refer(schema)
    const { title, examples = [] } = schema
    if (title === undefined) return { schema: referred, ...rest, ...(examples.length > 0 && { example: examples[0] }) }
    const refer = (_: unknown, i: number) => {
      const name = i === 0 ? title : `${title}${i + 1}`
      return [name, { $ref: `#/components/examples/${name}` }] as const
    }
    const references = Object.fromEntries(Array.from({ length: names.examplesOf(title) }, refer))
    // What is said of the schema is said where that stands.
    const { description: _, ...bare } = referred
    return { schema: bare, ...rest, ...(names.examplesOf(title) > 0 && { examples: references }) }
  }

  return {
    /** Takes a route in; what is left is for @fastify/swagger. */
    add(route: RouteDescription): object {
      const { operationId = '', summary } = route.schema
      routes.set(operationId, route)
      const { body: _, consumes: __, ...rest } = route.schema
      return { ...rest, response: { 200: { description: summary, type: 'null' } } }
    },
    /** The schemas that operations refer to by name although no route has them. */
    addSchema: (schema: Schema) => void names.refer(schema),
    complete,
  }
}

/** Those that some part refers to. */
function used(examples: Record<string, object>, parts: unknown): Record<string, object> {
  const text = JSON.stringify(parts)
  return Object.fromEntries(Object.entries(examples).filter(([name]) => text.includes(`/examples/${name}"`)))
}

interface Parameter {
  in: string
  name: string
  schema: Schema
  description?: string
}

/** Parameters that several operations have stand once: `IdInPath` is the commonest `id` of a path. */
function shareParameters<T extends Document>(document: T): T {
  const operations = Object.values(document.paths ?? {}).flatMap((methods) =>
    Object.values(methods ?? {}),
  ) as Operation[]
  const all = operations.flatMap(({ parameters = [] }) => parameters.map((each) => JSON.stringify(each)))
  const counts = [...Map.groupBy(all, (text) => text)].filter(([, uses]) => uses.length > 2)
  const shared = new Map<string, string>()
  for (const [text] of counts.toSorted(([, a], [, b]) => b.length - a.length)) {
    const { name, in: place } = JSON.parse(text) as Parameter
    const title = `${pascal(name)}In${pascal(place)}`
    const isTaken = [...shared.values()].includes(title)
    if (!isTaken) shared.set(text, title)
  }
  for (const operation of operations) {
    if (!operation.parameters) continue
    operation.parameters = operation.parameters.map((each) => {
      const title = shared.get(JSON.stringify(each))
      return title ? ({ $ref: `#/components/parameters/${title}` } as unknown as Parameter) : each
    })
  }
  const parameters = Object.fromEntries([...shared].map(([text, title]) => [title, JSON.parse(text) as Parameter]))
  return Object.assign(document, { components: { ...document.components, parameters } })
}
