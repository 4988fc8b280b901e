import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { inputFault } from '../../../errors.ts'
import { setCacheHeaders } from '../../../http/cache-headers.ts'
import { callerOf } from '../../../http/caller.ts'
import { sendJson } from '../../../http/json-payload.ts'
import { problems, upstreamProblems } from '../../../http/schemas.ts'
import { SearchQuery, SearchResult } from '../schemas.ts'
import type { MovieService } from '../service.ts'

/** Needs `authenticate` on its scope. */
export const searchRoutes: FastifyPluginAsyncTypebox<{ movies: MovieService }> = async (app, { movies }) => {
  app.get(
    '/movies/search',
    {
      config: { sends: { 200: ['Age', 'Cache-Status'] } },
      schema: {
        operationId: 'searchMovies',
        tags: ['movies'],
        summary: 'Search Kinopoisk by title',
        description:
          "A film's address at Kinopoisk or IMDb, `kp301` or an IMDb id finds the film without a search. " +
          'Case, spaces, invisible characters, punctuation at the end, and a pair of quotes or brackets around the query ' +
          'do not matter. When Kinopoisk cannot be asked and no answer is kept, the films known here are searched by ' +
          'Russian and original title (`source` is `local`, `complete` false): words in any order, case and ё/е do not ' +
          'matter, the keyboard layout and small typos are forgiven; a year, a season, "сериал" and the words of a file ' +
          'name are understood. Exact titles first, then those that begin so, those that hold it; the most voted first.',
        querystring: SearchQuery,
        response: { 200: SearchResult, ...problems(...upstreamProblems) },
      },
      preValidation: readKeyword,
    },
    async (request, reply) => {
      const { query, page = 1 } = request.query
      const { json, result } = await movies.search(callerOf(request), query, page)
      setCacheHeaders(reply, result)
      return sendJson(reply, json)
    },
  )
}

/** `keyword`, as Kinopoisk's own search calls it, is `query`. */
async function readKeyword(request: FastifyRequest): Promise<void> {
  const parameters = request.query as Record<string, unknown>
  const { query, keyword } = parameters
  if (query === undefined && keyword !== undefined) parameters.query = keyword
  else if (keyword !== undefined && String(query).trim() !== String(keyword).trim()) {
    throw inputFault('query.keyword', 'is the same as query: must be equal to it, or absent')
  }
}
