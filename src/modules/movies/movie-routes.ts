import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { sendJson } from '../../http/json-payload.ts'
import { pageLinks } from '../../http/pagination-links.ts'
import { IdParams, problems, upstreamProblems } from '../../http/schemas.ts'
import { callerOf, viewerOf } from '../../plugins/auth.ts'
import { setCacheHeaders } from './cache-headers.ts'
import { arrayText } from './listing/array-text.ts'
import { CatalogueQuery } from './listing/schemas.ts'
import type { MovieCatalogue } from './listing/service.ts'
import { Movie, Movies } from './schemas.ts'
import type { MovieService } from './service.ts'

interface Options {
  movies: MovieService
  catalogue: MovieCatalogue
}

const tags = ['movies']

/** Reading: on a scope that lets readers of the catalogue in, `authenticate` or `identify`. */
export const movieCatalogueRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { movies, catalogue }) => {
  app.get(
    '/movies',
    {
      schema: {
        tags,
        operationId: 'listMovies',
        summary: 'The movies of the catalogue, by id or newest first',
        description:
          'Without `page` all of them, streamed. With it 12, the number of all in the header X-Total-Count, and the ' +
          'neighbouring pages in the header Link (RFC 8288).',
        querystring: CatalogueQuery,
        response: { 200: Movies },
      },
    },
    async (request, reply) => {
      const { page, status, state } = request.query
      const order = (status ?? state) === undefined ? 'id' : 'new'
      if (page !== undefined) {
        const found = await catalogue.page(order, page, callerOf(request))
        reply.header('x-total-count', found.total).header('link', pageLinks('/movies', request.query, found))
        return sendJson(reply, found.movies)
      }
      const batches = await catalogue.all(order, reply.compileSerializationSchema(Movie))
      // HEAD must not read the rest.
      const text = request.method === 'HEAD' ? [] : arrayText(batches)
      return reply.type('application/json; charset=utf-8').send(Readable.from(text) as never)
    },
  )

  app.get(
    '/movies/:id',
    {
      schema: {
        tags,
        operationId: 'getMovie',
        summary: 'A movie by its Kinopoisk id or own id',
        description:
          'When Kinopoisk cannot be asked, the movie is served as it is known; `kinopoisk.complete` is false where only a ' +
          'search told of it, also when Kinopoisk has no details of it. Without a token, where the catalogue is public: a movie of the catalogue as it is kept; any other needs one.',
        params: IdParams,
        response: {
          200: Movie,
          ...problems('missing_token', 'invalid_token', 'movie_not_found', ...upstreamProblems),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (!viewerOf(request)) {
        const listed = await movies.findListed(id)
        if (listed) return sendJson(reply, listed.json)
        await app.readUser(request)
      }
      const { movie, result } = await movies.find(id)
      if (result) setCacheHeaders(reply, result)
      return sendJson(reply, movie.json)
    },
  )
}
