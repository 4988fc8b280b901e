import formbody from '@fastify/formbody'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { inputFault } from '../../errors.ts'
import { NoContent, problems } from '../../schemas.ts'
import { Profile } from '../users/schemas.ts'
import type { UserService } from '../users/service.ts'
import type { GivenPassword } from './passwords.ts'
import { LoginBody, PasswordBody, RefreshBody, RegisterBody, TokenPair } from './schemas.ts'
import type { AuthService, Device } from './service.ts'

interface Options {
  auth: AuthService
  users: UserService
}

const tags = ['auth']
const consumes = ['application/json', 'application/x-www-form-urlencoded']
/** Each call under its two addresses, with an operationId of its own. */
const under = (path: string) => ({ [`/auth${path}`]: '', [path]: 'Alias' })

/** Registering, logging in and refreshing: open to everyone. Bodies come as JSON or as a form. */
export const authRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { auth, users }) => {
  await app.register(formbody)
  const open = { tags, security: [], consumes }

  for (const [url, suffix] of Object.entries(under('/register'))) {
    app.post(
      url,
      {
        schema: {
          ...open,
          operationId: `register${suffix}`,
          summary: 'Register with a phone, an e-mail or a user name',
          body: RegisterBody,
          response: { 201: Profile, ...problems('invalid_input', 'weak_password', 'genre_not_found', 'login_taken') },
        },
      },
      async (request, reply) => {
        const id = await auth.register(request.body, users.readAbout(request.body))
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
          description: 'Also the token endpoint of the OAuth 2 password flow (form body, `username`).',
          body: LoginBody,
          response: { 200: TokenPair, ...problems('invalid_credentials') },
        },
      },
      async (request, reply) => {
        reply.header('cache-control', 'no-store')
        return auth.login(request.body, device(request))
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
          'The access token may have expired. A refresh token is good once; used again later than 10 s after, it ends the session.',
        body: RefreshBody,
        response: { 200: TokenPair, ...problems('invalid_token') },
      },
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store')
      return auth.refresh(request.body.access_token, request.body.refresh_token)
    },
  )
}

/** What needs `authenticate` on its scope. */
export const sessionRoutes: FastifyPluginAsyncTypebox<Pick<Options, 'auth'>> = async (app, { auth }) => {
  await app.register(formbody)

  for (const [url, suffix] of Object.entries(under('/logout'))) {
    app.post(
      url,
      {
        schema: {
          tags,
          operationId: `logout${suffix}`,
          summary: 'End this session: its access and refresh tokens are dead at once',
          response: { 204: NoContent },
        },
      },
      async (request, reply) => {
        await auth.logout(request.user.sessionId)
        return reply.code(204).send(null)
      },
    )
  }

  app.put(
    '/user/password',
    {
      schema: {
        tags,
        consumes,
        operationId: 'changePassword',
        summary: 'Change the password; all other sessions end',
        body: PasswordBody,
        response: { 204: NoContent, ...problems('invalid_input', 'wrong_password', 'weak_password') },
      },
    },
    async (request, reply) => {
      const { old_password, new_password, password_1, password_2 } = request.body
      const [before, after] =
        (password_1 ?? password_2) === undefined
          ? [given('body.old_password', old_password), given('body.new_password', new_password)]
          : [given('body.password_1', password_1), given('body.password_2', password_2)]
      await auth.changePassword(request.user, before, after)
      return reply.code(204).send(null)
    },
  )
}

function given(path: string, value: string | undefined): GivenPassword {
  if (value === undefined) throw inputFault(path, 'is required')
  return { path, value }
}

function device(request: FastifyRequest): Device {
  return { userAgent: request.headers['user-agent'], ip: request.ip }
}
