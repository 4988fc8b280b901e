import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { callerOf } from '../../http/caller.ts'
import { sendArray } from '../../http/json-array.ts'
import { pageLinks } from '../../http/pagination-links.ts'
import type { Places } from '../../http/places.ts'
import { IdParams, NoContent, problems, upstreamProblems } from '../../http/schemas.ts'
import { Rating, RatingBody, RatingQuery, Ratings } from './schemas.ts'
import type { RatingService } from './service.ts'

interface Options {
  ratings: RatingService
  places: Places
}

const tags = ['ratings']
const url = '/films/:id/rating'

/** The user's own scores. Needs `authenticate` on its scope. */
export const ratingRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { ratings, places }) => {
  app.get(
    '/ratings',
    {
      schema: {
        tags,
        operationId: 'listRatings',
        summary: "The user's scores with their films, newest change first or sorted, all or filtered",
        description:
          'Without `page` and `limit` more than 100 are streamed, without an entity tag. With them the number of all is in the ' +
          'header X-Total-Count, and the neighbouring pages in the header Link (RFC 8288). Filters combine.',
        querystring: RatingQuery,
        response: { 200: Ratings },
      },
    },
    async (request, reply) => {
      const { batches, place } = await ratings.list(request.user.id, request.query)
      if (place) reply.header('x-total-count', place.total).header('link', pageLinks('/ratings', request.query, place))
      return sendArray(request, reply, places, batches)
    },
  )
  app.get(
    url,
    {
      schema: {
        tags,
        operationId: 'getRating',
        summary: "The user's score of a film",
        params: IdParams,
        response: { 200: Rating, ...problems('film_not_found', 'rating_not_found') },
      },
    },
    (request) => ratings.find(request.user.id, request.params.id),
  )
  app.put(
    url,
    {
      schema: {
        tags,
        operationId: 'putRating',
        summary: 'Rate a film from 1 to 10',
        description:
          '201 for a first score, 200 when it replaces one. A Kinopoisk film not yet known is looked up. A user can rate up to ' +
          '20,000 films; other scores can still be changed then.',
        params: IdParams,
        body: RatingBody,
        response: { 201: Rating, 200: Rating, ...problems('film_not_found', 'list_full', ...upstreamProblems) },
      },
    },
    async (request, reply) => {
      const { added, rating } = await ratings.put(callerOf(request), request.params.id, request.body.value)
      return reply.code(added ? 201 : 200).send(rating)
    },
  )
  app.delete(
    url,
    {
      schema: {
        tags,
        operationId: 'deleteRating',
        summary: "Remove the user's score of a film",
        description: '204 also when there was none.',
        params: IdParams,
        response: { 204: NoContent, ...problems('film_not_found') },
      },
    },
    async (request, reply) => {
      await ratings.remove(request.user.id, request.params.id)
      return reply.code(204).send(null)
    },
  )
}
