import type { LightMyRequestResponse } from 'fastify'
import { expect } from 'vitest'

export interface ProblemBody {
  type: string
  title: string
  status: number
  detail: string
  instance: string
  code: string
  message: string
  request_id: string
  errors?: { path: string; message: string }[]
}

/** Fails unless the answer is an RFC 9457 problem with every member that the contract names. */
export function expectProblem(response: LightMyRequestResponse, status: number, code: string): ProblemBody {
  const { headers } = response
  return expectProblemBody({ status: response.statusCode, headers, body: response.body }, status, code)
}

/** The same for an answer read from a socket. */
export function expectProblemBody(
  answer: { status: number; headers: Record<string, unknown>; body: string },
  status: number,
  code: string,
): ProblemBody {
  expect(answer.body).not.toBe('')
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json(;|$)/)
  const problem = JSON.parse(answer.body) as ProblemBody
  expect(problem).toMatchObject({ type: `/problems/${code}`, status, code })
  expect(answer.status).toBe(status)
  for (const name of ['title', 'detail', 'instance', 'request_id'] as const) expect(problem[name]).toMatch(/\S/)
  expect(problem.message).toBe(problem.detail)
  expect(answer.headers['x-request-id']).toBe(problem.request_id)
  return problem
}
