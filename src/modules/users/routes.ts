import formbody from '@fastify/formbody'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { forms } from '../../http/percent-encoding.ts'
import { problems } from '../../http/schemas.ts'
import { Profile, ProfileBody } from './schemas.ts'
import type { UserService } from './service.ts'

/** Needs `authenticate` on its scope. */
export const userRoutes: FastifyPluginAsyncTypebox<{ users: UserService }> = async (app, { users }) => {
  await app.register(formbody, forms)
  const aliases = { '/user': '', '/profile': 'Alias' }
  for (const [url, suffix] of Object.entries(aliases)) {
    app.get(
      url,
      {
        schema: {
          operationId: `getProfile${suffix}`,
          tags: ['users'],
          summary: 'The own profile',
          response: { 200: Profile },
        },
      },
      (request) => users.profile(request.user.id),
    )
    app.patch(
      url,
      {
        schema: {
          operationId: `updateProfile${suffix}`,
          tags: ['users'],
          consumes: ['application/json', 'application/x-www-form-urlencoded'],
          summary: 'Change the own profile',
          body: ProfileBody,
          response: { 200: Profile, ...problems('genre_not_found') },
        },
      },
      (request) => users.update(request.user.id, request.body),
    )
  }
}
