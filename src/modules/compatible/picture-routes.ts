import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { hasCredential, invalidKey } from '../../http/credentials.ts'
import { sendPicture } from '../../http/pictures.ts'
import { anyOrigin, preflight } from '../../http/upstream-form.ts'
import { queueKeyOf } from '../../plugins/auth.ts'
import type { PictureService } from '../pictures/service.ts'
import { errors, PictureParams } from './schemas.ts'

type Posters = Pick<PictureService, 'find' | 'findListed'>

const tags = ['compatible']
const config = { inUpstreamForm: true, cors: false as const }
const pictures = [
  { path: 'kp', name: 'full.jpg', operationId: 'kinopoiskPoster', summary: "A film's poster" },
  { path: 'kp_small', name: 'small.jpg', operationId: 'kinopoiskPosterPreview', summary: "A film's poster, small" },
] as const

/** Upstream's addresses of posters: for keys of the scope `gateway`, and without one what is kept of the catalogue. */
export const compatiblePictureRoutes: FastifyPluginAsyncTypebox<{ posters: Posters }> = async (app, { posters }) => {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers({ ...anyOrigin, 'cross-origin-resource-policy': 'cross-origin', 'cache-control': 'no-store' })
    done()
  })
  app.addHook('onRequest', (request, reply, done) => {
    if (hasCredential(request.headers)) app.authenticate(request, reply, done)
    else done()
  })

  for (const { path, name, operationId, summary } of pictures) {
    const url = `/images/posters/${path}/:id.jpg`
    const schema = {
      ...{ tags, operationId, summary, params: PictureParams, security: [{ apiKey: [] }, {}] },
      description: 'Without a key what is kept of films of the catalogue.',
      response: {
        200: {
          description: 'The picture',
          content: {
            'image/jpeg': { schema: Type.Unsafe<Buffer>({ type: 'string', format: 'binary', maxLength: 10_485_760 }) },
          },
        },
        ...errors,
      },
    }
    app.options(url, { schema: { hide: true }, config }, (_, reply) => reply.headers(preflight).code(204).send())
    app.get(url, { schema, config }, async (request: FastifyRequest, reply: FastifyReply) => {
      const { id } = request.params as { id: number }
      if (request.user && !request.user.key) throw invalidKey()
      const picture = request.user
        ? await posters.find(id, name, queueKeyOf(request))
        : await posters.findListed(id, name)
      if (!picture) throw invalidKey()
      return sendPicture(reply, picture, `${request.user ? 'private' : 'public'}, max-age=86400`)
    })
  }
}
