import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { setPersonal } from '../../http/cache-headers.ts'
import { type JsonPayload, sendJson } from '../../http/json-payload.ts'
import { queueKeyOf, viewerOf } from '../../plugins/auth.ts'
import { Suggestions, SuggestQuery } from './schemas.ts'
import type { SuggestionService } from './service.ts'

/** On a scope that lets readers of the catalogue in. */
export const suggestionRoutes: FastifyPluginAsyncTypebox<{ suggestions: SuggestionService }> = async (
  app,
  { suggestions },
) => {
  app.get(
    '/suggest',
    {
      schema: {
        tags: ['suggestions'],
        operationId: 'suggestFilms',
        summary: 'Up to ten films whose title words begin so, the best known first',
        description:
          'For a field that suggests while somebody types. Every word of `q` begins a word of the Russian or original title, ' +
          'in any order, also typed in the other keyboard layout; a single letter finds nothing. Of the films known here, or ' +
          'without a token of those in the catalogue; Kinopoisk is never asked.',
        querystring: SuggestQuery,
        response: { 200: Suggestions },
      },
    },
    async (request, reply) => {
      const userId = viewerOf(request)?.id
      const found = await suggestions.find(request.query.q, userId === undefined, queueKeyOf(request))
      return sendJson(setPersonal(reply, userId), found as JsonPayload)
    },
  )
}
