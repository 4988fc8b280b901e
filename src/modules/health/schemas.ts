import { Type } from '@sinclair/typebox'
import { type ErrorCode, errorCodes } from '../../errors.ts'

export const Ready = Type.Object({ status: Type.Literal('ok') }, { examples: [{ status: 'ok' }] })

const Code = Type.Unsafe<ErrorCode>({ type: 'string', enum: Object.keys(errorCodes), examples: ['movie_not_found'] })

export const ProblemParams = Type.Object({ code: Code })

export const ProblemKind = Type.Object(
  { code: Code, status: Type.Integer(), title: Type.String() },
  { examples: [{ code: 'movie_not_found', status: 404, title: 'No such movie' }] },
)
