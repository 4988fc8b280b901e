import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from '@sinclair/typebox'
import { callerOf } from '../../http/caller.ts'
import { parse } from '../../http/json-payload.ts'
import { FilmIdParams, NoContent, problems, upstreamProblems } from '../../http/schemas.ts'
import { Movie } from '../movies/schemas.ts'
import type { MovieService } from '../movies/service.ts'
import { KinopoiskStatus } from './schemas.ts'

interface Options {
  status(): Promise<Static<typeof KinopoiskStatus>>
  movies: Pick<MovieService, 'own' | 'refresh' | 'withdraw'>
}

const tags = ['admin']

/** The gateway's status and a forced refresh. On a scope for administrators. */
export const adminRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { status, movies }) => {
  app.get(
    '/admin/kinopoisk',
    {
      schema: {
        tags,
        operationId: 'getKinopoiskStatus',
        summary: 'How the gateway to Kinopoisk is doing: quota, circuits, what is kept',
        response: { 200: KinopoiskStatus, ...problems('forbidden') },
      },
    },
    () => status(),
  )

  app.post(
    '/admin/kinopoisk/films/:id/refresh',
    {
      schema: {
        tags,
        operationId: 'refreshKinopoiskFilm',
        summary: 'Ask Kinopoisk about a film now, however fresh what is kept of it is',
        description: 'Costs one call of the quota. When it fails, what is kept stays as it is.',
        params: FilmIdParams,
        response: { 200: Movie, ...problems('forbidden', 'movie_not_found', ...upstreamProblems) },
      },
    },
    async (request) => {
      const movie = await movies.refresh(request.params.id, callerOf(request))
      return parse<Static<typeof Movie>>(await movies.own(movie, request.user.id))
    },
  )

  app.delete(
    '/admin/kinopoisk/films/:id',
    {
      schema: {
        tags,
        operationId: 'deleteKinopoiskFilm',
        summary: 'Remove what Kinopoisk said of a film, and serve nothing of it any more',
        description:
          'Kinopoisk is not asked about it, and it is left out of searches and lists, until it is refreshed. ' +
          'Of a film that is in the catalogue, or that users keep, the name stays.',
        params: FilmIdParams,
        response: { 204: NoContent, ...problems('forbidden', 'movie_not_found') },
      },
    },
    async (request, reply) => {
      await movies.withdraw(request.params.id)
      return reply.code(204).send(null)
    },
  )
}
