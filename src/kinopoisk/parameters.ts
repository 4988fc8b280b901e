import { inputFault } from '../errors.ts'
import { toSearchKey } from '../text/search-key.ts'

/** A parameter of upstream's own address: how its text is read, and as what it is documented. */
export interface Parameter<V> {
  /** Upstream's name, where it is not ours. */
  name?: string
  schema: { type: string; examples: unknown[] } & Record<string, unknown>
  isRequired: boolean
  /** Undefined: absent and without a default. @throws {AppError} invalid_input */
  read(text: string | undefined, path: string): V
}

// What clients write that have no value.
const nothing = new Set(['', 'undefined', 'null'])
const maxTextLength = 200

const given = (text: string | undefined) => (text === undefined || nothing.has(text.trim()) ? undefined : text.trim())

export function whole(min: number, max: number, example: number): Parameter<number> {
  const optional = optionalWhole(min, max, example)
  return {
    ...optional,
    isRequired: true,
    read: (text, path) => optional.read(text, path) ?? missing(path),
  }
}

/** The first page where none is named. */
export function page(max: number): Parameter<number> {
  const optional = optionalWhole(1, max, 1)
  return { ...optional, read: (text, path) => optional.read(text, path) ?? 1 }
}

export function optionalWhole(min: number, max: number, example: number): Parameter<number | undefined> {
  return {
    schema: { type: 'integer', minimum: min, maximum: max, examples: [example] },
    isRequired: false,
    read: (text, path) => readNumber(text, /^\d{1,10}$/, min, max, path, 'a whole number'),
  }
}

export function optionalNumber(min: number, max: number, example: number): Parameter<number | undefined> {
  return {
    schema: { type: 'number', minimum: min, maximum: max, examples: [example] },
    isRequired: false,
    read: (text, path) => readNumber(text, /^\d{1,5}(\.\d{1,5})?$/, min, max, path, 'a number'),
  }
}

function readNumber(sent: string | undefined, form: RegExp, min: number, max: number, path: string, what: string) {
  const text = given(sent)
  if (text === undefined) return undefined
  const value = form.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max)) throw inputFault(path, `must be ${what} from ${min} to ${max}`)
  return value
}

/** One of the names, in any case; the first one where none is given, unless it is required. */
export function choice<V extends string>(names: readonly V[], { isRequired = false } = {}): Parameter<V> {
  const [first] = names as [V]
  return {
    schema: { type: 'string', enum: names, examples: [first], ...(!isRequired && { default: first }) },
    isRequired,
    read(sent, path) {
      const text = given(sent)?.toUpperCase()
      if (text === undefined) return isRequired ? missing(path) : first
      return names.find((name) => name === text) ?? fault(path, `must be one of ${names.join(', ')}`)
    },
  }
}

/** A name of the list, as its place in it from 1. */
export function ordinal(names: readonly string[]): Parameter<number> {
  const named = choice(names, { isRequired: true })
  return { ...named, read: (text, path) => names.indexOf(named.read(text, path)) + 1 }
}

/** What is searched for: texts that are one search are one request. */
export function words(example: string): Parameter<string> {
  const optional = optionalWords(example)
  return { ...optional, isRequired: true, read: (text, path) => optional.read(text, path) ?? missing(path) }
}

export function optionalWords(example: string): Parameter<string | undefined> {
  return {
    schema: { type: 'string', minLength: 1, maxLength: maxTextLength, examples: [example] },
    isRequired: false,
    read(sent, path) {
      const text = sent?.trim() ? sent.trim() : undefined
      if (text === undefined) return undefined
      if (!text.isWellFormed() || /[\0\ufffd]/.test(text)) throw inputFault(path, 'must be percent-encoded UTF-8')
      if (text.length > maxTextLength) throw inputFault(path, `must have at most ${maxTextLength} characters`)
      return toSearchKey(text)
    },
  }
}

/** A text of this form, as `change` writes it. */
export function optionalForm(form: RegExp, what: string, example: string): Parameter<string | undefined> {
  return {
    schema: { type: 'string', maxLength: 100, examples: [example] },
    isRequired: false,
    read(sent, path) {
      const text = given(sent)?.toLowerCase()
      if (text !== undefined && !form.test(text)) throw inputFault(path, `must be ${what}`)
      return text
    },
  }
}

function missing(path: string): never {
  throw inputFault(path, 'is required')
}

function fault(path: string, message: string): never {
  throw inputFault(path, message)
}
