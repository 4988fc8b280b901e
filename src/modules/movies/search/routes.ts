import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { setCacheHeaders } from '../../../http/cache-headers.ts'
import { sendJson } from '../../../http/json-payload.ts'
import { problems, upstreamProblems } from '../../../http/schemas.ts'
import { SearchQuery, SearchResult } from '../schemas.ts'
import type { MovieService } from '../service.ts'

/** Needs `authenticate` on its scope. */
export const searchRoutes: FastifyPluginAsyncTypebox<{ movies: MovieService }> = async (app, { movies }) => {
  app.get(
    '/movies/search',
    {
      schema: {
        operationId: 'searchMovies',
        tags: ['movies'],
        summary: 'Search Kinopoisk by title',
        description:
          'When Kinopoisk cannot be asked and no answer is kept, the films known here are searched by Russian and original ' +
          'title (`source` is `local`, `complete` false): words in any order, case and ё/е do not matter, the keyboard layout ' +
          'and small typos are forgiven. Exact titles first, then those that begin so, those that hold it; the most voted first.',
        querystring: SearchQuery,
        response: { 200: SearchResult, ...problems(...upstreamProblems) },
      },
    },
    async (request, reply) => {
      const { query, page = 1 } = request.query
      const { id } = request.user
      const { json, result } = await movies.search(id, query, page)
      setCacheHeaders(reply, result)
      return sendJson(reply, json)
    },
  )
}
