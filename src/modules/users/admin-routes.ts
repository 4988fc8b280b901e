import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { pageLinks } from '../../http/pagination-links.ts'
import { IdParams, problems } from '../../http/schemas.ts'
import { Account, AccountBody, AccountPage, AccountQuery } from './admin-schemas.ts'
import type { UserAdminService } from './admin-service.ts'

const tags = ['users']

/** On a scope for administrators. */
export const userAdminRoutes: FastifyPluginAsyncTypebox<{ accounts: UserAdminService }> = async (app, { accounts }) => {
  app.get(
    '/users',
    {
      config: { sends: { 200: ['Link'] } },
      schema: {
        tags,
        operationId: 'listUsers',
        summary: 'All users, by id; searched by `q`',
        description: 'The header Link (RFC 8288) has the neighbouring pages.',
        querystring: AccountQuery,
        response: { 200: AccountPage, ...problems('forbidden') },
      },
    },
    async (request, reply) => {
      const { q, limit = 20, page = 1 } = request.query
      const found = await accounts.list({ q, limit, page })
      reply.header('link', pageLinks('/users', request.query, found))
      return found
    },
  )
  app.patch(
    '/users/:id',
    {
      schema: {
        tags,
        operationId: 'updateUser',
        summary: 'Change the role or the daily limit of a user, or block the user',
        description:
          'Blocking ends all sessions of the user at once; a changed role counts from the next request. The last ' +
          'administrator who is not blocked stays one. `daily_limit` is for a user with many users of its own, such as a ' +
          'bot; it counts from the next call.',
        params: IdParams,
        body: AccountBody,
        response: { 200: Account, ...problems('forbidden', 'user_not_found', 'last_admin') },
      },
    },
    async (request) => {
      const { role, blocked, daily_limit } = request.body
      const change = {
        ...(role !== undefined && { role }),
        ...(blocked !== undefined && { blocked }),
        ...(daily_limit !== undefined && { daily_limit }),
      }
      const account = await accounts.change(request.params.id, change)
      request.log.info({ user_id: account.id, by_user_id: request.user.id, ...change }, 'account changed')
      return account
    },
  )
}
