import { Type } from '@sinclair/typebox'
import { Code, Line } from '../../http/schemas.ts'

export const Ready = Type.Object(
  { status: Type.Literal('ok', { description: 'Always `ok`: what is not is another status' }) },
  { title: 'Ready', description: 'The state of the process', examples: [{ status: 'ok' }] },
)

/** Any text: an unknown code is not found rather than wrong. */
export const ProblemParams = Type.Object({
  code: Type.String({ maxLength: 200, description: 'A code of an error', examples: ['movie_not_found'] }),
})

export const ProblemKind = Type.Object(
  {
    code: Code,
    status: Type.Integer({ minimum: 400, maximum: 599, description: 'The HTTP status that it comes with' }),
    title: Line(200, 'What it means'),
  },
  {
    title: 'ProblemKind',
    description: 'What an error code means',
    examples: [{ code: 'movie_not_found', status: 404, title: 'No such movie' }],
  },
)
