import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { setCacheHeaders, setPersonal } from '../../http/cache-headers.ts'
import { callerOf } from '../../http/caller.ts'
import { sendArray } from '../../http/json-array.ts'
import { sendJson } from '../../http/json-payload.ts'
import { pageLinks } from '../../http/pagination-links.ts'
import type { Places } from '../../http/places.ts'
import { problems, upstreamProblems } from '../../http/schemas.ts'
import { queueKeyOf, viewerOf } from '../../plugins/auth.ts'
import { CatalogueQuery } from './listing/schemas.ts'
import type { MovieCatalogue } from './listing/service.ts'
import { readMovieId } from './movie-id.ts'
import { Movie, MovieParams, Movies } from './schemas.ts'
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
          'neighbouring pages in the header Link (RFC 8288). `director_id`, `genre_id` and `year` combine. ' +
          'For a user each has `is_favorite`, `in_wishlist` and `my_rating`.',
        querystring: CatalogueQuery,
        response: { 200: Movies },
      },
    },
    async (request, reply) => {
      const { page, status, state, director_id, genre_id, year } = request.query
      const order = (status ?? state) === undefined ? 'id' : 'new'
      const filter = {
        ...(director_id !== undefined && { directorId: director_id }),
        ...(genre_id !== undefined && { genreIds: [genre_id] }),
        ...(year !== undefined && { year }),
      }
      const userId = viewerOf(request)?.id
      setPersonal(reply, userId)
      const listing = { order, filter, userId } as const
      if (page !== undefined) {
        const found = await catalogue.page(listing, page, queueKeyOf(request))
        reply.header('x-total-count', found.total).header('link', pageLinks('/movies', request.query, found))
        return sendJson(reply, found.movies)
      }
      return sendArray(request, reply, places, catalogue.all(listing, reply.compileSerializationSchema(Movie)))
    },
  )

  app.get(
    '/movies/:id',
    {
      schema: {
        tags,
        operationId: 'getMovie',
        summary: 'A movie by its Kinopoisk id, own id or IMDb id',
        description:
          'An IMDb id is looked for among the films known here; if it is unknown, Kinopoisk is asked once which film has it. ' +
          'When Kinopoisk cannot be asked, the movie is served as it is known; `kinopoisk.complete` is false where only a ' +
          'search told of it, also when Kinopoisk has no details of it. Without a token, where the catalogue is public: a movie of the catalogue as it is kept; any other needs one. ' +
          'For a user it has `is_favorite`, `in_wishlist` and `my_rating`.',
        params: MovieParams,
        response: {
          200: Movie,
          ...problems('missing_token', 'invalid_token', 'movie_not_found', ...upstreamProblems),
        },
      },
    },
    async (request, reply) => {
      const id = readMovieId(request.params.id)
      if (!viewerOf(request)) {
        const listed = await movies.findListed(id)
        if (listed) return sendJson(setPersonal(reply, undefined), listed.json)
        await app.readUser(request)
      }
      const { id: userId } = request.user
      setPersonal(reply, userId)
      const { movie, result } = await (typeof id === 'number'
        ? movies.find(id, callerOf(request))
        : movies.findByImdb(id, callerOf(request)))
      if (result) setCacheHeaders(reply, result)
      return sendJson(reply, await movies.own(movie, userId))
    },
  )
}
