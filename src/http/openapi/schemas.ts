/** JSON Schema, as far as the document treats it. */
export interface Schema {
  title?: string
  type?: string | string[]
  format?: string
  minimum?: number
  maximum?: number
  examples?: unknown[]
  [keyword: string]: unknown
}

/** A schema that others refer to by its name, with what its uses say of it. */
interface Named {
  schema: Schema
  body: string
  descriptions: string[]
  examples: unknown[]
}

// Private to the validation, or said better by the place where the schema stands.
const hidden = new Set(['transform', '$id', 'title', 'examples'])
const ofUse = ['description', 'default'] as const
const lists = ['anyOf', 'oneOf', 'allOf'] as const
const int32 = 2 ** 31

/** The lengths of texts whose format bounds them. */
const lengths: Record<string, number> = { 'date-time': 40, date: 10, uuid: 36 }

/**
 * Collects the schemas that have a `title`: in the document each stands once, under that name, and all else refers to it.
 * Keywords that only the validation knows are left out.
 */
export function createSchemaNames() {
  const known = new Map<string, Named>()

  /** The schema as it stands in the document. */
  function refer(schema: Schema): Schema {
    const { title } = schema
    if (title === undefined) return convert(schema)
    const { description, default: usual, type, ...rest } = schema
    const isNullable = Array.isArray(type) && type.includes('null')
    const own = isNullable ? type.filter((each) => each !== 'null') : [type ?? []].flat()
    const converted = convert({ ...(own.length > 0 && { type: own.length === 1 ? own[0] : own }), ...rest } as Schema)
    keep(title, converted, schema)
    const $ref = `#/components/schemas/${title}`
    const said = { ...(description !== undefined && { description }), ...(usual !== undefined && { default: usual }) }
    return isNullable ? { oneOf: [{ $ref }, { type: 'null' }], ...said } : { $ref, ...said }
  }

  function keep(title: string, schema: Schema, { description, examples = [] }: Schema): void {
    const body = JSON.stringify(schema)
    const named = known.get(title) ?? { schema, body, descriptions: [], examples: [] }
    if (named.body !== body) throw new Error(`Two schemas have the title ${title}: ${named.body} and ${body}`)
    known.set(title, named)
    if (typeof description === 'string') named.descriptions.push(description)
    if (named.examples.length === 0) named.examples = examples
  }

  function convert(schema: Schema): Schema {
    const entries = Object.entries(schema).filter(([name]) => !hidden.has(name))
    const converted = Object.fromEntries(entries.map(([name, value]) => [name, convertKeyword(name, value)])) as Schema
    if (converted.format === 'text') delete converted.format
    const types = [converted.type ?? []].flat()
    if (types.includes('integer')) converted.format ??= isShort(converted) ? 'int32' : 'int64'
    const values = converted.enum
    if (types.includes('integer') && Array.isArray(values)) {
      converted.minimum ??= Math.min(...values)
      converted.maximum ??= Math.max(...values)
    }
    const length = lengths[converted.format ?? '']
    if (types.includes('string') && length) converted.maxLength ??= length
    return converted
  }

  function convertKeyword(name: string, value: unknown): unknown {
    if (name === 'properties') return mapValues(value as Record<string, Schema>, refer)
    if (name === 'items' || name === 'not') return refer(value as Schema)
    if (name === 'additionalProperties' && typeof value === 'object') return refer(value as Schema)
    if ((lists as readonly string[]).includes(name)) return (value as Schema[]).map(refer)
    return value
  }

  /** All that was referred to, by name. A use that says what the schema says itself says nothing. */
  function components() {
    const names = [...known].toSorted(([a], [b]) => a.localeCompare(b, 'en'))
    const described = names.map(([name, { schema, descriptions }]) => {
      const description = commonest(descriptions)
      return [name, { ...(description !== undefined && { description }), ...schema }] as const
    })
    const schemas = Object.fromEntries(described)
    const examples = names.flatMap(([name, named]) => {
      return named.examples.map((value, i) => [i === 0 ? name : `${name}${i + 1}`, { value }] as const)
    })
    return { schemas, examples: Object.fromEntries(examples) }
  }

  return { refer, components, examplesOf: (title: string) => known.get(title)?.examples.length ?? 0 }
}

/** Takes away from references what the schema that they refer to says itself. */
export function dropRepeats(part: unknown, schemas: Record<string, Schema>): void {
  if (typeof part !== 'object' || part === null) return
  const { $ref, oneOf } = part as { $ref?: unknown; oneOf?: { $ref?: string }[] }
  const target = typeof $ref === 'string' ? $ref : oneOf?.length === 2 ? oneOf[0]?.$ref : undefined
  const named = schemas[target?.replace('#/components/schemas/', '') ?? '']
  const own = part as Record<string, unknown>
  for (const keyword of named ? ofUse : []) if (own[keyword] === named?.[keyword]) delete own[keyword]
  for (const inner of Object.values(part)) dropRepeats(inner, schemas)
}

function isShort({ minimum = Number.NaN, maximum = Number.NaN, enum: values }: Schema): boolean {
  if (Array.isArray(values)) return true
  return minimum >= -int32 && maximum < int32
}

function commonest(texts: string[]): string | undefined {
  const counts = Map.groupBy(texts, (text) => text)
  return [...counts].toSorted(([, a], [, b]) => b.length - a.length)[0]?.[0]
}

function mapValues<T, U>(object: Record<string, T>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value)]))
}
