import { timingSafeEqual } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { AppError, type ErrorCode, errorCodes } from '../../errors.ts'
import { problems } from '../../http/schemas.ts'
import { ProblemKind, ProblemParams, Ready } from './schemas.ts'

interface Options {
  /** True when the database responds in time and has the newest schema. */
  isReady(): Promise<boolean>
  isStopping(): boolean
  metricsToken: string | undefined
}

const open = { tags: ['service'], security: [] }

/** Health, metrics and the kinds of problems: open to everyone, but for a metrics token. */
export const healthRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { isReady, isStopping, metricsToken }) => {
  app.get(
    '/livez',
    { schema: { ...open, operationId: 'getLiveness', summary: 'The process answers', response: { 200: Ready } } },
    () => ({ status: 'ok' as const }),
  )

  app.get(
    '/readyz',
    {
      schema: {
        ...open,
        operationId: 'getReadiness',
        summary: 'The database answers and its schema is up to date',
        description: 'Kinopoisk has no part in it: the service goes on without.',
        response: { 200: Ready },
      },
    },
    async () => {
      if (isStopping()) throw new AppError('shutting_down')
      if (await isReady().catch(() => false)) return { status: 'ok' as const }
      throw new AppError('database_unavailable', {
        detail: 'The database does not answer or its schema is out of date',
      })
    },
  )

  app.get(
    '/metrics',
    {
      schema: {
        ...open,
        operationId: 'getMetrics',
        summary: 'Metrics for Prometheus',
        description: 'With METRICS_TOKEN set it takes that bearer token.',
        response: {
          200: {
            description: 'Prometheus text format',
            content: { 'text/plain': { schema: Type.String({ maxLength: 10_000_000 }) } },
          },
          ...problems('missing_token'),
        },
      },
    },
    async (request, reply) => {
      const [, token = ''] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? []
      if (metricsToken && !sameText(token, metricsToken)) {
        throw new AppError('missing_token', { detail: 'The metrics need the bearer token METRICS_TOKEN' })
      }
      return reply.type(app.metrics.contentType).send(await app.metrics.metrics())
    },
  )

  app.get(
    '/problems/:code',
    {
      schema: {
        ...open,
        operationId: 'getProblemKind',
        summary: 'What an error code means',
        description: 'The `type` of every error leads here.',
        params: ProblemParams,
        response: { 200: ProblemKind, ...problems('not_found') },
      },
    },
    async (request) => {
      const { code } = request.params
      if (!isErrorCode(code)) throw new AppError('not_found', { detail: 'There is no such error code' })
      const [status, title] = errorCodes[code]
      return { code, status, title }
    },
  )
}

function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text)
}

function sameText(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}
