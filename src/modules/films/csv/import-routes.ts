import type { FileHandle } from 'node:fs/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError } from '../../../errors.ts'
import { clientSignal } from '../../../http/downloads.ts'
import { problems } from '../../../http/schemas.ts'
import { formsPlugin, saveUpload } from '../../../http/uploads.ts'
import { queueKeyOf } from '../../../plugins/auth.ts'
import type { Semaphore } from '../../../semaphore.ts'
import type { FilmImport } from './import-service.ts'
import { ImportForm, ImportQuery, ImportReport } from './schemas.ts'

interface Options {
  filmImport: FilmImport
  /** Files that are here or on their way; what happens to them then is one at a time. */
  uploads: Semaphore
  /** Bytes of a file. */
  limit?: number
}

const maxBytes = 1024 ** 3
// Texts of more would live until a major collection.
const blockBytes = 16 * 1024

/** On a scope for administrators. */
export const filmImportRoutes: FastifyPluginAsyncTypebox<Options> = async (
  app,
  { filmImport, uploads, limit = maxBytes },
) => {
  const closing = new AbortController()
  app.addHook('preClose', async () => closing.abort(new AppError('shutting_down')))
  await app.register(formsPlugin, { only: true })

  app.post(
    '/films/import',
    {
      schema: {
        tags: ['films'],
        operationId: 'importFilms',
        summary: 'Take the films of a CSV into the catalogue',
        description: [
          'The columns of the export, in any order; `name`, `genre` or `genres`, `director` or `director_id`, `rate`, `year` and `minutes` must be there.',
          'A row with an `id` is about that film, a row without about the listed film of that name, or a new one.',
          'A column that is not there is left as it is, an empty cell clears. A bad row is told and left out.',
        ].join(' '),
        consumes: ['multipart/form-data'],
        querystring: ImportQuery,
        body: ImportForm,
        response: {
          200: ImportReport,
          ...problems('invalid_input', 'bad_request', 'invalid_csv', 'forbidden', 'import_running'),
          ...problems(
            'payload_too_large',
            'unsupported_media_type',
            'overloaded',
            'database_unavailable',
            'shutting_down',
          ),
        },
      },
    },
    async (request, reply) => {
      await filmImport.requireNone()
      const release = await uploads.acquire(queueKeyOf(request))
      let file: FileHandle | undefined
      try {
        const { file: upload } = await saveUpload(request, 'file', limit)
        file = upload
        const signal = AbortSignal.any([closing.signal, clientSignal(reply)])
        const { charset, dry_run: dryRun = false } = request.query
        return await filmImport.run({ bytes: () => bytesOf(upload) }, { charset, dryRun, signal })
      } finally {
        await file?.close()
        release()
      }
    },
  )
}

/** From the beginning, whenever it is called: a stream would end with its first reader. All in one buffer. */
async function* bytesOf(file: FileHandle): AsyncGenerator<Buffer> {
  const block = Buffer.allocUnsafeSlow(blockBytes)
  for (let at = 0, length = blockBytes; length > 0; at += length) {
    length = (await file.read(block, 0, blockBytes, at)).bytesRead
    if (length > 0) yield block.subarray(0, length)
  }
}
