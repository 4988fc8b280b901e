import fc from 'fast-check'
import {
  exampleOfMedia,
  exampleOfParameter,
  type Operation,
  type Parameter,
  parametersIn,
  type Schema,
} from './operations.ts'

/** A request as it goes over the wire: everything is text already. */
export interface Shot {
  /** `key`: a program with a personal key. */
  role: 'nobody' | 'stranger' | 'key' | 'user' | 'admin'
  path: string
  query: string
  contentType: string | undefined
  body: string | undefined
}

/** Property name → texts that stand for what only a live session knows; filled in when the shot is fired. */
const liveValues: Record<string, string[]> = {
  access_token: ['<access_token>'],
  refresh_token: ['<refresh_token>'],
  old_password: ['<password>'],
  password_1: ['<password>'],
  password: ['<password>'],
  login: ['<login>', '<fresh>'],
}

/** Shots at an operation: some as the document asks, some not. */
export function shotsAt(operation: Operation): fc.Arbitrary<Shot> {
  const media = operation.requestBody?.content['application/json']
  const payload = media ? bodyOf(media.schema ?? {}, exampleOfMedia(media)) : strayBody
  return fc
    .record({
      role: fc.constantFrom<Shot['role'][]>(
        'nobody',
        'stranger',
        'key',
        'user',
        'user',
        'user',
        'admin',
        'admin',
        'admin',
      ),
      path: pathOf(operation),
      query: queryOf(parametersIn(operation, 'query')),
      payload,
    })
    .map(({ payload, ...rest }) => ({ ...rest, ...payload }))
}

// Text that has broken somebody's parser, database or log before.
const nastyTexts = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  'x\udfffy',
  '\u202e\u200b\ufeff',
  'İ',
  '1e309',
  '-1',
  '0x1F',
  'NaN',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  'toString',
  "' or 1=1 --",
  '%',
  '%00',
  '%ff',
  '..\\..\\etc\\passwd',
  '{{7*7}}',
  '\r\nx-injected: 1',
  '2026-02-30',
  '9'.repeat(400),
  'a'.repeat(10_000),
  '😀'.repeat(200),
]

const nastyNumbers = [0, -0, -1, 0.1, 1e-7, 1.5, 2 ** 31 - 1, 2 ** 31, 2 ** 53, -(2 ** 63), 1e21, 1.7e308]

/** `1e309` without quotes: JSON that becomes Infinity. Put in when the body is written. */
const infinity = '<1e309>'

const nasty: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown[]>(null, true, false, [], {}, [[]], [null], infinity),
  fc.constantFrom(...nastyTexts),
  fc.constantFrom(...nastyNumbers),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(nested(200, '['), nested(200, '{')),
)

function nested(depth: number, kind: '[' | '{'): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = kind === '[' ? [value] : { a: value }
  return value
}

/** Values that fit the schema, its examples and bounds more often than others. */
function fitting(schema: Schema, name = ''): fc.Arbitrary<unknown> {
  const known = [...(schema.examples ?? []), ...liveOf(name)]
  const any = fittingByShape(schema)
  return known.length > 0 ? fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...known) }, any) : any
}

function fittingByShape(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const parts = schema.anyOf ?? schema.oneOf
  if (parts) return fc.oneof(...parts.map((part) => fitting(part)))
  const types = [schema.type ?? []].flat()
  return types.length === 0 ? fc.jsonValue() : fc.oneof(...types.map((type) => fittingType(type, schema)))
}

function fittingType(type: string, schema: Schema): fc.Arbitrary<unknown> {
  const { minimum: min = -1e9, maximum: max = 1e9 } = schema
  if (type === 'string') return fittingText(schema)
  if (type === 'integer') return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max))
  if (type === 'number') return fc.oneof(fc.double({ min, max, noNaN: true }), fc.constantFrom(min, max))
  if (type === 'boolean') return fc.boolean()
  if (type === 'array') {
    const { minItems: minLength = 0, maxItems = 5, items = {} } = schema
    return fc.array(fitting(items), { minLength, maxLength: Math.min(maxItems, minLength + 5) })
  }
  return type === 'object' ? fittingObject(schema) : fc.constant(null)
}

function fittingText({ format, pattern, minLength = 0, maxLength = 100 }: Schema): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.uuid()
  if (format === 'date') return fc.date(anyDate).map((date) => date.toISOString().slice(0, 10))
  if (format === 'date-time') return fc.date(anyDate).map((date) => date.toISOString())
  if (pattern) return fc.stringMatching(new RegExp(pattern, 'u'))
  const longest = Math.min(maxLength, minLength + 30)
  const exact = { unit: 'a', minLength: maxLength, maxLength } as const
  const edge = maxLength <= 5000 ? [fc.constant(exact.unit.repeat(maxLength))] : []
  return fc.oneof({ weight: 5, arbitrary: fc.string({ unit: 'grapheme', minLength, maxLength: longest }) }, ...edge)
}

const anyDate = { min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }

function fittingObject({ properties = {}, required = [] }: Schema): fc.Arbitrary<Record<string, unknown>> {
  const parts = Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, fitting(part, name)]))
  return fc.record(parts, { requiredKeys: required })
}

type Payload = Pick<Shot, 'contentType' | 'body'>

const strayBody: fc.Arbitrary<Payload> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ contentType: undefined, body: undefined }) },
  fc.record({
    contentType: fc.constantFrom(undefined, 'application/json', 'text/plain', 'multipart/form-data', 'a/b;;'),
    body: fc.constantFrom(undefined, '', '{', '{}', 'null', '[1]', '{"__proto__":{}}'),
  }),
)

function bodyOf(schema: Schema, example: unknown): fc.Arbitrary<Payload> {
  const model = live(example)
  const fit = fc.oneof(model, varied(schema, model), fitting(schema))
  const values = fc.oneof(
    { weight: 5, arbitrary: fit },
    { weight: 5, arbitrary: mutated(schema, fit) },
    { weight: 1, arbitrary: nasty },
  )
  const json = values.map((value) => ({ contentType: 'application/json', body: write(value) }))
  const form = values.map((value) => ({ contentType: 'application/x-www-form-urlencoded', body: writeForm(value) }))
  return fc.oneof({ weight: 8, arbitrary: json }, { weight: 1, arbitrary: form }, { weight: 1, arbitrary: strayBody })
}

/** The example, at times with what a live session knows. */
function live(example: unknown): fc.Arbitrary<Record<string, unknown>> {
  const members = Object.entries((example ?? {}) as object).map(([name, value]) => [
    name,
    fc.constantFrom<unknown[]>(value, ...liveOf(name)),
  ])
  return fc.record(Object.fromEntries(members) as Record<string, fc.Arbitrary<unknown>>)
}

function liveOf(name: string): string[] {
  return (Object.hasOwn(liveValues, name) && liveValues[name]) || []
}

/** The example with one or two other members that fit. */
function varied({ properties = {} }: Schema, model: fc.Arbitrary<object>): fc.Arbitrary<object> {
  const members = Object.entries(properties).map(([name, part]) => fc.tuple(fc.constant(name), fitting(part, name)))
  if (members.length === 0) return model
  const changes = fc.array(fc.oneof(...members), { minLength: 1, maxLength: 2 })
  return fc.tuple(model, changes).map(([model, changes]) => ({ ...model, ...Object.fromEntries(changes) }))
}

/** An object with one or two members that it should not have so. */
function mutated(schema: Schema, fit: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const names = Object.keys(schema.properties ?? {})
  const name = fc.constantFrom(...names, ...names, '__proto__', 'constructor', 'toString', 'extra', '')
  const removed = Symbol('removed')
  const change = fc.tuple(name, fc.oneof(nasty, fc.constant(removed)))
  return fc.tuple(fit, fc.array(change, { minLength: 1, maxLength: 2 })).map(([value, changes]) => {
    if (typeof value !== 'object' || value === null) return value
    const members = new Map<string, unknown>([...Object.entries(value), ...changes])
    return [...members].filter(([, member]) => member !== removed).reduce(withMember, {})
  })
}

/** A plain assignment of `__proto__` would set the prototype. */
function withMember(object: object, [name, value]: [string, unknown]): object {
  return Object.defineProperty(object, name, { value, enumerable: true, configurable: true })
}

function write(value: unknown): string {
  return (JSON.stringify(value) ?? 'null').replaceAll(JSON.stringify(infinity), '1e309')
}

function writeForm(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([name, member]) => `${encode(name)}=${encode(typeof member === 'object' ? write(member) : String(member))}`)
    .join('&')
}

function pathOf(operation: Operation): fc.Arbitrary<string> {
  const names = parametersIn(operation, 'path')
  const parts = names.map((parameter) => [
    parameter.name,
    fc.oneof({ weight: 4, arbitrary: textOf(parameter) }, brokenPart),
  ])
  return fc
    .record(Object.fromEntries(parts) as Record<string, fc.Arbitrary<string>>)
    .map((values) => operation.path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? ''))
}

// Neither empty nor dots alone: that would be another address.
const brokenPart = fc
  .oneof(
    fc.constantFrom('%', '%ff', '%00', '%ED%A0%80', '..%2f..%2fx', '%c0%ae', 'a;b=c', '1,2', '+1', '1%20', '-0', '007'),
    fc.constantFrom(...nastyTexts).map(encode),
  )
  .map((text) => (/^(\.|%2e)*$/i.test(text) ? '_' : text))

/** A parameter that fits, encoded. */
function textOf(parameter: Parameter): fc.Arbitrary<string> {
  const example = fc.constant(exampleOfParameter(parameter))
  return fc
    .oneof({ weight: 2, arbitrary: example }, fitting(parameter.schema))
    .map((value) => encode(String(value)))
    .map((text) => (/^(\.|%2e)*$/i.test(text) ? '_' : text))
}

function queryOf(parameters: Parameter[]): fc.Arbitrary<string> {
  const fit = fc
    .record(Object.fromEntries(parameters.map((parameter) => [parameter.name, fc.option(pairOf(parameter))])))
    .map((pairs) => Object.values(pairs).filter((pair) => pair !== null))
  const names = parameters.map((parameter) => encode(parameter.name))
  const name = fc.constantFrom(...names, ...names, ...names, '__proto__', 'constructor', 'no_such', `${names[0]}[]`, '')
  const value = fc.oneof(fc.constantFrom(...nastyTexts).map(encode), fc.constantFrom('%', '%ff', '%ED%A0%80', '+', '&'))
  const stray = fc.tuple(name, value).map(([name, value]) => `${name}=${value}`)
  const mixed = fc.tuple(fit, fc.array(stray, { minLength: 1, maxLength: 3 })).map((lists) => lists.flat())
  const weight = parameters.length > 0 ? 4 : 1
  return fc.oneof({ weight: 8, arbitrary: fit }, { weight, arbitrary: mixed }).map((pairs) => pairs.join('&'))
}

function pairOf(parameter: Parameter): fc.Arbitrary<string> {
  return textOf(parameter).map((text) => `${encode(parameter.name)}=${text}`)
}

/** Percent-encoded UTF-8; what has none (lone surrogates) as the bytes that a careless encoder would send. */
function encode(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : `${encodeURIComponent(text.toWellFormed())}%ED%A0%80`
}
