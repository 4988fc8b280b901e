import formbody from '@fastify/formbody'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { inputFault } from '../../errors.ts'
import { forms } from '../../http/percent-encoding.ts'
import { NoContent, problems } from '../../http/schemas.ts'
import { sessionUserOf } from '../../plugins/auth.ts'
import { under } from './routes.ts'
import { PasswordBody, SessionParams, Sessions } from './schemas.ts'
import type { AuthService } from './service.ts'
import type { SessionService } from './session-service.ts'
import type { GivenPassword } from './weak-passwords.ts'

interface Options {
  auth: AuthService
  sessions: SessionService
}

const tags = ['auth']
const consumes = ['application/json', 'application/x-www-form-urlencoded']

/** What needs `authenticate` on its scope. */
export const sessionRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { auth, sessions }) => {
  await app.register(formbody, forms)

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
        await auth.logout(sessionUserOf(request))
        return reply.code(204).send(null)
      },
    )
  }

  app.get(
    '/auth/sessions',
    {
      schema: {
        tags,
        operationId: 'listSessions',
        summary: 'The own sessions, the last used first',
        description: 'At most 500: a login beyond that ends the session that was not used for the longest time.',
        response: { 200: Sessions },
      },
    },
    (request) => sessions.list(sessionUserOf(request)),
  )

  app.delete(
    '/auth/sessions',
    {
      schema: {
        tags,
        operationId: 'endOtherSessions',
        summary: 'End all other sessions',
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      await sessions.endOthers(sessionUserOf(request))
      return reply.code(204).send(null)
    },
  )

  app.delete(
    '/auth/sessions/:id',
    {
      schema: {
        tags,
        operationId: 'endSession',
        summary: 'End one session: its access and refresh tokens are dead at once',
        params: SessionParams,
        response: { 204: NoContent, ...problems('session_not_found') },
      },
    },
    async (request, reply) => {
      await sessions.end(sessionUserOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  )

  app.put(
    '/user/password',
    {
      schema: {
        tags,
        consumes,
        operationId: 'changePassword',
        summary: 'Change the password; all other sessions end',
        body: PasswordBody,
        response: {
          204: NoContent,
          ...problems('invalid_input', 'wrong_password', 'weak_password', 'too_many_requests'),
        },
      },
    },
    async (request, reply) => {
      const { old_password, new_password, password_1, password_2 } = request.body
      const [before, after] =
        (password_1 ?? password_2) === undefined
          ? [given('body.old_password', old_password), given('body.new_password', new_password)]
          : [given('body.password_1', password_1), given('body.password_2', password_2)]
      await auth.changePassword(sessionUserOf(request), before, after)
      return reply.code(204).send(null)
    },
  )
}

function given(path: string, value: string | undefined): GivenPassword {
  if (value === undefined) throw inputFault(path, 'is required')
  return { path, value }
}
