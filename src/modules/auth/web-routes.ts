import cookie from '@fastify/cookie'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { isSecure, refuseForeign } from '../../http/same-origin.ts'
import { NoContent } from '../../http/schemas.ts'
import { device } from './routes.ts'
import { LoginBody, WebToken } from './schemas.ts'
import type { AuthService, TokenPair } from './service.ts'

interface Options {
  auth: AuthService
  refreshTtlMs: number
}

const path = '/auth/web'
const schema = { hide: true }

/**
 * The session of the page for people: its refresh token is in a cookie that no script sees, and that only these addresses
 * get, set and read. No part of the API: other clients have the token pair.
 */
export const webSessionRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { auth, refreshTtlMs }) => {
  await app.register(cookie)
  app.addHook('onRequest', refuseForeign)

  app.post(
    `${path}/login`,
    { schema: { ...schema, operationId: 'loginWeb', body: LoginBody, response: { 200: WebToken } } },
    async (request, reply) => {
      const { refresh_token: _, ...body } = request.body
      const proof = tokenOf(request)
      return keep(
        request,
        reply,
        await auth.login({ ...body, ...(proof && { refresh_token: proof }) }, device(request, reply)),
      )
    },
  )

  app.post(
    `${path}/refresh`,
    { schema: { ...schema, operationId: 'refreshWeb', body: Type.Object({}), response: { 200: WebToken } } },
    async (request, reply) => {
      const token = tokenOf(request)
      if (!token) throw new AppError('invalid_token', { detail: 'This browser has no session: log in' })
      try {
        return keep(request, reply, await auth.refresh(token, undefined, device(request, reply)))
      } catch (error) {
        // Not when it could not be asked: the session goes on.
        if (error instanceof AppError && error.statusCode === 401) clear(request, reply)
        throw error
      }
    },
  )

  app.post(
    `${path}/logout`,
    { schema: { ...schema, operationId: 'logoutWeb', body: Type.Object({}), response: { 204: NoContent } } },
    async (request, reply) => {
      const token = tokenOf(request)
      if (token) await auth.end(token)
      clear(request, reply)
      return reply.code(204).send(null)
    },
  )

  function keep(request: FastifyRequest, reply: FastifyReply, pair: TokenPair): Static<typeof WebToken> {
    const { refresh_token, ...token } = pair
    reply.setCookie(nameFor(request), refresh_token, {
      ...attributes(request),
      maxAge: Math.floor(refreshTtlMs / 1000),
    })
    return token
  }
}

function clear(request: FastifyRequest, reply: FastifyReply): void {
  reply.clearCookie(nameFor(request), attributes(request))
}

function attributes(request: FastifyRequest) {
  return { path, httpOnly: true, sameSite: 'strict' as const, secure: isSecure(request) }
}

function nameFor(request: FastifyRequest): string {
  return isSecure(request) ? '__Secure-kinoteka' : 'kinoteka'
}

function tokenOf(request: FastifyRequest): string | undefined {
  return request.cookies[nameFor(request)]?.slice(0, 4096)
}
