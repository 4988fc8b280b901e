import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { LogController } from 'fastify'
import fp from 'fastify-plugin'
import { type DestinationStream, type LoggerOptions, pino, stdSerializers } from 'pino'
import { isQueryError, withoutValues } from '../db/errors.ts'
import { isExpected } from '../errors.ts'
import { dataEvent, type Endpoint, type Exchange, memoize, outcomeOf } from '../http/exchanges.ts'

const requestIdForm = /^[A-Za-z0-9._:-]{1,128}$/
const secrets = [
  'password',
  'token',
  'access_token',
  'refresh_token',
  'authorization',
  'cookie',
  'api_key',
  'x-api-key',
  'login',
  'email',
  'phone',
  // @fastify/multipart logs all of a request's at the level `trace`.
  'headers',
]

/** The logging part of Fastify's own options. */
export function loggerOptions(level: string, stream?: DestinationStream): FastifyServerOptions {
  const options: LoggerOptions = {
    level,
    timestamp: isoTime(),
    // Never a body, a header or a query here; this is the second fence. pino's wildcards would cost more than all of the line.
    redact: secrets,
    formatters: { log: withoutNested },
    serializers: { err: serializeError },
  }
  const target = stream ?? bufferedStdout()
  return {
    loggerInstance: pino(options, target) as never,
    genReqId: (request) => {
      const given = request.headers['x-request-id']
      return typeof given === 'string' && requestIdForm.test(given) ? given : randomUUID()
    },
    logController: logController(),
  }
}

const flushMs = 10

/**
 * Stdout, written to at most every 10 ms: a write for each line costs more than all else about it. Errors, and lines at
 * the end of the process, are written at once. Killed outright the process loses 10 ms of lines.
 * The destination's own `periodicFlush` writes also when there is nothing: 19 ms of CPU in each second of an idle
 * service.
 */
function bufferedStdout(): DestinationStream {
  const stdout = pino.destination({ fd: 1, sync: true })
  let lines = ''
  const write = () => {
    if (lines) stdout.write(lines)
    lines = ''
  }
  process.on('exit', write)
  return {
    write(line) {
      if (!lines) setTimeout(write, flushMs).unref()
      lines += line
      if (/^{"level":[56]/.test(line)) write()
    },
  }
}

/** pino's isoTime, worked out once for all lines of a millisecond. */
function isoTime(): () => string {
  let last = 0
  let text = ''
  return () => {
    const now = Date.now()
    if (now !== last) text = `,"time":"${new Date(now).toISOString()}"`
    last = now
    return text
  }
}

/** Fastify's own lines are off, except one: a response that broke off after its status was sent. */
function logController(): LogController {
  const controller = new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' })
  controller.streamError = (error, request) => {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ERR_STREAM_PREMATURE_CLOSE') request.log.error({ err: error }, 'answer broke off')
  }
  return controller
}

const quiet = new Set(['/livez', '/readyz', '/metrics'])

/**
 * One line per request, by route pattern: queries and tokens stay out. That of a data operation says in `event` what was
 * done, in `resource` to what, and in `outcome` how it ended. Of expected refusals, as in an outage, one line a second and
 * code: the next one says in `repeated` how many were left out.
 */
export default fp(async (app: FastifyInstance) => {
  // With what all lines of an endpoint say.
  const logOf = memoize((endpoint: Endpoint) => app.log.child(endpoint))
  app.exchanges.onEnd((exchange) => {
    const { request, endpoint, status, seconds, aborted } = exchange
    const { problem } = request
    const repeated = problem && isExpected(problem) ? app.logThrottle(`request ${problem}`) : 0
    if (repeated === undefined) return
    const level = quiet.has(endpoint.route) ? 'debug' : 'info'
    logOf(endpoint)[level](
      {
        ...dataOperation(exchange),
        request_id: request.id,
        status,
        status_class: `${Math.floor(status / 100)}xx`,
        code: problem,
        ...(repeated > 0 && { repeated }),
        ...(aborted && { aborted }),
        duration_ms: Math.round(seconds * 10_000) / 10,
        user_id: request.user?.id,
        key_id: request.user?.key?.id,
      },
      'request',
    )
  })
})

/** Nothing for reads. */
function dataOperation({ request, reply, endpoint, status, aborted }: Exchange) {
  const { method, operation } = endpoint
  const event = dataEvent(method, operation)
  if (!event || method === 'HEAD') return undefined
  // Adding to a list is 201, or 200 where it was there already.
  const unchanged = status === 200 && operation?.startsWith('addTo')
  const resource = resourceOf(request, reply)
  return {
    event,
    outcome: unchanged ? 'unchanged' : outcomeOf(status, aborted),
    // A UUID that names nothing of ours may be a key.
    ...(resource && (status < 400 || /^\d+$/.test(resource)) && { resource }),
  }
}

/** The id of what was changed: of the path, of the new thing's address, or of the film in the body; numbers and UUIDs only. */
function resourceOf(request: Exchange['request'], reply: Exchange['reply']): string | undefined {
  const { id } = (request.params ?? {}) as { id?: unknown }
  const { kinopoisk_id, movie_id, id: bodyId } = (request.body ?? {}) as Record<string, unknown>
  const location = String(reply.getHeader('location') ?? '')
    .split('/')
    .at(-1)
  return [id, location, kinopoisk_id, movie_id, bodyId]
    .map(String)
    .find((text) => /^(\d{1,10}|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12})$/.test(text))
}

function serializeError(error: Error): object {
  return withoutSecrets(isQueryError(error) ? withoutValues(error) : stdSerializers.err(error))
}

function withoutNested(line: Record<string, unknown>): Record<string, unknown> {
  for (const name in line) {
    const value = line[name]
    if (typeof value === 'object' && value && !(value instanceof Error)) line[name] = withoutSecrets(value)
  }
  return line
}

function withoutSecrets(fields: object): object {
  const entries = Object.entries(fields)
  return entries.some(([name]) => secrets.includes(name))
    ? Object.fromEntries(entries.filter(([name]) => !secrets.includes(name)))
    : fields
}
