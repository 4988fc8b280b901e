import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { callerOf } from '../../http/caller.ts'
import { problems } from '../../http/schemas.ts'
import { AdminUsage, AdminUsageQuery, UsageQuery, UserUsage } from './schemas.ts'
import type { UsageService } from './service.ts'

const tags = ['usage']

/** Needs `authenticate` on its scope. */
export const usageRoutes: FastifyPluginAsyncTypebox<{ usage: UsageService }> = async (app, { usage }) => {
  app.get(
    '/user/usage',
    {
      schema: {
        tags,
        operationId: 'getUsage',
        summary: 'What the own requests and keys have spent of the quota, and what was saved',
        description: 'Calls are exact; the other figures come up to a second late.',
        querystring: UsageQuery,
        response: { 200: UserUsage },
      },
    },
    (request) => usage.ofUser(callerOf(request), request.query.days),
  )
}

/** On a scope for administrators. */
export const usageAdminRoutes: FastifyPluginAsyncTypebox<{ usage: UsageService }> = async (app, { usage }) => {
  app.get(
    '/admin/usage',
    {
      schema: {
        tags,
        operationId: 'getUsageOfAll',
        summary: 'Which users, keys or endpoints have spent most of the quota',
        description: 'Names and figures, never a key. Items and `others` together are the total.',
        querystring: AdminUsageQuery,
        response: { 200: AdminUsage, ...problems('forbidden') },
      },
    },
    (request) => usage.ofAll(request.query),
  )
}
