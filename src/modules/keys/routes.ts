import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { NoContent, problems } from '../../http/schemas.ts'
import { sessionUserOf } from '../../plugins/auth.ts'
import { ApiKey, ApiKeys, KeyBody, KeyChangeBody, KeyParams, NewApiKey } from './schemas.ts'
import type { KeyService } from './service.ts'

const tags = ['keys']

/** Needs `authenticate` on its scope, which no key may enter. */
export const keyRoutes: FastifyPluginAsyncTypebox<{ keys: KeyService }> = async (app, { keys }) => {
  app.get(
    '/user/keys',
    {
      schema: {
        tags,
        operationId: 'listKeys',
        summary: 'The own keys, by id; never what is secret of them',
        response: { 200: ApiKeys },
      },
    },
    (request) => keys.list(request.user.id),
  )
  app.post(
    '/user/keys',
    {
      config: { sends: { 201: ['Location'] } },
      schema: {
        tags,
        operationId: 'createKey',
        summary: 'Make a personal key, for a program',
        description:
          'The answer shows the key, once. It is sent as `X-API-KEY: …` or `Authorization: Bearer …`. It never manages ' +
          "keys, sessions, the password or the account, and never has an administrator's rights. At most 50 a user.",
        body: KeyBody,
        response: { 201: NewApiKey, ...problems('too_many_keys') },
      },
    },
    async (request, reply) => {
      const key = await keys.create(sessionUserOf(request), request.body)
      return reply.code(201).header('location', `/user/keys/${key.id}`).send(key)
    },
  )
  app.patch(
    '/user/keys/:id',
    {
      schema: {
        tags,
        operationId: 'updateKey',
        summary: 'Change the name, scopes, expiry or daily limit of a key',
        params: KeyParams,
        body: KeyChangeBody,
        response: { 200: ApiKey, ...problems('key_not_found') },
      },
    },
    (request) => keys.update(request.user.id, request.params.id, request.body),
  )
  app.delete(
    '/user/keys/:id',
    {
      schema: {
        tags,
        operationId: 'deleteKey',
        summary: 'Delete a key: it is dead at once, at every replica within a second',
        params: KeyParams,
        response: { 204: NoContent, ...problems('key_not_found') },
      },
    },
    async (request, reply) => {
      await keys.remove(request.user.id, request.params.id)
      return reply.code(204).send(null)
    },
  )
}
