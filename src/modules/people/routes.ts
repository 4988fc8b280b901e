import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { setCacheHeaders } from '../../http/cache-headers.ts'
import { callerOf } from '../../http/caller.ts'
import { problems, upstreamProblems } from '../../http/schemas.ts'
import { Person, PersonParams } from './schemas.ts'
import type { PersonService } from './service.ts'

/** Needs `authenticate` on its scope. */
export const personRoutes: FastifyPluginAsyncTypebox<{ people: PersonService }> = async (app, { people }) => {
  app.get(
    '/people/:id',
    {
      config: { sends: { 200: ['Age', 'Cache-Status'] } },
      schema: {
        tags: ['people'],
        operationId: 'getPerson',
        summary: 'A person by the Kinopoisk id, with the films',
        description: 'The ids are those of `/movies/{id}/staff`. What was asked once is served while Kinopoisk is out.',
        params: PersonParams,
        response: { 200: Person, ...problems('person_not_found', ...upstreamProblems) },
      },
    },
    async (request, reply) => {
      const { person, result } = await people.find(request.params.id, callerOf(request))
      setCacheHeaders(reply, result)
      return person
    },
  )
}
