import { Type } from '@sinclair/typebox'
import { type ErrorCode, errorCodes } from '../../errors.ts'

export const Ready = Type.Object({ status: Type.Literal('ok') }, { examples: [{ status: 'ok' }] })

/** Any text: an unknown code is not found rather than wrong. */
export const ProblemParams = Type.Object({ code: Type.String({ maxLength: 200, examples: ['movie_not_found'] }) })

const Code = Type.Unsafe<ErrorCode>({ type: 'string', enum: Object.keys(errorCodes) })

export const ProblemKind = Type.Object(
  { code: Code, status: Type.Integer(), title: Type.String() },
  { examples: [{ code: 'movie_not_found', status: 404, title: 'No such movie' }] },
)
