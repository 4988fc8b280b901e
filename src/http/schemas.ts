import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { type ErrorCode, errorCodes } from '../errors.ts'
import { type Charset as CharsetName, charsets } from '../text/charsets.ts'
import { isWebUrl, maxUrlLength, mustBeWebUrl } from '../text/web-url.ts'

/** A 4-byte database id. */
export const Id = Type.Integer({ minimum: 1, maximum: 2_147_483_647, examples: [301] })

/** A Date in the code, ISO 8601 in UTC on the wire. */
export const Timestamp = Type.Unsafe<Date>({
  type: 'string',
  format: 'date-time',
  examples: ['2026-11-20T10:00:00.000Z'],
})

/** `schema` or null, as one `type` list: serialised without a union's cost. */
export function Nullable<T extends TSchema>(schema: T) {
  return Type.Unsafe<Static<T> | null>({ ...schema, type: [schema.type, 'null'] })
}

/** Text from a client: trimmed before its length counts; NUL and lone surrogates are refused (format `text`). */
export function Text(options: { minLength?: number; maxLength: number; examples?: string[]; description?: string }) {
  return Type.String({ transform: ['trim'], format: 'text', minLength: 1, ...options })
}

/** Text that a client may clear with `""` or null. */
export function ClearableText(options: { maxLength: number; examples?: string[]; description?: string }) {
  return Nullable(Text({ ...options, minLength: 0 }))
}

/** An address on the web, absolute and without credentials, that a client may clear with `""` or null. */
export function ClearableWebUrl(options: { examples?: string[] } = {}) {
  const description = `An absolute http or https address without user and password; \`""\` and null clear it`
  return Nullable(Type.String({ transform: ['trim'], format: 'uri', maxLength: maxUrlLength, description, ...options }))
}

/** What is wrong with a text of format `uri`; one that is too long is left to `maxLength`. */
export function uriFault(text: string): string | undefined {
  return text === '' || text.length > maxUrlLength || isWebUrl(text) ? undefined : mustBeWebUrl
}

/** The pattern of a number as text, or of nothing. */
export const wholeNumber = '^\\s*\\d*\\s*$'

/** `page` of a listing with pages of 12 (or as the route says), from 1. */
export const Page = Type.Integer({ minimum: 1, maximum: 1_000_000, examples: [1] })

/** `limit` of a listing that comes in an envelope. */
export const Limit = Type.Unsafe<20 | 50 | 100>({ type: 'integer', enum: [20, 50, 100], default: 20, examples: [20] })

/** The query of the listings that are bare arrays. */
export const PageQuery = Type.Object({
  page: Type.Optional({ ...Page, description: 'Pages of 12; everything without it' }),
})

/** Of a file that is imported. */
export const Charset = Type.Unsafe<CharsetName>({
  type: 'string',
  enum: [...charsets],
  description: 'The encoding of the file, where it is not UTF-8, has no byte order mark and is not found by itself',
  examples: ['windows-1251'],
})

/** The picture of a film, from here. */
export const Poster = Nullable(
  Type.String({
    description:
      'The path of the picture in the size `medium`, signed, so that it needs no token; null where there is none to be had',
  }),
)

export const posterExample = '/films/301/poster?size=medium&v=1c3ufd&signature=Zk3C8mT0bWq5rX1nV7hJ2w'

export const IdParams = Type.Object({ id: Id })

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'URI reference of the kind of problem', examples: ['/problems/invalid_input'] }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'What happened and what to change' }),
    instance: Type.String({ description: 'The path that was asked' }),
    code: Type.Unsafe<ErrorCode>({
      type: 'string',
      enum: Object.keys(errorCodes),
      description: 'Stable, for programs',
    }),
    message: Type.String({ description: 'The same as `detail`' }),
    request_id: Type.String(),
    errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
  },
  {
    $id: 'Problem',
    description: 'RFC 9457 problem details',
    examples: [
      {
        type: '/problems/invalid_input',
        title: 'The request does not fit the schema',
        status: 400,
        detail: 'body.password must NOT have fewer than 8 characters',
        instance: '/auth/register',
        code: 'invalid_input',
        message: 'body.password must NOT have fewer than 8 characters',
        request_id: 'f3a1c2d4-7a77-4d0e-9c5e-0b8f7f0f5d3a',
        errors: [{ path: 'body.password', message: 'must NOT have fewer than 8 characters' }],
      },
    ],
  },
)

/** Response entries of a route for the errors named by code. plugins/openapi.ts adds those of every route. */
export function problems(...codes: ErrorCode[]): Record<number, TSchema> {
  const byStatus = Map.groupBy(codes, (code) => errorCodes[code][0])
  return Object.fromEntries([...byStatus].map(([status, group]) => [status, problemResponse(group)]))
}

function problemResponse(codes: ErrorCode[]): TSchema {
  const description = codes.map((code) => `\`${code}\`: ${errorCodes[code][1]}`).join('. ')
  return { description, content: { 'application/problem+json': { schema: Type.Ref('Problem') } } } as unknown as TSchema
}

/** The problems of a route that may call upstream. */
export const upstreamProblems = [
  'upstream_bad_response',
  'upstream_rejected_key',
  'upstream_budget_spent',
  'upstream_quota_exhausted',
  'upstream_rate_limited',
  'upstream_unavailable',
  'upstream_timeout',
] as const satisfies ErrorCode[]

/** A response without a body. */
export const NoContent = Type.Null({ description: 'Done, no body' })
