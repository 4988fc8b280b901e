import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { callerOf } from '../../http/caller.ts'
import { sendJson } from '../../http/json-payload.ts'
import { pageLinks } from '../../http/pagination-links.ts'
import { FilmIdParams, NoContent, problems, upstreamProblems } from '../../http/schemas.ts'
import { queueKeyOf, viewerOf } from '../../plugins/auth.ts'
import type { FilmFacets } from './facets-service.ts'
import { Facets, FilterQuery } from './filter-schemas.ts'
import { NewFilm } from './new-film-schemas.ts'
import { Film, FilmBody, FilmChange, FilmPage, FilmQuery } from './schemas.ts'
import type { FilmService } from './service.ts'

const tags = ['films']

interface Reading {
  films: FilmService
  facets: FilmFacets
}

/** Reading: on a scope that lets readers of the catalogue in. */
export const filmRoutes: FastifyPluginAsyncTypebox<Reading> = async (app, { films, facets }) => {
  // A page that is requested again soon is the same object.
  const links = new WeakMap<object, string>()

  app.get(
    '/films',
    {
      config: { sends: { 200: ['Link'] } },
      schema: {
        tags,
        operationId: 'listFilms',
        summary: 'The catalogue: filtered, searched, sorted, page by page',
        description:
          'Filters combine. Go on by `page`, or by `cursor` at the same cost however deep; the header Link (RFC 8288) ' +
          'has the neighbouring pages. Where no name contains `q`, the nearest ones are looked for.',
        querystring: FilmQuery,
        response: { 200: FilmPage },
      },
    },
    async (request, reply) => {
      const found = await films.list(request.query, queueKeyOf(request))
      const link = links.get(found) ?? pageLinks('/films', request.query, found)
      links.set(found, link)
      return sendJson(reply.header('link', link), found.json)
    },
  )
  app.get(
    '/films/facets',
    {
      schema: {
        tags,
        operationId: 'countFilms',
        summary: 'How many films there are by genre, decade and country',
        description: 'With the filters of GET /films. Exact; a write in another replica may show a second late.',
        querystring: FilterQuery,
        response: { 200: Facets },
      },
    },
    async (request, reply) => sendJson(reply, await facets.count(request.query, queueKeyOf(request))),
  )
  app.get(
    '/films/random',
    {
      schema: {
        tags,
        operationId: 'pickFilm',
        summary: 'A film of the catalogue by chance',
        description: 'With the filters of GET /films; each film that has all of it is as likely as any other.',
        querystring: FilterQuery,
        response: { 200: Film, ...problems('film_not_found') },
      },
    },
    async (request, reply) => {
      const film = await facets.pick(request.query, queueKeyOf(request))
      return sendJson(reply.header('cache-control', 'no-store'), film)
    },
  )
  app.get(
    '/films/:id',
    {
      schema: {
        tags,
        operationId: 'getFilm',
        summary: 'A film, of the catalogue or otherwise known',
        description:
          'Without a token, where the catalogue is public: a film of the catalogue; any other needs one. A user sees every ' +
          'film that is known, also one that was taken out of the catalogue.',
        params: FilmIdParams,
        response: { 200: Film, ...problems('missing_token', 'invalid_token', 'film_not_found') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (!viewerOf(request)) {
        const listed = await films.readListed(id)
        if (listed) return sendJson(reply, listed)
        await app.readUser(request)
      }
      return sendJson(reply, await films.read(id))
    },
  )
}

/** Writing: on a scope for administrators. */
export const filmAdminRoutes: FastifyPluginAsyncTypebox<{ films: FilmService }> = async (app, { films }) => {
  app.post(
    '/films',
    {
      config: { documentedBody: NewFilm, sends: { 201: ['Location'] } },
      schema: {
        tags,
        operationId: 'createFilm',
        summary: 'Add a film to the catalogue: of our own, or of Kinopoisk by its id',
        body: FilmBody,
        response: {
          201: Film,
          ...problems(
            'forbidden',
            'film_not_found',
            'film_exists',
            'unknown_reference',
            'film_incomplete',
            ...upstreamProblems,
          ),
        },
      },
    },
    async (request, reply) => {
      const film = await films.create(request.body, callerOf(request))
      return reply.code(201).header('location', `/films/${film.id}`).send(film)
    },
  )
  app.patch(
    '/films/:id',
    {
      schema: {
        tags,
        operationId: 'updateFilm',
        summary: 'Change a film of the catalogue',
        params: FilmIdParams,
        body: FilmChange,
        response: { 200: Film, ...problems('forbidden', 'film_not_found', 'film_exists', 'unknown_reference') },
      },
    },
    (request) => films.update(request.params.id, request.body),
  )
  app.delete(
    '/films/:id',
    {
      schema: {
        tags,
        operationId: 'deleteFilm',
        summary: 'Take a film out of the catalogue',
        description:
          'Whoever keeps it in a list or rated it still sees it. A film of our own that nobody keeps or rated is removed for good.',
        params: FilmIdParams,
        response: { 204: NoContent, ...problems('forbidden', 'film_not_found') },
      },
    },
    async (request, reply) => {
      await films.remove(request.params.id)
      return reply.code(204).send(null)
    },
  )
}
