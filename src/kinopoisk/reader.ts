import type { Static, TSchema } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'

/** Is called with each member that is left out because it fits no type, and with `id` for a row that is left out. */
export type OnOdd = (member: string) => void

/** Reads what upstream sent; undefined: it is no response. */
export type Reader<T> = (value: unknown, onOdd?: OnOdd) => T | undefined

/** The part of JSON Schema that schemas.ts uses. `aliases` are other names under which upstream sends a member. */
interface Schema {
  type?: string
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  aliases?: string[]
  minimum?: number
  maximum?: number
}

const ignore: OnOdd = () => {}

/**
 * Reads what fits the schema as it is, and anything else leniently: an optional member that does not fit is left out,
 * and so is an item of a list that cannot be read. Only required members (ids) must be there. Whole numbers and flags
 * may come as text.
 */
export function readerOf<T extends TSchema>(schema: T): Reader<Static<T>> {
  const check = TypeCompiler.Compile(schema)
  return (value, onOdd = ignore) =>
    check.Check(value) ? value : (readLeniently(schema as Schema, value, onOdd) as Static<T> | undefined)
}

/** Undefined: it cannot be read by this schema. */
function readLeniently(schema: Schema, value: unknown, onOdd: OnOdd): unknown {
  for (const one of schema.anyOf ?? []) {
    const found = readLeniently(one, value, onOdd)
    if (found !== undefined) return found
  }
  return schema.type === undefined ? undefined : readers[schema.type]?.(schema, value, onOdd)
}

const flags = new Map<unknown, boolean>([
  ...[true, 'true', 1, '1'].map((value) => [value, true] as const),
  ...[false, 'false', 0, '0'].map((value) => [value, false] as const),
])

const readers: Record<string, (schema: Schema, value: unknown, onOdd: OnOdd) => unknown> = {
  null: (_, value) => (value === null || value === '' || value === 'null' ? null : undefined),
  string: (_, value) => (typeof value === 'string' ? value : undefined),
  number: (_, value) => (Number.isFinite(value) ? value : undefined),
  integer: ({ minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER }, value) => {
    const whole = readWhole(value)
    return whole !== undefined && whole >= minimum && whole <= maximum ? whole : undefined
  },
  boolean: (_, value) => flags.get(value),
  array: readList,
  object: readObject,
}

/** A whole number, as such or as text. */
function readWhole(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\s*-?\d{1,15}\s*$/.test(value) ? Number(value) : value
  return Number.isSafeInteger(number) ? (number as number) : undefined
}

function readList({ items = {} }: Schema, value: unknown, onOdd: OnOdd): unknown {
  if (!Array.isArray(value)) return undefined
  return value.flatMap((sent) => {
    const item = readLeniently(items, sent, onOdd)
    if (item === undefined) onOdd('id')
    return item === undefined ? [] : [item]
  })
}

function readObject({ properties = {}, required = [] }: Schema, value: unknown, onOdd: OnOdd): unknown {
  const members = Object.entries(properties)
  // A genre may come as its name alone.
  if (typeof value === 'string' && members.length === 1) return { [members[0]?.[0] ?? '']: value }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const read: Record<string, unknown> = {}
  for (const [name, schema] of members) {
    const sent = [name, ...(schema.aliases ?? [])].map((each) => (value as Record<string, unknown>)[each] ?? null)
    const present = sent.filter((each) => each !== null)
    // What is odd within a member is the member's; a list of rows has members of its own.
    const report = isRows(schema) ? onOdd : () => onOdd(name)
    const found = present.map((each) => readLeniently(schema, each, report)).find((each) => each !== undefined)
    if (found !== undefined) read[name] = found
    else if (required.includes(name)) return undefined
    else if (present.length > 0) onOdd(name)
  }
  return read
}

/** True for a list whose items have an id. */
function isRows({ anyOf = [], items }: Schema): boolean {
  return anyOf.some(isRows) || (items?.required ?? []).length > 0
}
