import { type OpenApi, operationsOf, type Schema } from './operations.ts'

/**
 * What a client of the document `before` may miss in `now`: an operation, an answer, a member of an answer, a value that it may
 * send; or what it now has to send. A small check of ours: it compares names, types, enums and bounds, no formats or texts.
 */
export function breakingChanges(before: OpenApi, now: OpenApi): string[] {
  const later = new Map(operationsOf(now).map((operation) => [operation.title, operation]))
  return operationsOf(before).flatMap((old) => {
    const { title } = old
    const current = later.get(title)
    if (!current) return [`${title} is gone`]
    return [
      ...(old.operationId === current.operationId ? [] : [`${title} has another operationId`]),
      ...parameterChanges(title, old.parameters ?? [], current.parameters ?? []),
      ...contents(old.requestBody?.content).flatMap(([type, schema]) => {
        const other = current.requestBody?.content[type]?.schema
        return other ? narrower(`${title} body`, schema, other) : [`${title} takes no ${type} now`]
      }),
      ...Object.entries(old.responses).flatMap(([status, answer]) => {
        const other = current.responses[status]
        if (!other) return Number(status) < 400 ? [`${title} ${status} is gone`] : []
        return contents(answer.content).flatMap(([type, schema]) => {
          const later = other.content?.[type]?.schema
          return later ? poorer(`${title} ${status}`, schema, later) : [`${title} ${status} has no ${type} now`]
        })
      }),
    ]
  })
}

type Parameters = NonNullable<ReturnType<typeof operationsOf>[number]['parameters']>

function parameterChanges(title: string, old: Parameters, current: Parameters): string[] {
  const gone = old.flatMap((each) => {
    const other = current.find(({ in: place, name }) => place === each.in && name === each.name)
    return other ? narrower(`${title} ${each.name}`, each.schema, other.schema) : [`${title} has no ${each.name} now`]
  })
  const needed = current.filter(({ required, in: place, name }) => {
    return required && !old.some((each) => each.required && each.in === place && each.name === name)
  })
  return [...gone, ...needed.map(({ name }) => `${title} needs ${name} now`)]
}

function contents(content: Record<string, { schema?: Schema }> = {}): [type: string, schema: Schema][] {
  return Object.entries(content).map(([type, { schema = {} }]) => [type, schema])
}

/** Why something that `old` took might not be taken now. */
function narrower(where: string, old: Schema, now: Schema): string[] {
  const lost = typesOf(old).filter((type) => !typesOf(now).includes(type))
  const needed = (now.required ?? []).filter((name) => !old.required?.includes(name))
  return [
    ...(now.type === undefined ? [] : lost.map((type) => `${where} takes no ${type} now`)),
    ...valuesLost(old, now).map((value) => `${where} does not take ${value} now`),
    ...(now.oneOf ? [] : needed.map((name) => `${where} needs ${name} now`)),
    ...(now.enum ? [] : bounds(where, old, now)),
    ...shared(old, now).flatMap(([name, a, b]) => narrower(`${where}.${name}`, a, b)),
    ...(old.items && now.items ? narrower(`${where}[]`, old.items, now.items) : []),
  ]
}

function bounds(where: string, old: Schema, now: Schema): string[] {
  return [
    ...(['maximum', 'maxLength', 'maxItems'] as const)
      .filter((bound) => (now[bound] ?? Infinity) < (old[bound] ?? Infinity))
      .map((bound) => `${where} has a lower ${bound}`),
    ...(['minimum', 'minLength', 'minItems'] as const)
      .filter((bound) => (now[bound] ?? -Infinity) > (old[bound] ?? -Infinity))
      .map((bound) => `${where} has a higher ${bound}`),
  ]
}

/** What `old` promised in an answer, and `now` does not. */
function poorer(where: string, old: Schema, now: Schema): string[] {
  const gone = Object.keys(old.properties ?? {}).filter((name) => !now.properties?.[name] && !now.oneOf)
  const optional = (old.required ?? []).filter((name) => now.properties?.[name] && !now.required?.includes(name))
  const more = typesOf(now).filter((type) => !typesOf(old).includes(type))
  return [
    ...gone.map((name) => `${where}.${name} is gone`),
    ...optional.map((name) => `${where}.${name} may be absent now`),
    ...(old.type === undefined ? [] : more.map((type) => `${where} may be ${type} now`)),
    ...shared(old, now).flatMap(([name, a, b]) => poorer(`${where}.${name}`, a, b)),
    ...(old.items && now.items ? poorer(`${where}[]`, old.items, now.items) : []),
  ]
}

function shared(old: Schema, now: Schema): [name: string, old: Schema, now: Schema][] {
  return Object.entries(bare(old).properties ?? {}).flatMap(([name, part]) => {
    const other = bare(now).properties?.[name]
    return other ? [[name, part, other] as [string, Schema, Schema]] : []
  })
}

/** Without the null that it may be. */
function bare(schema: Schema): Schema {
  const [first, second] = schema.oneOf ?? []
  return first && second?.type === 'null' ? first : schema
}

function typesOf(schema: Schema): string[] {
  const [, second] = schema.oneOf ?? []
  return [...[bare(schema).type ?? []].flat(), ...(second?.type === 'null' ? ['null'] : [])]
}

function valuesLost(old: Schema, now: Schema): unknown[] {
  return now.enum ? (old.enum ?? []).filter((value) => !now.enum?.includes(value)) : []
}
