import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { problems, upstreamProblems } from '../../schemas.ts'
import { Movie, MovieParams, SearchQuery, SearchResult } from './schemas.ts'
import type { MovieService } from './service.ts'

/** Needs `authenticate` on its scope. */
export const movieRoutes: FastifyPluginAsyncTypebox<{ movies: MovieService }> = async (app, { movies }) => {
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

  app.get(
    '/movies/:id',
    {
      schema: {
        operationId: 'getMovie',
        tags: ['movies'],
        summary: 'A movie by its Kinopoisk id or own id',
        params: MovieParams,
        response: { 200: Movie, ...problems('movie_not_found', ...upstreamProblems) },
      },
    },
    async (request, reply) => {
      const { movie, told } = await movies.find(request.params.id)
      if (told) tell(reply, told)
      return movie
    },
  )
}

/** How the answer came: Age (RFC 9111) and Cache-Status (RFC 9211). */
function tell(reply: FastifyReply, told: { ageSeconds: number; cacheStatus: string }): void {
  reply.header('age', String(told.ageSeconds)).header('cache-status', told.cacheStatus)
}
