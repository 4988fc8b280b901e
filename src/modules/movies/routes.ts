import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { problems, upstreamProblems } from '../../schemas.ts'
import { tell } from './cache-status.ts'
import { SearchQuery, SearchResult } from './schemas.ts'
import type { MovieService } from './service.ts'

/** Needs `authenticate` on its scope. */
export const searchRoutes: FastifyPluginAsyncTypebox<{ movies: MovieService }> = async (app, { movies }) => {
  app.get(
    '/movies/search',
    {
      schema: {
        operationId: 'searchMovies',
        tags: ['movies'],
        summary: 'Search Kinopoisk by title',
        querystring: SearchQuery,
        response: { 200: SearchResult, ...problems(...upstreamProblems) },
      },
    },
    async (request, reply) => {
      const { query, page = 1 } = request.query
      const { result, told } = await movies.search(request.user.id, query, page)
      tell(reply, told)
      return result
    },
  )
}
