import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { rendered, sendArray } from '../../http/json-array.ts'
import type { Places } from '../../http/places.ts'
import { IdParams, NoContent, problems } from '../../http/schemas.ts'
import { queueKeyOf } from '../../plugins/auth.ts'
import { Genre, GenreBody, GenreQuery, Genres, ListedGenre } from './schemas.ts'
import type { GenreService } from './service.ts'

interface Reading {
  genres: GenreService
  places: Places
}

const tags = ['genres']

/** Reading: on a scope that lets readers of the catalogue in. */
export const genreRoutes: FastifyPluginAsyncTypebox<Reading> = async (app, { genres, places }) => {
  app.get(
    '/genres',
    {
      schema: {
        tags,
        operationId: 'listGenres',
        summary: 'All genres, by id',
        querystring: GenreQuery,
        response: { 200: Genres },
      },
    },
    (request, reply) => {
      const render = reply.compileSerializationSchema(ListedGenre)
      const { page, with: more } = request.query
      const listed = more ? genres.listWithCounts(queueKeyOf(request), page) : genres.list(page)
      return sendArray(request, reply, places, rendered(listed, render))
    },
  )
  app.get(
    '/genres/:id',
    {
      schema: {
        tags,
        operationId: 'getGenre',
        summary: 'A genre',
        params: IdParams,
        response: { 200: Genre, ...problems('genre_not_found') },
      },
    },
    (request) => genres.find(request.params.id),
  )
}

/** Writing: on a scope for administrators. */
export const genreAdminRoutes: FastifyPluginAsyncTypebox<{ genres: GenreService }> = async (app, { genres }) => {
  app.post(
    '/genres',
    {
      schema: {
        tags,
        operationId: 'createGenre',
        summary: 'Add a genre',
        body: GenreBody,
        response: { 201: Genre, ...problems('forbidden', 'genre_taken') },
      },
    },
    async (request, reply) => {
      const genre = await genres.create(request.body.name)
      return reply.code(201).header('location', `/genres/${genre.id}`).send(genre)
    },
  )
  app.patch(
    '/genres/:id',
    {
      schema: {
        tags,
        operationId: 'renameGenre',
        summary: 'Rename a genre',
        params: IdParams,
        body: GenreBody,
        response: { 200: Genre, ...problems('forbidden', 'genre_not_found', 'genre_taken') },
      },
    },
    (request) => genres.rename(request.params.id, request.body.name),
  )
  app.delete(
    '/genres/:id',
    {
      schema: {
        tags,
        operationId: 'deleteGenre',
        summary: 'Remove a genre that no film has',
        params: IdParams,
        response: { 204: NoContent, ...problems('forbidden', 'genre_not_found', 'genre_in_use') },
      },
    },
    async (request, reply) => {
      await genres.remove(request.params.id)
      return reply.code(204).send(null)
    },
  )
}
