import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from '@sinclair/typebox'
import { callerOf } from '../../http/caller.ts'
import { IdParams, problems, upstreamProblems } from '../../http/schemas.ts'
import { Movie } from '../movies/schemas.ts'
import type { MovieService } from '../movies/service.ts'
import { KinopoiskStatus } from './schemas.ts'

interface Options {
  status(): Promise<Static<typeof KinopoiskStatus>>
  movies: Pick<MovieService, 'refresh'>
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
        params: IdParams,
        response: { 200: Movie, ...problems('forbidden', 'movie_not_found', ...upstreamProblems) },
      },
    },
    (request) => movies.refresh(request.params.id, callerOf(request)),
  )
}
