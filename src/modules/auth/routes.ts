import formbody from '@fastify/formbody'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { clientSignal } from '../../http/downloads.ts'
import { forms } from '../../http/percent-encoding.ts'
import { problems } from '../../http/schemas.ts'
import { Profile } from '../users/schemas.ts'
import type { UserService } from '../users/service.ts'
import { LoginBody, RefreshBody, RegisterBody, TokenPair } from './schemas.ts'
import type { AuthService, Device } from './service.ts'

interface Options {
  auth: AuthService
  users: UserService
}

const tags = ['auth']
const consumes = ['application/json', 'application/x-www-form-urlencoded']
const throttled =
  'Too many failures are answered with 429, `Retry-After` and the fields `RateLimit-Policy` and `RateLimit`'
/** Each call under its two addresses, with an operationId of its own. */
export const under = (path: string) => ({ [`/auth${path}`]: '', [path]: 'Alias' })

/** Registering, logging in and refreshing: open to everyone. Bodies come as JSON or as a form. */
export const authRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { auth, users }) => {
  await app.register(formbody, forms)
  const open = { tags, security: [], consumes }

  for (const [url, suffix] of Object.entries(under('/register'))) {
    app.post(
      url,
      {
        schema: {
          ...open,
          operationId: `register${suffix}`,
          summary: 'Register with a phone, an e-mail or a user name',
          description: `A 409 tells that somebody has the login. ${throttled} (here: too many 409 at one address, or more than 300 registrations an hour; from 60 on they wait behind all others). A name that looks like the service's own is refused.`,
          body: RegisterBody,
          response: {
            201: Profile,
            ...problems('invalid_input', 'weak_password', 'genre_not_found', 'login_taken', 'too_many_requests'),
          },
        },
      },
      async (request, reply) => {
        const id = await auth.register(request.body, users.readAbout(request.body), device(request, reply))
        return reply
          .code(201)
          .header('location', '/user')
          .send(await users.profile(id))
      },
    )
  }

  for (const [url, suffix] of Object.entries(under('/login'))) {
    app.post(
      url,
      {
        schema: {
          ...open,
          operationId: `login${suffix}`,
          summary: 'Log in: a token pair',
          description: `Also the token endpoint of the OAuth 2 password flow (form body, \`username\`). ${throttled}. With the \`refresh_token\` of an earlier session, ended or not, the failures of others at the same address do not count.`,
          body: LoginBody,
          response: { 200: TokenPair, ...problems('invalid_credentials', 'too_many_requests') },
        },
      },
      async (request, reply) => {
        reply.header('cache-control', 'no-store')
        return auth.login(request.body, device(request, reply))
      },
    )
  }

  app.put(
    '/auth/login',
    {
      schema: {
        ...open,
        operationId: 'refresh',
        summary: 'A new token pair for the old one',
        description:
          'The access token may have expired, or be absent. A refresh token is good once; used again later than 10 s after, it ends the session.',
        body: RefreshBody,
        response: { 200: TokenPair, ...problems('invalid_token') },
      },
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store')
      const { refresh_token, access_token } = request.body
      return auth.refresh(refresh_token, access_token, device(request, reply))
    },
  )
}

function device(request: FastifyRequest, reply: FastifyReply): Device {
  return { userAgent: request.headers['user-agent'], ip: request.ip, signal: clientSignal(reply) }
}
