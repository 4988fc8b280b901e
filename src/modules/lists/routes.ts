import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { inputFault } from '../../errors.ts'
import { callerOf } from '../../http/caller.ts'
import { sendArray } from '../../http/json-array.ts'
import { sendJson } from '../../http/json-payload.ts'
import { pageLinks } from '../../http/pagination-links.ts'
import type { Places } from '../../http/places.ts'
import { IdParams, NoContent, problems, upstreamProblems } from '../../http/schemas.ts'
import { AddBody, ListedMovie, ListedMovies, ListQuery } from './schemas.ts'
import type { ListService } from './service.ts'

interface Options {
  list: ListService
  places: Places
  /** In the path: `favorites` or `wishlist`. */
  path: string
  /** In the operationIds: `Favorites` or `Wishlist`. */
  name: string
}

const tags = ['lists']
const description =
  '201 when it was added, 200 when it was there already. Kinopoisk is asked about a movie that is not known, or only in ' +
  'part; one known in part is added also when Kinopoisk cannot be asked. A list holds up to 20,000 films.'

/**
 * One user list under both its addresses, /movies/<path> and /<path>/movies, with the same calls. Needs `authenticate` on
 * its scope.
 */
export const listRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { list, places, path, name }) => {
  const added = { 201: ListedMovie, 200: ListedMovie, ...problems('movie_not_found', 'list_full', ...upstreamProblems) }
  const add = async (request: Pick<FastifyRequest, 'user' | 'ip'>, filmId: number, reply: FastifyReply) => {
    const { added, movie } = await list.add(callerOf(request), filmId)
    return reply.code(added ? 201 : 200).send(movie)
  }

  for (const [url, suffix, addById, addByBody] of [
    [`/movies/${path}`, '', `addTo${name}ById`, `addTo${name}`],
    [`/${path}/movies`, 'Alias', `addTo${name}Alias`, `addTo${name}ByBodyAlias`],
  ] as const) {
    app.get(
      url,
      {
        schema: {
          tags,
          operationId: `list${name}${suffix}`,
          summary: `The user's ${path}, newest first or sorted, all or filtered`,
          description:
            'Without `page` and `limit` more than 100 are streamed, without an entity tag. With them the number of all is in the ' +
            'header X-Total-Count, and the neighbouring pages in the header Link (RFC 8288). Filters combine.',
          querystring: ListQuery,
          response: { 200: ListedMovies },
        },
      },
      async (request, reply) => {
        const { json, batches, place } = await list.find(request.user.id, request.query)
        if (place) reply.header('x-total-count', place.total).header('link', pageLinks(url, request.query, place))
        return json ? sendJson(reply, json) : sendArray(request, reply, places, batches)
      },
    )
    app.get(
      `${url}/:id`,
      {
        schema: {
          tags,
          operationId: `getFrom${name}${suffix}`,
          summary: `A movie of the user's ${path}`,
          description: `404 for a movie that is not in the ${path}.`,
          params: IdParams,
          response: { 200: ListedMovie, ...problems('movie_not_found') },
        },
      },
      async (request, reply) => sendJson(reply, await list.findOne(request.user.id, request.params.id)),
    )
    app.delete(
      `${url}/:id`,
      {
        schema: {
          tags,
          operationId: `removeFrom${name}${suffix}`,
          summary: `Remove a movie from the user's ${path}`,
          params: IdParams,
          response: { 204: NoContent, ...problems('movie_not_found') },
        },
      },
      async (request, reply) => {
        await list.remove(request.user.id, request.params.id)
        return reply.code(204).send(null)
      },
    )
    app.post(
      url,
      {
        schema: {
          tags,
          operationId: addByBody,
          summary: `Add a movie to the user's ${path}`,
          description,
          body: AddBody,
          response: added,
        },
      },
      (request, reply) => add(request, filmIdOf(request.body), reply),
    )
    app.post(
      `${url}/:id`,
      {
        schema: {
          tags,
          operationId: addById,
          summary: `Add a movie to the user's ${path}`,
          description,
          params: IdParams,
          response: added,
        },
      },
      (request, reply) => add(request, request.params.id, reply),
    )
  }
}

/** Under whichever of its names. */
function filmIdOf({ kinopoisk_id, id, movie_id }: Static<typeof AddBody>): number {
  const ids = new Set([kinopoisk_id, id, movie_id].filter((each) => each != null))
  const [filmId] = ids
  if (filmId === undefined || ids.size > 1) {
    throw inputFault('body.kinopoisk_id', 'is required, also as id or movie_id; where several are sent, the same')
  }
  return filmId
}
