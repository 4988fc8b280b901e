import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type TObject, Type } from '@sinclair/typebox'
import { setCacheHeaders } from '../../../http/cache-headers.ts'
import { callerOf } from '../../../http/caller.ts'
import { FilmIdParams, problems, upstreamProblems } from '../../../http/schemas.ts'
import { ImageQuery, Images, ReviewQuery, Reviews } from './page-schemas.ts'
import { Facts, Related, Seasons, Staff, Videos } from './schemas.ts'
import { Collection, CollectionQuery, PremiereQuery, Premieres } from './selection-schemas.ts'
import type { FilmSupplement, SupplementService } from './service.ts'

interface OfFilm {
  name: FilmSupplement
  operationId: string
  summary: string
  response: TObject
  querystring?: TObject
}

const ofFilm: OfFilm[] = [
  { name: 'seasons', operationId: 'listSeasons', summary: 'The seasons and episodes of a series', response: Seasons },
  { name: 'staff', operationId: 'listStaff', summary: 'The people who made a film', response: Staff },
  {
    name: 'images',
    operationId: 'listImages',
    summary: 'Stills, posters and other images of a film',
    response: Images,
    querystring: ImageQuery,
  },
  { name: 'similars', operationId: 'listSimilars', summary: 'Similar films', response: Related },
  {
    name: 'sequels',
    operationId: 'listSequels',
    summary: 'Sequels, prequels and remakes of a film',
    response: Related,
  },
  { name: 'facts', operationId: 'listFacts', summary: 'Facts and bloopers of a film', response: Facts },
  {
    name: 'reviews',
    operationId: 'listReviews',
    summary: 'Reviews of a film by users of Kinopoisk',
    response: Reviews,
    querystring: ReviewQuery,
  },
  { name: 'videos', operationId: 'listVideos', summary: 'Trailers and other videos of a film', response: Videos },
]

const tags = ['movies']
const kept = 'What was asked once is served while Kinopoisk cannot be asked; `source` is `cache` then.'

/** Needs `authenticate` on its scope. */
export const supplementRoutes: FastifyPluginAsyncTypebox<{ supplements: SupplementService }> = async (
  app,
  { supplements },
) => {
  for (const { name, operationId, summary, response, querystring = Type.Object({}) } of ofFilm) {
    app.get(
      `/movies/:id/${name}`,
      {
        config: { sends: { 200: ['Age', 'Cache-Status'] } },
        schema: {
          tags,
          operationId,
          summary,
          description: `${kept} Empty where Kinopoisk has none, and for a film made here.`,
          params: FilmIdParams,
          querystring,
          response: { 200: response, ...problems('movie_not_found', ...upstreamProblems) },
        },
      },
      async (request, reply) => {
        // The schema has given what is absent its default.
        const query = { ...request.query, id: request.params.id } as Parameters<typeof supplements.ofFilm>[1]
        const { list, result } = await supplements.ofFilm(name, query, callerOf(request))
        if (result) setCacheHeaders(reply, result)
        return list
      },
    )
  }

  app.get(
    '/movies/premieres',
    {
      config: { sends: { 200: ['Age', 'Cache-Status'] } },
      schema: {
        tags,
        operationId: 'listPremieres',
        summary: 'The films that open in Russian cinemas in a month',
        description: kept,
        querystring: PremiereQuery,
        response: { 200: Premieres, ...problems(...upstreamProblems) },
      },
    },
    async (request, reply) => {
      const { list, result } = await supplements.select('premieres', request.query, callerOf(request))
      setCacheHeaders(reply, result)
      return list as never
    },
  )

  app.get(
    '/movies/collections',
    {
      config: { sends: { 200: ['Age', 'Cache-Status'] } },
      schema: {
        tags,
        operationId: 'listCollection',
        summary: 'A collection of films, such as the 250 best',
        description: kept,
        querystring: CollectionQuery,
        response: { 200: Collection, ...problems(...upstreamProblems) },
      },
    },
    async (request, reply) => {
      const { type = 'TOP_POPULAR_ALL', page = 1 } = request.query
      const { list, result } = await supplements.select('collections', { type, page }, callerOf(request))
      setCacheHeaders(reply, result)
      return list as never
    },
  )
}
