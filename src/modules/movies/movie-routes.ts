import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { sendArray } from '../../http/json-array.ts'
import { sendJson } from '../../http/json-payload.ts'
import { pageLinks } from '../../http/pagination-links.ts'
import type { Places } from '../../http/places.ts'
import { IdParams, problems, upstreamProblems } from '../../http/schemas.ts'
import { viewerOf } from '../../plugins/auth.ts'
import { setCacheHeaders } from './cache-headers.ts'
import { CatalogueQuery } from './listing/schemas.ts'
import type { MovieCatalogue } from './listing/service.ts'
import { Movie, Movies } from './schemas.ts'
import type { MovieService } from './service.ts'

interface Options {
  movies: MovieService
  catalogue: MovieCatalogue
  places: Places
}

const tags = ['movies']

/** Reading: on a scope that lets readers of the catalogue in, `authenticate` or `identify`. */
export const movieCatalogueRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { movies, catalogue, places }) => {
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
        const found = await catalogue.page(order, page)
        reply.header('x-total-count', found.total).header('link', pageLinks('/movies', request.query, found))
        return sendJson(reply, found.movies)
      }
      return sendArray(request, reply, places, catalogue.all(order, reply.compileSerializationSchema(Movie)))
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
