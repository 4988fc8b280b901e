import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { clientSignal, whileSent } from '../../http/downloads.ts'
import { isCurrent } from '../../http/representations.ts'
import { IdParams, NoContent, problems } from '../../http/schemas.ts'
import { formsPlugin, readUpload } from '../../http/uploads.ts'
import { queueKeyOf } from '../../plugins/auth.ts'
import type { PhotoService } from './photo-service.ts'
import { Director, PhotoForm } from './schemas.ts'

const tags = ['directors']
const Bytes = Type.Unsafe<Buffer>({ type: 'string', format: 'binary', maxLength: 5_242_880 })

/** Reading: on a scope that lets readers of the catalogue in. */
export const photoRoutes: FastifyPluginAsyncTypebox<{ photos: PhotoService }> = async (app, { photos }) => {
  app.get(
    '/directors/:id/photo',
    {
      config: { sends: { 302: ['Location'] } },
      schema: {
        tags,
        operationId: 'getDirectorPhoto',
        summary: "A director's photo",
        description:
          'From S3 a redirect to a signed URL, good for 5 minutes; else, and for a page of this origin, the picture.',
        params: IdParams,
        response: {
          200: {
            description: 'The picture',
            content: {
              'image/jpeg': { schema: Bytes },
              'image/png': { schema: Bytes },
              'image/webp': { schema: Bytes },
            },
          },
          302: Type.Null({ description: 'The picture is at `Location`, for 5 minutes' }),
          304: Type.Null({ description: 'The picture is the one that the client has' }),
          ...problems('director_not_found', 'photo_not_found', 'storage_unavailable', 'overloaded'),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const method = request.method === 'HEAD' ? 'HEAD' : 'GET'
      // The policy of our own page lets it ask nobody but us. Over plain http browsers do not say where a request comes from.
      const { 'sec-fetch-site': site, 'x-kinoteka-page': page } = request.headers
      const isOurPage = site === 'same-origin' || page === '1'
      const { key, object } = await photos.find(id, method)
      const isElsewhere = 'url' in object
      if (isElsewhere && !isOurPage) return reply.header('cache-control', 'no-store').redirect(object.url)
      if (isElsewhere) whileSent(reply, await photos.acquirePlace(queueKeyOf(request), { signal: clientSignal(reply) }))
      const { stream, size, contentType } = isElsewhere ? await photos.read(id, key) : object
      const etag = `"${key.replace(/^.*\/|\..*$/g, '')}"`
      reply.headers({ etag, 'cache-control': 'private, no-cache', 'x-content-type-options': 'nosniff' })
      if (isCurrent(request, etag)) {
        stream.destroy()
        return reply.code(304).send(null)
      }
      return reply.headers({ 'content-type': contentType, 'content-length': size }).send(stream as never)
    },
  )
}

/** Writing: on a scope for administrators. */
export const photoAdminRoutes: FastifyPluginAsyncTypebox<{ photos: PhotoService }> = async (app, { photos }) => {
  await app.register(uploadRoute, { photos })

  app.delete(
    '/directors/:id/photo',
    {
      schema: {
        tags,
        operationId: 'deleteDirectorPhoto',
        summary: "Remove a director's photo",
        params: IdParams,
        response: { 204: NoContent, ...problems('forbidden', 'director_not_found', 'photo_not_found') },
      },
    },
    async (request, reply) => {
      await photos.remove(request.params.id)
      return reply.code(204).send(null)
    },
  )
}

const uploadRoute: FastifyPluginAsyncTypebox<{ photos: PhotoService }> = async (app, { photos }) => {
  await app.register(formsPlugin, { only: true })

  app.put(
    '/directors/:id/photo',
    {
      schema: {
        tags,
        operationId: 'setDirectorPhoto',
        summary: "Set or replace a director's photo",
        description:
          'It is drawn anew in its format: upright, at most 2048 pixels on a side, no EXIF, of an animation the first frame.',
        consumes: ['multipart/form-data'],
        params: IdParams,
        body: PhotoForm,
        response: {
          200: Director,
          ...problems('invalid_input', 'bad_request', 'forbidden', 'director_not_found', 'payload_too_large'),
          ...problems('unsupported_media_type', 'storage_unavailable', 'overloaded', 'database_unavailable'),
        },
      },
    },
    (request) =>
      photos.replace(request.params.id, request.user.id, async () => (await readUpload(request, 'photo')).bytes),
  )
}
