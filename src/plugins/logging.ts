import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { LogController } from 'fastify'
import fp from 'fastify-plugin'
import { type LoggerOptions, pino, stdSerializers } from 'pino'
import pretty from 'pino-pretty'
import { isQueryError, withoutValues } from '../db/errors.ts'

const requestIdForm = /^[A-Za-z0-9._:-]{1,128}$/

/** The logging part of Fastify's own options. */
export function loggerOptions(level: string, stream?: NodeJS.WritableStream): FastifyServerOptions {
  const options: LoggerOptions = {
    level,
    // Never a body, a header or a query here; these paths are the second fence.
    redact: [
      ...['password', 'token', '*.password', '*.token', '*.authorization', '*.access_token', '*.refresh_token'],
      // @fastify/multipart logs all of a request's at the level `trace`.
      ...['headers', '*.headers'],
    ],
    serializers: { err: serializeError },
  }
  const target = stream ?? (process.stdout.isTTY ? pretty({ sync: true, ignore: 'pid,hostname' }) : undefined)
  return {
    loggerInstance: (target ? pino(options, target) : pino(options)) as never,
    genReqId: (request) => {
      const given = request.headers['x-request-id']
      return typeof given === 'string' && requestIdForm.test(given) ? given : randomUUID()
    },
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
  }
}

const quiet = new Set(['/livez', '/readyz', '/metrics'])

/** One line per request, by route pattern: ids, queries and tokens stay out. */
export default fp(async (app: FastifyInstance) => {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unmatched'
    const level = quiet.has(route) ? 'debug' : 'info'
    request.log[level](
      {
        method: request.method,
        route,
        operation: (request.routeOptions.schema as { operationId?: string } | undefined)?.operationId,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        user_id: request.user?.id,
      },
      'request',
    )
  })
})

function serializeError(error: Error): object {
  return isQueryError(error) ? withoutValues(error) : stdSerializers.err(error)
}
