import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Stats, StatsQuery } from './stats-schemas.ts'
import type { StatsService } from './stats-service.ts'

/** Needs `authenticate` on its scope. */
export const statsRoutes: FastifyPluginAsyncTypebox<{ stats: StatsService }> = async (app, { stats }) => {
  app.get(
    '/user/stats',
    {
      schema: {
        tags: ['ratings'],
        operationId: 'getStats',
        summary: 'What the user has rated: films, hours, genres, decades, directors, countries, scores, months',
        description: 'Of all rated films, or of those that were first rated in a year.',
        querystring: StatsQuery,
        response: { 200: Stats },
      },
    },
    (request) => stats.find(request.user.id, request.query.year),
  )
}
