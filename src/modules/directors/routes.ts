import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { IdempotencyHeaders, unquoted } from '../../http/idempotency-key.ts'
import { rendered, sendArray } from '../../http/json-array.ts'
import type { Places } from '../../http/places.ts'
import { IdParams, NoContent, problems } from '../../http/schemas.ts'
import { Director, DirectorBody, DirectorChange, DirectorQuery, Directors } from './schemas.ts'
import type { DirectorService } from './service.ts'

interface Reading {
  directors: DirectorService
  places: Places
}

const tags = ['directors']

/** Reading: on a scope that lets readers of the catalogue in. */
export const directorRoutes: FastifyPluginAsyncTypebox<Reading> = async (app, { directors, places }) => {
  app.get(
    '/directors',
    {
      schema: {
        tags,
        operationId: 'listDirectors',
        summary: 'All directors, or those with a name, by id',
        querystring: DirectorQuery,
        response: { 200: Directors },
      },
    },
    (request, reply) => {
      const render = reply.compileSerializationSchema(Director)
      return sendArray(request, reply, places, rendered(directors.list(request.query.page, request.query.q), render))
    },
  )
  app.get(
    '/directors/:id',
    {
      schema: {
        tags,
        operationId: 'getDirector',
        summary: 'A director',
        params: IdParams,
        response: { 200: Director, ...problems('director_not_found') },
      },
    },
    (request) => directors.find(request.params.id),
  )
}

/** Writing: on a scope for administrators. */
export const directorAdminRoutes: FastifyPluginAsyncTypebox<{ directors: DirectorService }> = async (
  app,
  { directors },
) => {
  app.post(
    '/directors',
    {
      schema: {
        tags,
        operationId: 'createDirector',
        summary: 'Add a director',
        description: 'Two may have the same name, so a client that may repeat the request sends an `Idempotency-Key`.',
        headers: IdempotencyHeaders,
        body: DirectorBody,
        response: {
          201: Director,
          ...problems('forbidden', 'director_not_found', 'idempotency_key_reused', 'too_many_requests'),
        },
      },
    },
    async (request, reply) => {
      const { name, date_of_birth } = request.body
      const key = request.headers['idempotency-key']
      const row = { name, date_of_birth: date_of_birth || null }
      const director = await directors.create(row, request.user.id, key && unquoted(key))
      return reply.code(201).header('location', `/directors/${director.id}`).send(director)
    },
  )
  app.patch(
    '/directors/:id',
    {
      schema: {
        tags,
        operationId: 'updateDirector',
        summary: 'Change a director',
        params: IdParams,
        body: DirectorChange,
        response: { 200: Director, ...problems('forbidden', 'director_not_found') },
      },
    },
    (request) => {
      const { name, date_of_birth } = request.body
      return directors.update(request.params.id, {
        ...(name !== undefined && { name }),
        ...(date_of_birth !== undefined && { date_of_birth: date_of_birth || null }),
      })
    },
  )
  app.delete(
    '/directors/:id',
    {
      schema: {
        tags,
        operationId: 'deleteDirector',
        summary: 'Remove a director without films, and the photo',
        params: IdParams,
        response: { 204: NoContent, ...problems('forbidden', 'director_not_found', 'director_in_use') },
      },
    },
    async (request, reply) => {
      await directors.remove(request.params.id)
      return reply.code(204).send(null)
    },
  )
}
