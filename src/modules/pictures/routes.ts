import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { sendPicture } from '../../http/pictures.ts'
import { IdParams, problems } from '../../http/schemas.ts'
import { queueKeyOf } from '../../plugins/auth.ts'
import { PosterQuery } from './schemas.ts'
import type { PictureService } from './service.ts'

type Size = 'small' | 'medium' | 'full'

interface Options {
  posters: PictureService
  isSigned(id: number, size: Size, signature: string): boolean
  /** Of where a picture comes from, as `v` of a path has it. */
  versionOf(source: string): string
}

/** On a scope of its own: whoever has a signed path needs no token. */
export const posterRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { posters, isSigned, versionOf }) => {
  const hasSignature = ({ params, query }: FastifyRequest) => {
    const { size = 'medium', signature } = query as { size?: Size; signature?: string }
    return typeof signature === 'string' && isSigned(Number((params as { id: string }).id), size, signature)
  }

  app.addHook('onRequest', (request, reply, done) => {
    if (hasSignature(request)) done()
    else app.authenticate(request, reply, done)
  })

  app.get(
    '/films/:id/poster',
    {
      schema: {
        tags: ['films'],
        operationId: 'getFilmPoster',
        summary: "A film's poster, from here",
        description:
          'Fetched from its host once, when it is first asked for, and drawn anew. `poster` in answers is a signed path, for ' +
          'which no token is needed; any other needs one. With the `v` of the picture caches keep it for a year.',
        params: IdParams,
        querystring: PosterQuery,
        response: {
          200: {
            description: 'The picture',
            content: {
              'image/webp': { schema: Type.Unsafe<Buffer>({ type: 'string', format: 'binary', maxLength: 5_242_880 }) },
            },
          },
          ...problems(
            'film_not_found',
            'picture_not_found',
            'picture_unavailable',
            'storage_unavailable',
            'overloaded',
          ),
        },
      },
    },
    async (request, reply) => {
      const { size = 'medium', v } = request.query
      const picture = await posters.find(request.params.id, `${size}.webp`, queueKeyOf(request))
      // Another replica may not know yet that the film has another picture; without `v` the address stays for any.
      const lifetime = v === versionOf(picture.source) ? 'max-age=31536000, immutable' : 'no-cache'
      return sendPicture(reply, picture, `${hasSignature(request) ? 'public' : 'private'}, ${lifetime}`)
    },
  )
}
