import formbody from '@fastify/formbody'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { clientSignal } from '../../http/downloads.ts'
import { forms } from '../../http/percent-encoding.ts'
import { IdParams, NoContent, problems } from '../../http/schemas.ts'
import type { ResetService } from './reset-service.ts'
import { PasswordReset, ResetBody } from './schemas.ts'

interface Options {
  resets: ResetService
}

/** Redeeming a token: open to everyone. */
export const resetRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { resets }) => {
  await app.register(formbody, forms)
  app.post(
    '/auth/reset',
    {
      schema: {
        tags: ['auth'],
        security: [],
        consumes: ['application/json', 'application/x-www-form-urlencoded'],
        operationId: 'resetPassword',
        summary: 'Set a new password with the token that an administrator has passed on',
        description:
          'The token is good once, for 24 hours; a password that is refused does not spend it. All sessions of the account ' +
          'end. Too many wrong tokens are answered with 429 and `Retry-After`.',
        body: ResetBody,
        response: {
          204: NoContent,
          ...problems('invalid_input', 'invalid_reset_token', 'weak_password', 'too_many_requests'),
        },
      },
    },
    async (request, reply) => {
      const { token, new_password } = request.body
      const device = { ip: request.ip, signal: clientSignal(reply) }
      const user_id = await resets.redeem(token, new_password, device)
      request.log.info({ event: 'password_reset', user_id }, 'a password was reset')
      return reply.code(204).send(null)
    },
  )
}

/** Issuing a token, on a scope for administrators. */
export const resetAdminRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { resets }) => {
  app.post(
    '/users/:id/password-reset',
    {
      schema: {
        tags: ['users'],
        operationId: 'issuePasswordReset',
        summary: 'A one-time token with which the user sets a new password',
        description:
          'Valid for 24 hours, shown only in this answer. It replaces an earlier one of the user. Pass it on over a way ' +
          'that you trust: whoever has it gets the account.',
        params: IdParams,
        response: { 201: PasswordReset, ...problems('forbidden', 'user_not_found', 'account_blocked') },
      },
    },
    async (request, reply) => {
      const reset = await resets.issue(request.params.id)
      const ids = { user_id: request.params.id, by_user_id: request.user.id }
      request.log.info({ event: 'password_reset_issued', ...ids }, 'a password reset was issued')
      return reply.code(201).header('cache-control', 'no-store').send(reset)
    },
  )
}
