import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { setCacheHeaders } from '../../http/cache-headers.ts'
import { callerOf } from '../../http/caller.ts'
import { invalidKey, keyNotAllowed } from '../../http/credentials.ts'
import { sendJson } from '../../http/json-payload.ts'
import { rateLimitHeaders } from '../../http/rate-limit.ts'
import { anyOrigin, preflight } from '../../http/upstream-form.ts'
import { Account, AccountParams, Answer, errors, meaningOf } from './schemas.ts'
import type { CompatibleService } from './service.ts'

interface Options {
  compatible: CompatibleService
}

const tags = ['compatible']
// @fastify/cors is for the origins of CORS_ORIGINS: these addresses are for any.
const config = {
  inUpstreamForm: true,
  cors: false as const,
  sends: { 200: ['Age', 'Cache-Status', 'RateLimit', 'RateLimit-Policy'] as const },
}
const hidden = { schema: { hide: true }, config }
// The addresses are read by the service, which takes what a schema would refuse.
const validatorCompiler = () => () => true

/** Upstream's own addresses, for keys of the scope `gateway` and pages of any origin. */
export const compatibleRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { compatible }) => {
  app.addHook('onRequest', allowAnyOrigin)
  await app.register(accountRoute, { compatible })
  for (const url of wildcards) app.options(url, hidden, (_, reply) => reply.headers(preflight).code(204).send())
  await app.register(async (keyed) => {
    keyed.keyScope = 'gateway'
    keyed.addHook('onRequest', keyed.authenticate)
    keyed.addHook('onRequest', requireKey)
    await keyed.register(endpointRoutes, { compatible })
  })
}

const endpointRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { compatible }) => {
  // Without promises as far as that goes: in an answer out of memory they cost more than all else here.
  function answer(request: FastifyRequest, reply: FastifyReply) {
    const caller = callerOf(request)
    const send = (found: Found) => sendAnswer(reply, found)
    const found = compatible.find(request.url, caller)
    return found instanceof Promise ? found.then(send, (error) => refuse(reply, caller, error)) : send(found)
  }

  async function refuse(reply: FastifyReply, caller: ReturnType<typeof callerOf>, error: unknown): Promise<never> {
    const budget = await compatible.budgetOf(caller)
    if (budget) reply.headers(rateLimitHeaders(budget))
    throw error
  }

  function sendAnswer(reply: FastifyReply, found: Found) {
    setCacheHeaders(reply, found.result)
    if (found.budget) reply.headers(rateLimitHeaders(found.budget))
    return sendJson(reply, found.json)
  }

  for (const { name, path, summary, parameters } of compatible.endpoints) {
    const schema = {
      tags,
      security: [{ apiKey: [] }],
      operationId: `kinopoisk${name.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
      summary,
      ...documented(path, parameters),
      response: { 200: Answer, ...errors },
    }
    app.get(path.replace('{id}', ':id'), { schema, config, validatorCompiler }, answer as never)
  }
  // With doubled slashes, as clients write them whose base URL ends with one; or nothing of upstream's.
  for (const url of wildcards) app.get(url, hidden, answer as never)
}

const wildcards = ['/api/*', '//api/*']
const slashed = ['//api/v1/api_keys/:key', '/api//v1/api_keys/:key', '/api/v1//api_keys/:key']

/** The account of a key, which is in the path and needs no other. */
const accountRoute: FastifyPluginAsyncTypebox<Options> = async (app, { compatible }) => {
  async function answer(request: FastifyRequest) {
    const found = await app.findKey((request.params as { key: string }).key)
    if (!found) throw invalidKey()
    const { userId: id, key } = found
    if (!key.scopes.includes('gateway')) throw keyNotAllowed(['gateway'])
    return compatible.account(callerOf({ user: { id, key }, ip: request.ip }))
  }

  const schema = {
    tags,
    operationId: 'kinopoiskAccount',
    summary: 'What a personal key may still spend today',
    description: 'Kinopoisk is not asked.',
    security: [],
    params: AccountParams,
    response: { 200: Account, ...errors },
  }
  app.get('/api/v1/api_keys/:key', { schema, config, validatorCompiler }, answer)
  for (const url of slashed) app.get(url, hidden, answer)
}

type Found = Awaited<ReturnType<CompatibleService['find']>>

const common = { ...anyOrigin, 'cache-control': 'private, no-cache' }

function allowAnyOrigin(_request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  reply.headers(common)
  done()
}

/** An access token is for what is ours. */
function requireKey(request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  done(request.user.key ? undefined : invalidKey())
}

/** The parameters of an address as OpenAPI has them. */
function documented(path: string, parameters: CompatibleService['endpoints'][number]['parameters']) {
  const all = Object.entries(parameters).map(([member, { name = member, schema, isRequired }]) => {
    return { name, schema: { ...schema, description: meaningOf(name, path) }, isRequired }
  })
  const isInPath = ({ name }: { name: string }) => name === 'id' && path.includes('{id}')
  const object = (some: typeof all) => ({
    type: 'object',
    properties: Object.fromEntries(some.map(({ name, schema }) => [name, schema])),
    required: some.filter(({ isRequired }) => isRequired).map(({ name }) => name),
  })
  const inPath = all.filter(isInPath)
  return {
    querystring: object(all.filter((parameter) => !isInPath(parameter))),
    ...(inPath.length > 0 && { params: object(inPath) }),
  }
}
